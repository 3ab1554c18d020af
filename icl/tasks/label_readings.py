"""Multiple choice: which of a row's options its label means, where that can be told for sure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from icl.errors import UserError, unknown_name
from icl.tasks.cells import Options, Where

__all__ = ["LABEL_READINGS", "LabelReading", "find_answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReading:
    """One way to read labels as options.

    Attributes
    ----------
    words : str
        What a label is, behind "as".
    find : callable
        From a label and a row's options to the option's position; None where the label names none.
    """

    words: str
    find: Callable[[str, Options], int | None]


def _by_text(label: str, options: Options) -> int | None:
    if label in options.texts:
        return options.texts.index(label)
    same = [place for place, text in enumerate(options.texts) if _plain(text) == _plain(label)]
    return same[0] if len(same) == 1 else None


def _plain(text: str) -> str:
    """Reduce a text to what stays the same in another case, spacing or spelling of a number or truth value."""
    text = _TRUTH.get(text.casefold(), text)
    if re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,15})?", text):
        return repr(float(text))
    return " ".join(text.casefold().split())


_TRUTH = {"true": "1", "false": "0", "yes": "1", "no": "0"}


def _by_key(label: str, options: Options) -> int | None:
    return options.marks.index(label) if label in options.marks else None


def _by_letter(label: str, options: Options) -> int | None:
    found = re.fullmatch(r"\(?([A-Za-z])[).:]?", label)
    position = ord(found[1].upper()) - ord("A") if found else len(options.texts)
    return position if position < len(options.texts) else None


def _from_zero(label: str, options: Options) -> int | None:
    return _position(label, options, first=0)


def _from_one(label: str, options: Options) -> int | None:
    return _position(label, options, first=1)


def _position(label: str, options: Options, *, first: int) -> int | None:
    if not re.fullmatch(r"\d{1,4}", label):
        return None
    place = int(label) - first
    return place if 0 <= place < len(options.texts) else None


LABEL_READINGS: dict[str, LabelReading] = {
    "text": LabelReading(words="an option's text", find=_by_text),
    "key": LabelReading(words="the key of an option in its row", find=_by_key),
    "letter": LabelReading(words="a letter (A is the first option)", find=_by_letter),
    "index0": LabelReading(words="a position counted from 0", find=_from_zero),
    "index1": LabelReading(words="a position counted from 1", find=_from_one),
}
"""What a label of multiple choice may be, by the name that `--label-is` takes."""

_POSITIONS = ("letter", "index0", "index1")


def find_answers(
    labels: Sequence[str],
    options: Sequence[Options],
    *,
    column: str,
    origin: str,
    where: Where,
    label_is: str | None = None,
) -> list[str]:
    """Tell for each row the text of the right option, reading all labels of the column in one way.

    A way fits if every label names an option by it. Where several fit, they must name the same options; a row's own
    keys come before letters and positions.

    Parameters
    ----------
    labels, options
        One entry a row.
    column, origin, where
        How messages call the column of labels, the table and a row.
    label_is
        The way to take, one of `LABEL_READINGS`; None finds it out.

    Raises
    ------
    UserError
        If no way fits every row; or two ways fit and name different options; or a position fits every row where the
        options' texts fit more than half of them and name other options.
    """
    if label_is is not None and label_is not in LABEL_READINGS:
        raise unknown_name("reading of labels", label_is, LABEL_READINGS)
    ways = [label_is] if label_is else list(LABEL_READINGS)
    found = {way: [LABEL_READINGS[way].find(*row) for row in zip(labels, options)] for way in ways}
    fitting = {way: places for way, places in found.items() if None not in places}
    if "key" in fitting:
        fitting = {way: places for way, places in fitting.items() if way not in _POSITIONS}
    if not fitting:
        raise _no_option(labels, options, found, column=column, where=where, label_is=label_is)
    rivals = fitting | _nearly_text(found) if "key" not in fitting else fitting
    chosen = next(iter(fitting.values()))
    differ = [row for row, place in enumerate(chosen) if any(p[row] not in (place, None) for p in rivals.values())]
    if differ:
        raise _doubtful(labels, rivals, differ, column=column, origin=origin, where=where)
    return [row.texts[place] for row, place in zip(options, chosen) if place is not None]


def _nearly_text(found: dict[str, list[int | None]]) -> dict[str, list[int | None]]:
    """The reading as texts, where it fits more than half of the rows: hardly by chance."""
    places = found.get("text", [])
    return {"text": places} if 2 * places.count(None) < len(places) else {}


def _no_option(
    labels: Sequence[str],
    options: Sequence[Options],
    found: dict[str, list[int | None]],
    *,
    column: str,
    where: Where,
    label_is: str | None,
) -> UserError:
    hits = max(found.values(), key=lambda places: len(places) - places.count(None))
    row = hits.index(None)
    has = f"{where(row)} has the label {labels[row]!r} in column '{column}', which is "
    listed = " / ".join(options[row].texts)
    if label_is is not None:
        words = LABEL_READINGS[label_is].words
        return UserError(f"{has}not {words} ({listed}); correct it, or choose another --label-is.")
    return UserError(
        f"{has}none of its options ({listed}); give in every row an option's text, or in every row its position from "
        "0 or its letter."
    )


def _doubtful(
    labels: Sequence[str],
    rivals: dict[str, list[int | None]],
    differ: Sequence[int],
    *,
    column: str,
    origin: str,
    where: Where,
) -> UserError:
    shown = sorted(set(labels))
    listed = ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")
    readings = [
        LABEL_READINGS[way].words
        + (f" (in {len(places) - places.count(None)} of {len(places)} rows)" if None in places else "")
        for way, places in rivals.items()
    ]
    return UserError(
        f"the labels {listed} in column '{column}' of {origin} can be read as {' and as '.join(readings)}, which name "
        f"different options in {len(differ)} of {len(labels)} rows, the first in {where(differ[0])}; say what they are "
        f"with --label-is {' or --label-is '.join(rivals)}."
    )
