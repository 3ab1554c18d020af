"""Prompts: the exact text that a model sees, with its parts and its candidates."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from icl.errors import UserError
from icl.prompts.demonstrations import Demonstrations
from icl.prompts.formats import Format
from icl.tasks.task import Example

__all__ = [
    "CONTENT_FREE",
    "LABEL_PREFIX_ALONE",
    "METHODS",
    "Candidate",
    "Part",
    "Prompt",
    "check_words",
    "content_free",
    "label_prior",
    "render",
    "render_channel",
]

METHODS = ("direct", "channel")
"""How a label is scored: log p(label | input), or log p(input | label) with the demonstrations turned round (Min)."""

LABEL_PREFIX_ALONE = "label prefix alone"
"""Identity of the query of `label_prior`."""

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Queries without content, for contextual calibration (Zhao §4)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a prompt's text and what it is: instruction, prefix, input, separator or label."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer: the label it stands for, and the text that is appended to the prompt and scored.

    `given` stands between the two and is not scored: the label word, where the input is scored (method channel).
    """

    label: str
    text: str
    given: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is put before a scorer. A prompt is never edited after it was scored.

    Attributes
    ----------
    task, format : str
        Names, for tables.
    parts : tuple of Part
        Joined they are the text; it ends where the query's label would stand, without trailing spaces.
    candidates : tuple of Candidate
        One a label of the label space, in its order; a candidate's text carries the space that precedes it.
    gold_label : str
        The query's gold label; no label mode changes it.
    demonstrations : Demonstrations
        As shown.
    query_id : str
        Which query.
    input_mode : str
        Where the shown inputs came from.
    order : int
        Order of the demonstrations; 0 as drawn.
    method : "direct" or "channel"
        What is scored: the label behind the input, or the input behind the label.
    example_length : int or None
        Tokens in one GINC example; None for text.
    probes : tuple of str
        The probes that ask for it.
    """

    task: str
    format: str
    parts: tuple[Part, ...]
    candidates: tuple[Candidate, ...]
    gold_label: str
    demonstrations: Demonstrations
    query_id: str
    input_mode: str = "task"
    order: int = 0
    method: str = "direct"
    example_length: int | None = None
    probes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The prompt as one string."""
        return "".join(part.text for part in self.parts)

    @property
    def prompt_id(self) -> str:
        """Sixteen hexadecimal digits of text and candidates: equal for equal questions."""
        candidates = (f"{c.given}\x1e{c.text}" if c.given else c.text for c in self.candidates)
        question = "\x1f".join([self.text, *candidates])
        return hashlib.sha256(question.encode()).hexdigest()[:16]

    @property
    def gold_index(self) -> int:
        """Position of the gold label among the candidates."""
        return next(i for i, candidate in enumerate(self.candidates) if candidate.label == self.gold_label)

    @property
    def shown_indices(self) -> tuple[int, ...]:
        """Position among the candidates of each shown label, in the order of the demonstrations."""
        position = {candidate.label: i for i, candidate in enumerate(self.candidates)}
        return tuple(position[label] for label in self.demonstrations.shown_labels or ())


def render(
    task: str,
    demonstrations: Demonstrations,
    query: Example,
    format: Format,
    *,
    words: Mapping[str, str],
    shown: Mapping[str, str] | None = None,
    query_id: str = "query",
    **provenance,
) -> Prompt:
    """Write demonstrations and query down in `format`, the query's label left open.

    Parameters
    ----------
    task
        Task's name.
    words
        How each label of the label space is written, before the format's casing; its order is the candidates'.
    shown
        How labels are written in demonstrations, where that differs.
    **provenance
        `input_mode`, `order`, `example_length`, `probes` of the prompt.
    """
    shown = {label: format.write_label(word) for label, word in (shown or words).items()}
    words = {label: format.write_label(word) for label, word in words.items()}
    parts = [Part("instruction", format.instruction)]
    labels = demonstrations.shown_labels or (None,) * len(demonstrations)
    for text, label in zip(demonstrations.inputs, labels):
        parts += _input_parts(format, text)
        if label is not None:
            parts += [Part("separator", format.field_separator), *_label_parts(format, shown[label])]
        parts += [Part("separator", format.demonstration_separator)]
    parts += _input_parts(format, query.input)
    parts += [Part("separator", format.field_separator), Part("prefix", format.label_prefix)]
    finished, space = _without_trailing_space([part for part in parts if part.text])
    return Prompt(
        task=task,
        format=format.name,
        parts=finished,
        candidates=tuple(Candidate(label, space + word) for label, word in words.items()),
        gold_label=query.label,
        demonstrations=demonstrations,
        query_id=query_id,
        **provenance,
    )


