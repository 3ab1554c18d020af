"""Language models behind an OpenAI-compatible completions server: vLLM, llama.cpp, llama-cpp-python and the like.

A server that repeats the prompt with its tokens' log-probabilities (echo) is asked once a candidate. One that tells the
likeliest next tokens only is led along the candidate, a request a token.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache, cached_property
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from icl.prompts.audit import control_notice, find_control_like
from icl.prompts.render import Prompt
from probes.scorers.completions_http import ServerConnection
from probes.scorers.completions_labels import follow
from probes.scorers.completions_logprobs import spelled
from probes.scorers.completions_reply import ContextExceededError, Refusal
from probes.scorers.completions_way import ModelQueries, Way, find_way
from probes.scorers.scorer import Answer, LabelAnswer, Progress, Scorer, as_table
from probes.scorers.server_address import read_address, without_credentials
from probes.scorers.tied_labels import TiedLabels

__all__ = ["CompletionsScorer"]


class CompletionsScorer(Scorer):
    """log p(candidate | prompt) of a model behind an OpenAI-compatible completions server.

    The server cuts text into tokens. With echo a token that spans the boundary of prompt and candidate is the
    candidate's, and echo is believed only where it agrees with what is generated. Among top log-probabilities the
    candidate is followed token by token behind a prompt that is cut alone; where its next token is not told it is NaN,
    with a bound that it lies below.

    Parameters
    ----------
    url
        Root of the API, such as ``http://127.0.0.1:8000/v1``, with ``#MODEL`` behind it where the server has several.
        A key is read from the environment variable ``OPENAI_API_KEY``.
    concurrency
        Requests under way at most.
    timeout
        Seconds that one request may take.
    retries
        How often a request is repeated after a time-out, a closed connection, or HTTP 408, 429 or 5xx.

    Raises
    ------
    UserError
        If it is no URL, nothing answers there, or the server has several models and none is named.
    """

    def __init__(self, url: str, *, concurrency: int = 8, timeout: float = 60.0, retries: int = 4):
        address = read_address(url)
        self._root = address.root
        self._concurrency, self._timeout, self._retries = concurrency, timeout, retries
        self._counts: Counter[str] = Counter()
        self._ties = TiedLabels(self._shown_url)
        self._model = address.model or self._only_model()
        base = re.split(r"[/\\]", self._model.rstrip("/\\"))[-1].removesuffix(".gguf")
        self.name = base or urlsplit(self._shown_url).netloc

    def __call__(self, prompts: Sequence[Prompt]) -> Float[ndarray, "num_prompts num_candidates"]:
        """Log-probability in nats of each candidate, summed over its tokens; NaN where the server does not tell it."""
        if not prompts:
            return np.empty((0, 0))
        return as_table(self.answer(prompts), len(prompts))

    def answer(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Iterator[tuple[int, Answer]]:
        """Yield each prompt's position and answers as soon as all its candidates are known.

        Raises
        ------
        UserError
            If a request fails for good; prompts that were under way then are still yielded before. If the server
            gives two labels the same number whatever the prompt.
        """
        way, done, failure = self._way, 0, None
        running: dict[Future[Answer], int] = {}
        waiting = iter(enumerate(prompts))
        pool = ThreadPoolExecutor(self._concurrency)
        with self._connect() as connection:
            queries = ModelQueries(connection, self._model)
            try:
                while True:
                    while not failure and len(running) < self._concurrency and (entry := next(waiting, None)):
                        running[pool.submit(self._score, queries, way, entry[1])] = entry[0]
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        position = running.pop(future)
                        if error := future.exception():
                            failure = failure or error
                            connection.give_up()
                            continue
                        self._ties.note(prompts[position], future.result())
                        yield position, future.result()
                        done += 1
                        if progress:
                            progress(done, len(prompts))
            finally:
                connection.give_up()
                pool.shutdown(wait=False, cancel_futures=True)
        if failure:
            raise failure

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Ask the server how it tells log-probabilities; refuse what it cannot score."""
        for candidate in {candidate for prompt in prompts for candidate in prompt.candidates}:
            if not candidate.text:
                raise UserError(f"the label {candidate.label!r} is written as nothing; use another word or format.")
        if not self._way.echo and any(prompt.method == "channel" for prompt in prompts):
            raise UserError(
                f"method channel scores whole inputs, which needs echo, but of server {self._shown_url} only top "
                f"log-probabilities can be used ({self._way.no_echo}); leave the method out, or use vLLM."
            )

    def notices(self, prompts: Sequence[Prompt]) -> list[str]:
        """Say where texts look like control tokens: the server cuts them, as it likes."""
        return control_notice(
            prompts,
            find_control_like,
            f"server {self._shown_url} may know as control tokens",
            "it tokenises text itself, so it may read them as such; edit the texts, or score the model "
            "without a server",
        )

    def token_lines(self, prompt: Prompt) -> list[str]:
        """Show how the server cuts prompt and candidates, where it echoes them."""
        if not self._way.echo:
            return [f"server {self._shown_url} does not say how it tokenises a prompt"]
        lines: list[str] = []
        with self._connect() as connection:
            queries = ModelQueries(connection, self._model)
            for candidate in prompt.candidates:
                positions, label, spans = queries.cut(prompt.text + candidate.given, candidate.text, candidate.behind)
                if not lines:
                    before = positions[: label.start]
                    lines.append(f"{len(before)} tokens of {self.name}: {spelled(before)}")
                clean = "  (boundary not clean: a token spans it)" if spans else ""
                lines.append(f"  {candidate.text!r} → {spelled(positions[label.start : label.stop])}{clean}")
        return lines

    def identity(self) -> dict[str, str]:
        """Server, model, how it is asked, and what the server tells of the model; times are left out."""
        told = {"owned_by": self._told.get("owned_by"), "root": self._told.get("root")}
        told |= {"max_model_len": self._told.get("max_model_len")}
        meta = self._told.get("meta")
        if isinstance(meta, dict):
            told |= {f"meta.{key}": value for key, value in sorted(meta.items())}
        known = {key: str(value) for key, value in told.items() if isinstance(value, str | int | float)}
        asked = {"url": self._shown_url, "model": self._model or "(not named)", "way": self._way.name}
        return {"scorer": "completions server", **asked, **known}

    def reading(self) -> dict[str, object]:
        """Requests, repetitions among them, and the tokens that the server says it read and wrote."""
        names = ("requests", "retries", "prompt_tokens", "completion_tokens")
        told: dict[str, object] = {name: self._counts[name] for name in names if name in self._counts}
        if "_way" in self.__dict__:
            told |= {"way": self._way.name} | ({"no echo": self._way.no_echo} if self._way.no_echo else {})
        return told

    def _connect(self) -> ServerConnection:
        return ServerConnection(
            self._root,
            timeout=self._timeout,
            retries=self._retries,
            connections=self._concurrency,
            counts=self._counts,
        )

    @property
    def _shown_url(self) -> str:
        return without_credentials(self._root)

    @cached_property
    def _models(self) -> dict[str, dict]:
        """What the server says it serves: name → record; empty where it does not tell."""
        with self._connect() as connection:
            try:
                listed = connection.get("models").get("data")
            except Refusal:
                return {}
        records = [record for record in listed if isinstance(record, dict)] if isinstance(listed, list) else []
        return {record["id"]: record for record in records if isinstance(record.get("id"), str)}

    def _only_model(self) -> str:
        if len(self._models) > 1:
            raise UserError(
                f"server {self._shown_url} serves {len(self._models)} models: {', '.join(sorted(self._models))}; name "
                f"one: {self._shown_url}#{min(self._models)}."
            )
        return next(iter(self._models), "")

    @property
    def _told(self) -> dict:
        return self._models.get(self._model, {})

    @cached_property
    def _way(self) -> Way:
        with self._connect() as connection:
            return find_way(ModelQueries(connection, self._model))

    def _score(self, queries: ModelQueries, way: Way, prompt: Prompt) -> Answer:
        """Ask for every candidate of one prompt; a prompt that is too long is NaN with the server's words."""
        ask = cache(lambda context: queries.continuation(context, way.num_top))
        answers = []
        for candidate in prompt.candidates:
            given = prompt.text + candidate.given
            try:
                if way.echo:
                    answers.append(queries.sum(given, candidate.text, candidate.behind))
                else:
                    answers.append(follow(ask, given, candidate.text))
            except ContextExceededError as error:
                answers.append(LabelAnswer(math.nan, num_tokens=0, reason=str(error)))
            except Refusal as error:
                if given:
                    raise
                answers.append(
                    LabelAnswer(math.nan, num_tokens=0, reason=f"nothing stands before the label, and {error}")
                )
        return Answer.of(answers)
