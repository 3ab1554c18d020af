"""What there is to say about a task's texts: labels that hardly differ, characters that nobody sees."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from icl.tasks.alike import reading_key
from icl.tasks.protocol import AnyTask
from icl.tasks.text import odd_characters

__all__ = ["task_notices"]

_NAMED = 4
"""Groups of labels that are named."""

_QUOTES = "\"'`“”„‘’«»"


def task_notices(task: AnyTask) -> list[str]:
    """Say what a user should know about a task before it is asked, a sentence each.

    How it was read (`AnyTask.notes`); labels, or options of one example, that differ only in letter case, spaces,
    quotes or the form of their characters, and are different answers all the same; labels that are all in quotes;
    control characters and marks of a failed conversion.
    """
    examples = (*task.pool, *task.query_pool)
    said = list(task.notes)
    if task.is_multiple_choice:
        said += _options_alike([example.options for example in examples])
    else:
        said += _labels_alike(Counter(example.label for example in examples))
        said += _labels_in_quotes(task.label_space)
    said += _odd("inputs", [example.input for example in examples])
    said += _odd("labels", task.label_space)
    said += _odd("options", list(dict.fromkeys(option for example in examples for option in example.options)))
    return said


def _labels_alike(counts: Counter[str]) -> list[str]:
    groups = [group for group in _alike(counts) if len(group) > 1]
    said = []
    for group in groups[:_NAMED]:
        named = ", ".join(f"{label!r} ({counts[label]:,})" for label in group)
        said.append(
            f"Labels {named} differ only in case, spaces or signs, and are taken as different labels; write them "
            "alike if they mean the same."
        )
    if len(groups) > _NAMED:
        said.append(f"So do {len(groups) - _NAMED} more groups of labels.")
    return said


def _options_alike(rows: Sequence[tuple[str, ...]]) -> list[str]:
    alike = [options for options in rows if any(len(group) > 1 for group in _alike(options))]
    if not alike:
        return []
    first, second = next(group for group in _alike(alike[0]) if len(group) > 1)[:2]
    return [
        f"{len(alike):,} of {len(rows):,} questions have options that differ only in case, spaces or signs, such as "
        f"{first!r} and {second!r}; they are treated as different answers."
    ]


def _labels_in_quotes(labels: Sequence[str]) -> list[str]:
    if len(labels) < 2 or not all(len(one) > 2 and one[0] in _QUOTES and one[-1] in _QUOTES for one in labels):
        return []
    return [f"All labels are in quotes, such as {labels[0]}, and the quotes are scored with them; remove the quotes."]


def _odd(what: str, texts: Sequence[str]) -> list[str]:
    found = {text: characters for text in texts if (characters := odd_characters(text))}
    if not found:
        return []
    named = list(dict.fromkeys(one for characters in found.values() for one in characters))[:_NAMED]
    first = next(iter(found))
    return [
        f"{len(found):,} of {len(texts):,} {what} hold characters that are not text ({', '.join(named)}), the first of "
        f"them {first[:40]!r}; the data may have been damaged when they were saved."
    ]


def _alike(texts: Iterable[str]) -> list[list[str]]:
    """Group texts that are the same but for what `icl.tasks.alike` leaves out, or spell the same number."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(_key(text), []).append(text)
    return list(groups.values())


def _key(text: str) -> str:
    """Reduce an answer to what it has in common with those that a reader may take for the same; 1 is 1.0."""
    return repr(float(text)) if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,15})?", text) else reading_key(text)
