"""How a completions server returns log-probabilities: found out by asking it, since no server says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from icl.errors import UserError
from probes.scorers.completions_http import ServerConnection
from probes.scorers.completions_labels import Continuation, label_positions, sum_label
from probes.scorers.completions_logprobs import Position, Told, echoes, read_positions
from probes.scorers.completions_raw import CERTAIN, Sample, refused, require_own, why_not_own
from probes.scorers.completions_reply import Refusal
from probes.scorers.scorer import LabelAnswer

__all__ = ["ModelQueries", "Way", "find_way"]

_PROBES = ("The capital of France is", "1 2 3 4 5 6 7 8")
"""What a server is asked first, to learn how it tells log-probabilities."""

_ECHO_TOLERANCE = 0.3
"""Nats by which an echoed token may differ from the same token when it is generated: 16-bit models compute the two in
batches of other shapes. llama-cpp-python, where a model has no token for the start of a text, is off by one token and
by many nats."""

_NUMBERS_OF_TOP = (5000, 100, 20, 5, 1)
"""How many of the likeliest tokens are asked for; servers allow 5 (OpenAI), 20 (vLLM) or any number (llama.cpp)."""

_GENERATED = 1
"""Tokens that a server writes behind an echo: 0 means "as many as fit" to llama-cpp-python."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a server tells log-probabilities: with echo, or as so many of the likeliest tokens; and why not with echo."""

    echo: bool
    num_top: int
    no_echo: str = ""

    @property
    def name(self) -> str:
        """For records."""
        return "echo" if self.echo else f"{self.num_top} top log-probabilities"


class ModelQueries:
    """The questions that one model of a server is asked; threads may share it.

    Parameters
    ----------
    model
        Its name; empty where the server has one model without a name.
    """

    def __init__(self, connection: ServerConnection, model: str):
        self.url = connection.url
        self._connection = connection
        self._model = {"model": model} if model else {}

    def echo(self, text: str) -> dict:
        """Have a text repeated with the log-probabilities of its tokens."""
        return self._post(text, logprobs=1, echo=True)

    def sum(self, given: str, label: str, behind: str = "") -> LabelAnswer:
        """Score a label by echo; `behind` would follow it, and is not scored."""
        positions = self.read(self.echo(given + label + behind)) or []
        answer = sum_label(positions, given, label, generated=_GENERATED + len(behind.encode()))
        return self.sum(given, label) if answer.reason and behind else answer

    def cut(self, given: str, label: str, behind: str = "") -> tuple[list[Position], range, bool]:
        """Return the tokens of a text, which of them are the label's, and whether one spans the boundary."""
        positions = self.read(self.echo(given + label + behind)) or []
        found = label_positions(positions, given, label, generated=_GENERATED + len(behind.encode()))
        return self.cut(given, label) if behind and not found else (positions, *(found or (range(0), False)))

    def continuation(self, text: str, num_top: int) -> Continuation:
        """Ask for the likeliest tokens behind a text.

        Raises
        ------
        SampledError
            If their numbers are not the model's own.
        """
        answer = self._post(text, logprobs=num_top)
        usage = answer.get("usage")
        counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return Continuation(require_own(self._first(answer), num_top, self.url), counted)

    def told(self, text: str, num_top: int, **options) -> Told:
        """Ask for the likeliest tokens behind a text, whatever their numbers are."""
        return self._first(self._post(text, logprobs=num_top, **options))

    def read(self, answer: dict) -> list[Position] | None:
        """Read a completion's tokens; None where it has no log-probabilities.

        Raises
        ------
        Refusal
            If it has no known shape.
        """
        try:
            return read_positions(answer)
        except ValueError as error:
            raise Refusal(f"server {self.url} sent a completion that cannot be read ({error}).") from error

    def _first(self, answer: dict) -> Told:
        """Read what a completion tells of its first token."""
        positions = self.read(answer)
        return positions[0].told if positions else Told()

    def _post(self, text: str, **options) -> dict:
        body = {**self._model, "prompt": text, "max_tokens": _GENERATED, "temperature": 0, **options}
        return self._connection.post("completions", body)


def find_way(queries: ModelQueries) -> Way:
    """Learn from a few requests how a server tells log-probabilities; echo is used where it can be believed.

    Raises
    ------
    UserError
        If it tells none.
    SampledError
        If it tells what sampling made of them.
    """
    num_top, refusal = _most_top(queries)
    samples = [_sample(queries, given, num_top) for given in _PROBES]
    sampled = why_not_own(samples, num_top)
    no_echo = _why_no_echo(queries, samples)
    if not no_echo:
        return Way(True, num_top, "")
    if sampled:
        raise refused(queries.url, sampled)
    if num_top:
        return Way(False, num_top, no_echo)
    if refusal:
        raise refusal
    raise UserError(
        f"server {queries.url} returns no log-probabilities; start it with an option that enables them "
        "(llama-cpp-python: --logits_all true), or use another server."
    )


def _most_top(queries: ModelQueries) -> tuple[int, Refusal | None]:
    """Find how many of the likeliest tokens the server tells; 0 with its last refusal, if it refused."""
    refusal = None
    for num_top in _NUMBERS_OF_TOP:
        try:
            if queries.told(_PROBES[0], num_top).pieces:
                return num_top, None
        except Refusal as error:
            refusal = error
    return 0, refusal


def _sample(queries: ModelQueries, given: str, num_top: int) -> Sample:
    if not num_top:
        return Sample(Told(), None)
    cold = queries.told(given, num_top)
    try:
        return Sample(cold, queries.told(given, num_top, temperature=1, top_p=1))
    except Refusal:
        return Sample(cold, None)


def _why_no_echo(queries: ModelQueries, samples: Sequence[Sample]) -> str:
    """Say why the server's echo cannot be used; empty where it can.

    Tokens of a prompt are not sampled, so an echo may be the model's own though what is generated is not: it is
    compared with what is generated at temperature 1, which changes nothing.
    """
    for given, sample in zip(_PROBES, samples):
        told = sample.cold if sample.warm is None else sample.warm
        words = {
            text: value
            for piece, value in told.top.items()
            if (text := piece.decode(errors="replace")).strip().isalnum()
        }
        label = max(words, key=words.__getitem__, default=" Paris")
        try:
            answer = queries.echo(given + label)
            positions = queries.read(answer) or []
        except Refusal as refusal:
            return str(refusal)
        echoed = sum_label(positions, given, label, generated=_GENERATED)
        if not echoes(answer, given) or len(positions) <= _GENERATED:
            return "it does not echo prompts with their tokens"
        if all(position.logprob > CERTAIN for position in positions[1:]):
            return "it says that every token of a prompt which it echoes is certain"
        if any(position.piece in position.told.masked for position in positions):
            return "it says that tokens of a prompt which it echoes are impossible"
        if echoed.reason:
            return echoed.reason
        if label in words and echoed.num_tokens == 1 and abs(echoed.logprob - words[label]) > _ECHO_TOLERANCE:
            return (
                f"it echoes {label!r} behind {given!r} with log-probability {echoed.logprob:.2f}, "
                f"but generates it with {words[label]:.2f}"
            )
    return ""
