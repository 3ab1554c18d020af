"""What there is to say about the texts of some prompts before a model is asked: each a sentence for the user."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from icl.prompts.endings import begin_one_another
from icl.prompts.formats import Format
from icl.prompts.marks import find_mark
from icl.prompts.render import DATA_KINDS, Candidate, Prompt
from icl.tasks.alike import reading_key
from icl.tasks.draw import examples_by_id, near_twins
from icl.tasks.protocol import AnyTask

__all__ = ["control_notice", "data_texts", "ending_notices", "find_control_like", "format_notices", "twin_notices"]

_CONTROL_LIKE = re.compile(
    r"<[|｜][^<>\s]{1,60}[|｜]>|</?s>|\[/?INST\]|<</?SYS>>|\[(?:CLS|SEP|MASK|PAD|UNK|BOS|EOS)\]"
    r"|</?(?:bos|eos|pad|unk|mask|think|tool_call|tool_response|start_of_turn|end_of_turn)>"
)

_NAMED = 8
"""Formats, or pairs of labels, that are named."""

_ALIKE = "the same apart from case, spaces, or punctuation around them"

_QUOTED = 40
"""Characters of a text that are quoted."""


@dataclass(slots=True)
class _Held:
    """Texts put into prompts of one format, and which of them hold what the format writes."""

    texts: set[str] = field(default_factory=set)
    holding: dict[str, str] = field(default_factory=dict)
    prompts: int = 0
    touched: int = 0


def format_notices(prompts: Iterable[Prompt], formats: Mapping[str, Format]) -> list[str]:
    """Count the inputs and labels that hold text which their format itself writes, as a line that begins with "A:".

    Parameters
    ----------
    formats
        The prompts' formats by name.
    """
    counted: dict[str, _Held] = {}
    for prompt in prompts:
        if prompt.is_content_free or (format := formats[prompt.format]).world != "text":
            continue
        held = counted.setdefault(prompt.format, _Held())
        texts = data_texts(prompt)
        for text in texts - held.texts:
            if mark := find_mark(format, prompt.method, text):
                held.holding[text] = mark
        held.texts |= texts
        held.prompts += 1
        held.touched += not texts.isdisjoint(held.holding)
    found = sorted(((name, one) for name, one in counted.items() if one.holding), key=lambda pair: -pair[1].touched)
    said = [_sentence(name, held) for name, held in found[:_NAMED]]
    if len(found) > _NAMED:
        said.append(f"So do inputs in {len(found) - _NAMED} more formats.")
    return said


def twin_notices(task: AnyTask, prompts: Iterable[Prompt]) -> list[str]:
    """Count the near duplicates of queries that are left out of demonstrations, and those with another label."""
    queries = {prompt.query_id for prompt in prompts if len(prompt.demonstrations) and not prompt.is_content_free}
    examples = examples_by_id(task)
    if twins := near_twins(task, [(name, examples[name]) for name in queries]):
        left_out = [
            f"{len(twins):,} of the {len(task.pool):,} examples of task '{task.name}' are near duplicates of queries "
            f"({_ALIKE}), such as {quoted(task.pool[min(twins)].input)}; they are left out of the demonstrations, "
            "which would show the query with its answer."
        ]
    else:
        left_out = []
    return left_out + _torn_twins(task)


def _torn_twins(task: AnyTask) -> list[str]:
    groups: dict[tuple, dict[str, list[str]]] = {}
    for example in (*task.pool, *task.query_pool):
        alike = (reading_key(example.input), *sorted(map(reading_key, example.options)))
        groups.setdefault(alike, {}).setdefault(example.label, []).append(example.input)
    options = task.is_multiple_choice
    torn = [
        group for group in groups.values() if len({reading_key(label) for label in group} if options else group) > 1
    ]
    if not torn:
        return []
    (label, (one, *_)), (other_label, (other, *_)) = list(torn[0].items())[:2]
    count = sum(len(inputs) for group in torn for inputs in group.values())
    return [
        f"{count:,} examples of task '{task.name}' are near duplicates of others with another label ({_ALIKE}), such "
        f"as {quoted(one)} ({label}) and {quoted(other)} ({other_label}); check which label is right."
    ]


def ending_notices(prompts: Iterable[Prompt]) -> list[str]:
    """Say where labels begin one another, so that they are scored with their end."""
    ends: dict[str, dict[str, None]] = {}
    pairs: dict[tuple[str, str], None] = {}
    seen: set[tuple] = set()
    for prompt in prompts:
        if not prompt.candidates[0].end or (prompt.format, prompt.candidates) in seen:
            continue
        seen.add((prompt.format, prompt.candidates))
        ends.setdefault(prompt.candidates[0].end, {})[prompt.format] = None
        pairs |= dict.fromkeys(begin_one_another([candidate.word.strip() for candidate in prompt.candidates]))
    if not pairs:
        return []
    named = ", ".join(f"{one!r} and {other!r}" for one, other in list(pairs)[:_NAMED])
    more = f", and {len(pairs) - _NAMED:,} more" if len(pairs) > _NAMED else ""
    written = "; ".join(f"{end!r} in {', '.join(list(names)[:_NAMED])}" for end, names in list(ends.items())[:_NAMED])
    return [
        f"Some labels are the beginning of others ({named}{more}), so each is scored with its end: what the format "
        f"writes after a label ({written}), or a chat template after a reply. The end counts among its tokens and "
        "bytes."
    ]


def control_notice(
    prompts: Iterable[Prompt], find: Callable[[str], Sequence[str]], whose: str, consequence: str
) -> list[str]:
    """Count the prompts whose inputs, options or labels spell control tokens.

    Parameters
    ----------
    find
        Text → the control tokens in it.
    whose, consequence
        Who takes them for such, and what follows from it, for the sentence.
    """
    found: dict[str, Sequence[str]] = {}
    total = touched = 0
    for prompt in prompts:
        texts = _shown_texts(prompt)
        found |= {text: find(text) for text in texts if text not in found}
        total += 1
        touched += any(found[text] for text in texts)
    if not touched:
        return []
    named = dict.fromkeys(token for tokens in found.values() for token in tokens)
    examples = ", ".join(map(quoted, list(named)[:4])) + (", …" if len(named) > 4 else "")
    holding = sum(map(bool, found.values()))
    return [
        f"{holding:,} of {len(found):,} inputs and labels, in {touched:,} of {total:,} prompts, hold what {whose} "
        f"({examples}); {consequence}."
    ]


def find_control_like(text: str) -> tuple[str, ...]:
    """List what looks like a control token of some tokenizer, where it is not known which tokens there are."""
    return tuple(dict.fromkeys(_CONTROL_LIKE.findall(text)))


def _shown_texts(prompt: Prompt) -> set[str]:
    """All texts of a prompt that come from the task, the candidates among them."""
    texts = {part.text.strip() for part in prompt.parts if part.kind in DATA_KINDS}
    return texts | _candidate_texts(prompt.candidates)


@lru_cache(maxsize=1 << 12)
def _candidate_texts(candidates: tuple[Candidate, ...]) -> frozenset[str]:
    return frozenset((candidate.given + candidate.word).strip() for candidate in candidates)


@lru_cache(maxsize=1 << 12)
def _words(candidates: tuple[Candidate, ...]) -> frozenset[str]:
    return frozenset(candidate.word.strip(" ") for candidate in candidates)


def data_texts(prompt: Prompt) -> set[str]:
    """Return the texts of a prompt that come from the task's data: inputs, labels, and the options that are listed."""
    texts = {part.text for part in prompt.parts if part.kind == "input"}
    texts |= _words(prompt.candidates)
    texts |= {part.text for part in prompt.parts if part.kind == "label"}
    if any(part.kind == "option" for part in prompt.parts):
        texts.update(*prompt.demonstrations.options, (candidate.label for candidate in prompt.candidates))
    return texts


def _sentence(name: str, held: _Held) -> str:
    mark = next(iter(held.holding.values()))
    return (
        f"Format '{name}': {len(held.holding):,} of {len(held.texts):,} inputs and labels hold text that the format "
        f"itself writes ({quoted(mark)}), in {held.touched:,} of {held.prompts:,} prompts, so a model may read a part "
        "of an input as an answer or as another demonstration; use another of --formats, or edit the inputs."
    )


def quoted(text: str) -> str:
    """Quote a text, cut short."""
    return repr(text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…")
