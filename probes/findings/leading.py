"""The sentences that come first, on the page as on the terminal: what clearly moved a model, which way and where."""

from collections.abc import Sequence

import numpy as np

from icl.prompts.label_modes import known_label_mode
from probes.figures.words import listed, number, points
from probes.findings.findings import CORRECTION, DEMONSTRATIONS, FORMAT, LABELS, PARTS, Finding
from probes.findings.selection import length_words

__all__ = ["elsewhere", "lead", "mode_words", "others", "phrase", "range_words", "shots_words", "signed"]

_MODES: dict[str, str] = {
    "random_marginal": "labels drawn at random by their frequency",
    "symbols": "symbols as labels",
    "random_words": "random words as labels",
    "none": "demonstrations without labels",
}

_MOST_ELSEWHERE = 4


def lead(found: Sequence[Finding]) -> str:
    """Say what the effects that were chosen beforehand are: each by name, direction, size and interval.

    Empty where the run compares nothing; else a sentence that says at least that nothing has an interval.
    """
    leading = [one for one in found if one.leads]
    known = [one for one in leading if one.known]
    if not leading:
        return ""
    if not known:
        return f"Nothing that was varied for {leading[0].model} has an interval, so nothing can be said about effects."
    moved, still = [one for one in known if one.clear], [one for one in known if not one.clear]
    parts = [phrase(one, unit=place == 0) for place, one in enumerate(moved)]
    if still:
        parts.append(f"no clear effect of {listed(f'{_subject(one)} ({signed(one)})' for one in still)}")
    return f"{known[0].model}, {_setting(known)}: {'; '.join(parts)}.{_largest(known, moved)}"


def elsewhere(found: Sequence[Finding]) -> str:
    """Name the largest effect of each factor in other conditions that is clear after correction and says more.

    It says more where the factor's leading effect is not clear, is smaller, or goes the other way.
    """
    told: list[Finding] = []
    for factor in dict.fromkeys(one.factor for one in found):
        first = next((one for one in found if one.factor == factor and one.leads), None)
        rest = [one for one in found if one.factor == factor and one.stands and not one.leads]
        told += [one for one in rest[:1] if _says_more(one, first)]
        told += [one for one in rest[1:] if not one.is_spread and one.estimate * rest[0].estimate < 0][:1]
    told = sorted(told, key=lambda one: -one.size[0])[:_MOST_ELSEWHERE]
    if not told:
        return ""
    said = "; ".join(f"{phrase(one)}, {one.where}" for one in told)
    return f"Elsewhere, also clear after {CORRECTION}: {said}."


def others(found: Sequence[Finding]) -> str:
    """Count the effects of the other conditions: clear after correction, clear only without it, not clear."""
    rest = [one for one in found if not one.leads and one.known]
    tested, spreads = [one for one in rest if not one.is_spread], [one for one in rest if one.is_spread]
    said = []
    if tested:
        family = sum(one.known and not one.is_spread for one in found)
        over = f"over the {family} differences in accuracy of this model" if family > 1 else "of one difference"
        said.append(f"{_share(tested)} clear after {CORRECTION} {over}")
    if spreads:
        said.append(f"{_share(spreads, 'spread over formats', 'spreads over formats')} clear by the rule for spreads")
    if not said:
        return ""
    text = f"Other conditions: {'; '.join(said)}."
    only = [one for one in tested if one.clear and not one.stands]
    if only:
        beside = f"{len(only)} more exclude{'s' if len(only) == 1 else ''} 0 only without the correction"
        which = "" if len(only) == 1 else "the largest, "
        text += f" {beside}: {which}{signed(only[0])}, {only[0].where}."
    return text


def phrase(one: Finding, *, unit: bool = False) -> str:
    """Say an effect that is clear, with its direction; the condition stands elsewhere.

    Parameters
    ----------
    unit
        Whether to say what the numbers are, for the first of several.
    """
    of, interval = (" of accuracy", "90 % interval ") if unit else ("", "")
    size, low, high = one.size
    reach = f"{interval}{points(low)} to {points(high)}"
    amount = f"{points(size)} points{of}"
    if one.factor == FORMAT:
        return f"formats are {amount} apart ({reach}; best {one.compared}, worst {one.baseline})"
    gained = one.estimate > 0
    if one.factor == LABELS:
        return f"{mode_words(one.label_mode)} {'lost' if gained else 'gained'} {amount} against gold labels ({reach})"
    verb = "gained" if gained else "lost"
    if one.factor == DEMONSTRATIONS:
        more, fewer = (shots_words(int(shots)) for shots in (one.compared, one.baseline))
        return f"{more} {verb} {amount} against {'none' if one.baseline == '0' else fewer} ({reach})"
    return f"{one.factor} {verb} {amount} ({PARTS[one.metric][1]}; {reach})"


def signed(one: Finding) -> str:
    """Write an effect as the tables do: ``gold − flipped +33.3, 4.0 to 62.7``."""
    return f"{one.comparison} {points(one.estimate, signed=not one.is_spread)}, {range_words(one)}"


def range_words(one: Finding) -> str:
    """Write an interval in points, or that there is none."""
    return f"{points(one.low)} to {points(one.high)}" if one.known else "no interval"


def mode_words(label_mode: str) -> str:
    """Spell the labels that a label mode shows."""
    mode = known_label_mode(label_mode)
    if mode is not None and mode.share_correct is not None:
        share = number(100 * mode.share_correct, 0)
        return "labels that are all wrong" if share == "0" else f"labels that are {share} % right"
    if label_mode in _MODES:
        return _MODES[label_mode]
    return f"{label_mode} labels" if label_mode.isidentifier() else f"labels of mode {label_mode}"


def shots_words(num_shots: int) -> str:
    """Write a number of demonstrations; one is no plural."""
    return f"{num_shots} shot{'s' if num_shots != 1 else ''}"


def _subject(one: Finding) -> str:
    """What had no clear effect."""
    if one.factor == LABELS:
        return mode_words(one.label_mode)
    return "the format" if one.factor == FORMAT else one.factor


def _setting(known: Sequence[Finding]) -> str:
    """Format, length and shots of effects that share them."""
    format = next((one.format for one in known if one.format), "")
    length = next((one.example_length for one in known if one.example_length is not None), None)
    shots = known[0].num_shots
    parts = [f"format {format}" if format else "", "" if length is None else length_words(length)]
    return ", ".join([*filter(None, parts), shots_words(shots)])


def _largest(known: Sequence[Finding], moved: Sequence[Finding]) -> str:
    if not moved or len(known) < 2:
        return ""
    first = max(moved, key=lambda one: one.size[0])
    if all(first.size[1] > one.size[2] for one in known if one is not first):
        return f" Clearly the largest: {first.factor}."
    return " The intervals overlap, so which is largest is not settled."


def _says_more(one: Finding, first: Finding | None) -> bool:
    if first is None or not first.known or not first.clear:
        return True
    turned = not one.is_spread and np.sign(one.estimate) != np.sign(first.estimate)
    return turned or one.size[0] > first.size[0]


def _share(some: Sequence[Finding], word: str = "effect", words: str = "effects") -> str:
    count = sum(one.stands for one in some)
    return f"{count} of {len(some)} {word if len(some) == 1 else words} {'is' if len(some) == 1 else 'are'}"