def render_channel(
    task: str,
    demonstrations: Demonstrations,
    query: Example,
    format: Format,
    *,
    words: Mapping[str, str],
    shown: Mapping[str, str] | None = None,
    query_id: str = "query",
    **provenance,
) -> Prompt:
    """Write demonstrations turned round, label before input, and score the query's input behind each label (Min §4).

    Takes what `render` takes; a demonstration reads ``label_prefix label field_separator input_prefix input``.
    """
    shown = {label: format.write_label(word) for label, word in (shown or words).items()}
    words = {label: format.write_label(word) for label, word in words.items()}
    parts = [Part("instruction", format.instruction)]
    labels = demonstrations.shown_labels or (None,) * len(demonstrations)
    for text, label in zip(demonstrations.inputs, labels):
        if label is not None:
            parts += [*_label_parts(format, shown[label]), Part("separator", format.field_separator)]
        parts += [*_input_parts(format, text), Part("separator", format.demonstration_separator)]
    parts += [Part("prefix", format.label_prefix)]
    finished, space = _without_trailing_space([part for part in parts if part.text] or [Part("prefix", "")])
    behind = format.field_separator + format.input_prefix
    bare = behind.rstrip(" ")
    text = behind[len(bare) :] + format.write_input(query.input)
    return Prompt(
        task=task,
        format=format.name,
        parts=finished,
        candidates=tuple(Candidate(label, text, given=space + word + bare) for label, word in words.items()),
        gold_label=query.label,
        demonstrations=demonstrations,
        query_id=query_id,
        method="channel",
        **provenance,
    )


def content_free(prompt: Prompt) -> tuple[Prompt, ...]:
    """Put each of `CONTENT_FREE` in the place of a direct prompt's query: what the demonstrations alone favour."""
    last = _last_input(prompt)
    return tuple(
        replace(
            prompt,
            parts=(*prompt.parts[:last], *([Part("input", text)] if text else []), *prompt.parts[last + 1 :]),
            query_id=f"content-free {text!r}",
        )
        for text in CONTENT_FREE
    )


def label_prior(prompt: Prompt) -> Prompt:
    """Keep only what stands between a direct prompt's query and its label: what PMI compares with."""
    behind = "".join(part.text for part in prompt.parts[_last_input(prompt) + 1 :]).lstrip()
    return replace(
        prompt,
        parts=(Part("prefix", behind),) if behind else (),
        demonstrations=prompt.demonstrations.first(0),
        query_id=LABEL_PREFIX_ALONE,
    )


def check_words(format: Format, words: Mapping[str, str], task: str) -> None:
    """Refuse a format that writes two labels the same, or one as the beginning of another.

    Raises
    ------
    UserError
        Naming the two words.
    """
    written = sorted(format.write_label(word) for word in words.values())
    for first, second in pairwise(written):  # sorted, so a beginning stands right before what it begins
        if second.startswith(first):
            raise UserError(
                f"format '{format.name}' writes the labels of task '{task}' so that {first!r} begins {second!r}; "
                "use a format that keeps their casing, or rename one."
            )


def _input_parts(format: Format, text: str) -> list[Part]:
    return [Part("prefix", format.input_prefix), Part("input", format.write_input(text))]


def _label_parts(format: Format, word: str) -> list[Part]:
    return [Part("prefix", format.label_prefix), Part("label", word)]


def _last_input(prompt: Prompt) -> int:
    return max(index for index, part in enumerate(prompt.parts) if part.kind == "input")


def _without_trailing_space(parts: list[Part]) -> tuple[tuple[Part, ...], str]:
    """Move spaces at the prompt's end to the candidates: models read " positive" as one token, not " " first."""
    last = parts[-1]
    bare = last.text.rstrip(" ")
    kept = parts[:-1] + ([Part(last.kind, bare)] if bare else [])
    return tuple(kept), last.text[len(bare) :]
