"""Prompts: the exact text that a model sees, with its parts and its candidates."""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from icl.factors import FACTORS
from icl.prompts.endings import ending, refuse_alike
from icl.prompts.formats import Format
from icl.tasks.demonstrations import Demonstrations
from icl.tasks.example import Example

__all__ = [
    "CONTENT_FREE",
    "DATA_KINDS",
    "LABEL_PREFIX_ALONE",
    "METHODS",
    "Candidate",
    "Candidates",
    "Part",
    "Prompt",
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


DATA_KINDS = frozenset({"input", "option", "label"})
"""Kinds of parts that come from the task; the others are the format's."""


_COLOURS = {
    "instruction": "#8250df",
    "item": "#6e7781",
    "prefix": "#6e7781",
    "option": "#1b7c83",
    "separator": "#9a6700",
    "label": "#1a7f37",
}
"""Kind of a part → its colour in a notebook, readable on white and on black."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a prompt's text and what it is: instruction, item, prefix, input, option, separator or label."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer: the label it stands for, and the text that is appended to the prompt and scored.

    Attributes
    ----------
    label : str
        The label.
    text : str
        What is scored: the label as it is written, and the end of it where that is scored too.
    given : str
        Stands between prompt and text and is not scored: the label word, where the input is scored (method channel).
    end : str
        What `text` ends with beside the label: what the format writes behind a label, where one label begins another.
    behind : str
        Where there is an end: what would come next. It is not scored; it decides how tokenizers cut the end.
    """

    label: str
    text: str
    given: str = ""
    end: str = ""
    behind: str = ""

    @property
    def word(self) -> str:
        """The text without its end."""
        return self.text[: len(self.text) - len(self.end)]

    @property
    def num_bytes(self) -> int:
        """Bytes of the text in UTF-8, without the spaces around the label."""
        return len(self.word.strip().encode()) + len(self.end.encode())


class Candidates(tuple[Candidate, ...]):
    """The candidates of a prompt; prompts of one label space and format share them, and what is made of them."""

    @cached_property
    def positions(self) -> dict[str, int]:
        """Label → position, the first where several have one label."""
        return {candidate.label: place for place, candidate in reversed(list(enumerate(self)))}

    @cached_property
    def question(self) -> str:
        """All texts with what stands before and behind them, as prompts are identified by."""
        return "\x1f".join(
            (f"{c.given}\x1e" if c.given else "") + c.text + (f"\x1d{c.behind}" if c.behind else "") for c in self
        )

    @cached_property
    def _hash(self) -> int:
        return tuple.__hash__(self)

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is put before a scorer. A prompt is never edited after it was scored.

    Attributes
    ----------
    task, format : str
        Names, for tables.
    parts : tuple of Part
        Joined they are the text; it ends where the query's label would stand, without trailing spaces.
    candidates : Candidates
        One a label of the label space, in its order (multiple choice: one an option, in the order they are listed); a
        candidate's text carries the space that precedes it.
    gold_label : str
        The query's gold label; no label mode changes it.
    demonstrations : Demonstrations
        As shown.
    query_id : str
        Which query.
    option_order : int
        Multiple choice: in which order the query's options are listed; 0 as the task has them.
    method : "direct" or "channel"
        What is scored: the label behind the input, or the input behind the label.
    example_length : int or None
        Tokens in one GINC example; None for text.
    is_content_free : bool
        Whether the query's input was taken away or replaced by words without content.
    probes : tuple of str
        The probes that ask for it.
    """

    task: str
    format: str
    parts: tuple[Part, ...]
    candidates: Candidates
    gold_label: str
    demonstrations: Demonstrations
    query_id: str
    option_order: int = 0
    method: str = "direct"
    example_length: int | None = None
    is_content_free: bool = False
    probes: tuple[str, ...] = ()

    def __post_init__(self):
        if not isinstance(self.candidates, Candidates):
            object.__setattr__(self, "candidates", Candidates(self.candidates))

    @property
    def text(self) -> str:
        """The prompt as one string."""
        return "".join(part.text for part in self.parts)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """Show a notebook the text, its parts in colour, and what is scored behind it."""
        painted = "".join(
            f'<span style="color:{_COLOURS.get(part.kind, "inherit")}">{html.escape(part.text)}</span>'
            for part in self.parts
        )
        scored = ", ".join(html.escape(repr(candidate.text)) for candidate in self.candidates[:12])
        more = f", … ({len(self.candidates)} in all)" if len(self.candidates) > 12 else ""
        return (
            f'<pre style="white-space:pre-wrap">{painted}</pre>'
            f"<p>scored: {scored}{more}; gold: {html.escape(repr(self.gold_label))}</p>"
        )

    @cached_property
    def prompt_id(self) -> str:
        """Sixteen hexadecimal digits of text and candidates: equal for equal questions."""
        question = f"{self.text}\x1f{self.candidates.question}" if self.candidates else self.text
        return hashlib.sha256(question.encode()).hexdigest()[:16]

    @property
    def factors(self) -> dict[str, Any]:
        """The value of every factor, in the order of `icl.factors.FACTORS`."""
        told = {"demonstrations": self.demonstrations, "prompt": self, "task": self}
        return {one.name: getattr(told[one.of], one.name) if one.of in told else one.default for one in FACTORS}

    @property
    def gold_index(self) -> int:
        """Position of the gold label among the candidates."""
        return self.positions[self.gold_label]

    @property
    def positions(self) -> dict[str, int]:
        """Label → position among the candidates."""
        return self.candidates.positions

    @property
    def shown_indices(self) -> tuple[int, ...]:
        """Position among the candidates of each shown label, in the order of the demonstrations.

        Left out where what is shown is no candidate: random words, or the options of another question.
        """
        if self.demonstrations.label_mode == "random_words":
            return ()
        position = self.positions
        return tuple(position[label] for label in self.demonstrations.shown_labels or () if label in position)


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
        How each label of the label space is written, before the format's casing; its order is the candidates'. Empty
        for multiple choice, whose candidates are the query's options.
    shown
        How labels are written in demonstrations, where that differs.
    **provenance
        `option_order`, `example_length`, `probes` of the prompt.
    """
    parts = [Part("instruction", format.instruction)]
    for position, demonstration in enumerate(_shown(demonstrations, format, shown or words), start=1):
        label = demonstration.label
        parts += [Part("item", format.number(position))]
        parts += [] if demonstration.input is None else _input_parts(format, demonstration.input)
        if label is not None:
            if demonstration.input is not None:
                parts += [Part("separator", format.field_separator), *_option_parts(format, demonstration.options)]
            parts += _label_parts(format, label)
        parts += [Part("separator", format.demonstration_separator)]
    parts += [Part("item", format.number(len(demonstrations) + 1)), *_input_parts(format, query.input)]
    parts += [Part("separator", format.field_separator), *_option_parts(format, query.options)]
    parts += [Part("prefix", format.label_prefix)]
    finished, space = _without_trailing_space([part for part in parts if part.text])
    return Prompt(
        task=task,
        format=format.name,
        parts=finished,
        candidates=_ended(_candidates(query, format, words), space, format, task),
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
    parts = [Part("instruction", format.instruction)]
    for position, demonstration in enumerate(_shown(demonstrations, format, shown or words), start=1):
        parts += [Part("item", format.number(position))]
        if demonstration.label is not None:
            parts += _label_parts(format, demonstration.label)
        if demonstration.input is not None:
            parts += [] if demonstration.label is None else [Part("separator", format.field_separator)]
            parts += _input_parts(format, demonstration.input)
        parts += [Part("separator", format.demonstration_separator)]
    parts += [Part("item", format.number(len(demonstrations) + 1)), Part("prefix", format.label_prefix)]
    finished, space = _without_trailing_space([part for part in parts if part.text] or [Part("prefix", "")])
    behind = format.field_separator + format.input_prefix
    bare = behind.rstrip(" ")
    text = behind[len(bare) :] + format.write_input(query.input)
    written = _candidates(query, format, words)
    refuse_alike(format, tuple(word for _, word in written), task)
    return Prompt(
        task=task,
        format=format.name,
        parts=finished,
        candidates=Candidates(Candidate(label, text, given=space + word + bare) for label, word in written),
        gold_label=query.label,
        demonstrations=demonstrations,
        query_id=query_id,
        method="channel",
        **provenance,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """One demonstration as it is written; None where the input or the label is not shown."""

    input: str | None
    label: str | None
    options: tuple[str, ...]


def _shown(demonstrations: Demonstrations, format: Format, words: Mapping[str, str]) -> list[_Shown]:
    count = len(demonstrations)
    inputs = demonstrations.inputs if demonstrations.input_mode != "none" else (None,) * count
    labels = demonstrations.shown_labels or (None,) * count
    options = demonstrations.options or ((),) * count
    return [
        _Shown(input=text, label=None if label is None else _answer(format, label, words, of), options=of)
        for text, label, of in zip(inputs, labels, options)
    ]


def _answer(format: Format, label: str, words: Mapping[str, str], options: tuple[str, ...]) -> str:
    """Write an answer: a label's word, an option's text, or the mark under which the option is listed."""
    if format.answer == "mark" and label in options:
        return format.option_mark(options.index(label) + 1)
    return format.write_label(words.get(label, label) if options else words[label])


def _candidates(query: Example, format: Format, words: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Each label with how it is written as an answer to the query."""
    labels = query.options or tuple(words)
    return tuple((label, _answer(format, label, words, query.options)) for label in labels)


@lru_cache(maxsize=1 << 12)
def _ended(written: tuple[tuple[str, str], ...], space: str, format: Format, task: str) -> Candidates:
    """Candidates of a direct prompt, each with the end of its label where one of them begins another."""
    end, behind = ending(format, tuple(word for _, word in written), task)
    return Candidates(Candidate(label, space + word + end, end=end, behind=behind) for label, word in written)


def content_free(prompt: Prompt) -> tuple[Prompt, ...]:
    """Put each of `CONTENT_FREE` in the place of a direct prompt's query: what the demonstrations alone favour."""
    last = _last_input(prompt)
    return tuple(
        replace(
            prompt,
            parts=(*prompt.parts[:last], *([Part("input", text)] if text else []), *prompt.parts[last + 1 :]),
            query_id=f"content-free {text!r}",
            is_content_free=True,
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
        is_content_free=True,
    )


def _input_parts(format: Format, text: str) -> list[Part]:
    return [Part("prefix", format.input_prefix), Part("input", format.write_input(text))]


def _option_parts(format: Format, options: tuple[str, ...]) -> list[Part]:
    if not format.option:
        return []
    return [Part("option", format.write_option(place, option)) for place, option in enumerate(options, start=1)]


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
