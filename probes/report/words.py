"""The answer in plain words: what moved each model, by how much, how sure. Words never say more than the numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from probes.figures.words import interval_words, listed, number, points
from probes.findings.factors import format_spreads, here, label_effect, label_gaps, shots_gains
from probes.findings.findings import Finding, findings
from probes.findings.leading import elsewhere, lead, mode_words, others, shots_words
from probes.findings.material import Material
from probes.findings.selection import Setting, at, headline_mode, length_words, main_setting, split_models
from probes.findings.verdict import Effect, effect_of, spread_of
from probes.report.dropped import dropped_sentence, unanswered_sentences
from probes.report.section import Sentence
from probes.report.sections.catalogue import SECTIONS, sentences_of

__all__ = ["Answer", "answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said about one model: what stands first, then one entry a topic.

    Attributes
    ----------
    model, headline
        The model, and the sentence about what was chosen beforehand.
    sentences : tuple of Sentence
        One a topic.
    found : tuple of Finding
        Every effect on accuracy, in the order in which they are told.
    dropped : str
        How many prompts have no answer, where and why; empty where all have one.
    elsewhere, others : str
        Clear effects of other conditions, and how many of them are clear; empty where there are none.
    """

    model: str
    headline: str
    sentences: tuple[Sentence, ...]
    found: tuple[Finding, ...] = ()
    dropped: str = ""
    elsewhere: str = ""
    others: str = ""

    @property
    def leading(self) -> tuple[str, ...]:
        """The sentences that stand first, on the page as on the terminal."""
        return tuple(filter(None, (self.headline, self.dropped, self.elsewhere, self.others)))


_BEHIND: dict[str, tuple[str, ...]] = {
    "Labels": ("ladder", "recognition", "flip"),
    "Format": ("search", "order", "options", "consistency", "bias", "contextual_calibration"),
    "Exact Bayes": ("between", "evidence", "variance"),
}
"""Topic → the sections that are told behind it."""


def answers(metrics: pd.DataFrame, *, chance: float | None = None, material: Material | None = None) -> list[Answer]:
    """Say what moved each subject of a run; where it has none, the references are reported as they stand.

    Parameters
    ----------
    metrics
        A metrics table, of plain conditions.
    chance
        1 ÷ number of candidates.
    material
        All conditions of the run; without it, those of `metrics`.
    """
    if material is None:
        material = Material(model="", metrics=metrics, chance=chance)
    subjects, references = split_models(material.metrics)
    found = [_answer(metrics, model, chance, material.of(model)) for model in subjects or references]
    if found and (silent := unanswered_sentences(material.answers)):
        found[0] = replace(found[0], dropped=" ".join(filter(None, (found[0].dropped, *silent))))
    return found


def _answer(metrics: pd.DataFrame, model: str, chance: float | None, material: Material) -> Answer:
    setting = main_setting(metrics, model)
    said: list[Sentence] = []
    leads: list[str] = []
    for topic, tell in _TOPICS.items():
        text = "" if setting is None else tell(metrics, model, setting, chance)
        said += [Sentence(topic=topic, text=text)] if text else []
        behind = list(sentences_of(material, *_BEHIND.get(topic, ())))
        said += behind
        leads += [sentence.lead for sentence in behind if sentence.lead]
    found = tuple(findings(material.metrics, model))
    headline = lead(found)
    if headline and (asked := _asked(material)) is not None:
        headline = asked
    return Answer(
        model=model,
        headline=headline or _instead(model, leads, bool(said), found),
        sentences=tuple(said),
        found=found,
        dropped=dropped_sentence(material.answers),
        elsewhere=elsewhere(found),
        others=others(found),
    )


def _asked(material: Material) -> str | None:
    """The answer to the first probe's question, where no probe asked about labels, demonstrations or format as such."""
    sections = [next((s for s in SECTIONS.values() if probe in s.answers), None) for probe in material.probes]
    if not sections or sections[0] is None or None in sections:
        return None
    sentence = sections[0].say(material)
    return sentence.lead if sentence is not None and sentence.lead else None


def _instead(model: str, leads: list[str], measured: bool, found: Sequence[Finding]) -> str:
    """What stands first where neither labels, demonstrations nor formats of one setting can be compared."""
    if leads:
        return leads[0]
    if not measured:
        return f"{model} gave no answer that could be scored."
    if not found:
        return f"Nothing was varied for {model}, so there is no effect to report."
    if any(one.known for one in found):
        return f"{model} was not run under two conditions of its main setting; what can be compared follows."
    return f"Nothing that was varied for {model} has an interval, so nothing can be said about effects."


def _level(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None) -> str:
    rows = here(at(metrics, "accuracy", model=model, label_mode="gold"), setting)
    rows = rows[rows["num_shots"] == setting.num_shots]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    text = (
        f"With gold labels and {setting.num_shots} shots{_where(setting)}, {model} answers {points(row['estimate'])} % "
        f"right ({interval_words(row['low'], row['high'])}; {int(row['num_prompts'])} prompts)"
    )
    beside = [] if chance is None else [f"chance {points(chance)} %"]
    for reference in split_models(metrics)[1]:
        other = here(at(metrics, "accuracy", model=reference, label_mode="gold"), setting)
        other = other[other["num_shots"] == setting.num_shots]
        if reference != model and not other.empty:
            name = "exact Bayes" if reference == "oracle" else reference
            beside.append(f"{name} {points(other['estimate'].iloc[0])} %")
    return f"{text}. For comparison: {', '.join(beside)}." if beside else f"{text}."


def _labels(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None) -> str:
    rows = label_gaps(metrics, model, setting, "accuracy", setting.num_shots)
    mode = headline_mode(list(rows["label_mode"]))
    if mode is None:
        return ""
    effect = effect_of(rows[rows["label_mode"] == mode].iloc[0], "labels")
    words = mode_words(mode)
    text = f"{words[0].upper()}{words[1:]} against gold labels, {shots_words(effect.num_shots)}{_where(setting)}: "
    text += _moved(effect, model, sign=-1)
    text += _twin(label_gaps(metrics, model, setting, "gold_probability", setting.num_shots), mode, effect)
    others = [effect_of(row, str(row["label_mode"])) for _, row in rows.iterrows() if row["label_mode"] != mode]
    clear = [f"{mode_words(e.factor)} {_lost(e)}" for e in others if e.clear and e.known]
    unclear = [mode_words(e.factor) for e in others if e.known and not e.clear]
    if clear:
        text += f" Other labels with a clear effect there: {listed(clear)}."
    if unclear:
        text += f" No clear effect there: {listed(unclear)}."
    slope = here(at(metrics, "label_correctness_slope", model=model, score="accuracy"), setting)
    slope = slope[slope["num_shots"] == setting.num_shots]
    if not slope.empty and (found := effect_of(slope.iloc[0], "slope")).known:
        text += (
            f" A straight line fitted to accuracy against the share of right labels changes by "
            f"{points(found.estimate, signed=True)} points from none to all right "
            f"({interval_words(found.low, found.high)})" + (": no clear slope." if not found.clear else ".")
        )
    return text


def _demonstrations(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None) -> str:
    row = _headline_row(shots_gains(metrics, model, setting), setting)
    if row is None:
        return ""
    effect = effect_of(row, "demonstrations")
    fewest = str(row["baseline"])
    text = f"{effect.num_shots} shots against {'none' if fewest == '0' else fewest}, gold labels{_where(setting)}: "
    text += _moved(effect, model)
    lengths = at(metrics, "shots_gain", model=model, score="accuracy", label_mode="gold", format=setting.format)
    most = lengths.sort_values("num_shots").groupby("example_length").tail(1).sort_values("example_length")
    if len(most) > 1:
        parts = []
        for _, other in most.iterrows():
            found = effect_of(other, "")
            mark = "" if found.clear else ", not clear"
            part = f"{length_words(other['example_length'])}: {points(found.estimate, signed=True)}"
            parts.append(f"{part} ({points(found.low)} to {points(found.high)}{mark})")
        text += f" At the most shots of each example length: {'; '.join(parts)}."
    return text


def _format(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None) -> str:
    row = _headline_row(format_spreads(metrics, model, setting), setting)
    if row is None:
        return ""
    effect = spread_of(row, "format")
    if not effect.known:
        return f"The spread over formats has no interval{_because(effect)}."
    text = (
        f"The best and the worst format at {effect.num_shots} shots are {points(effect.estimate)} points "
        f"of accuracy apart ({interval_words(effect.low, effect.high)})"
    )
    if effect.clear:
        text += f"; in the run {row['compared']} did best and {row['baseline']} worst."
    elif effect.reason:
        text += f": no clear effect, since {effect.reason}."
    else:
        text += ": no clear effect. A spread is never below 0, and formats that do not differ can show one this large."
    beside = label_effect(metrics, model, setting, effect.num_shots)
    if beside is not None and beside.known and (effect.clear or beside.clear):
        more, less = (effect, beside) if effect.size[0] > beside.size[0] else (beside, effect)
        name = "label correctness" if more is beside else "format"
        if more.clear and more.size[1] > less.size[2]:
            text += f" At the same shots {name} moved it more, and the intervals do not overlap."
        else:
            text += " Whether this exceeds the effect of label correctness at the same number of shots is not settled."
    return text


def _bayes(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None) -> str:
    rows = here(at(metrics, "bayes_accuracy_gap", model=model, label_mode="gold"), setting)
    rows = rows[rows["num_shots"] == setting.num_shots]
    if rows.empty:
        return ""
    effect = effect_of(rows.iloc[0], "bayes")
    if not effect.known:
        return f"The difference from exact Bayes has no interval{_because(effect)}."
    size = points(effect.size[0])
    text = f"Against exact Bayes it {_verb(-effect.estimate, 'gains', 'loses', 'differs by')} {size} points"
    text += f" at {setting.num_shots} shots ({interval_words(*effect.size[1:])})"
    text += "." if effect.clear else ": no clear difference."
    kl = here(at(metrics, "bayes_kl", model=model, label_mode="gold"), setting)
    kl = kl[(kl["num_shots"] == setting.num_shots) & kl["low"].notna()]
    if not kl.empty:
        row = kl.iloc[0]
        bounds = interval_words(row["low"], row["high"], unit="nats")
        text += f" Its predictions lie {number(row['estimate'])} nats (KL; {bounds}) from the Bayesian ones."
    return text


def _headline_row(rows: pd.DataFrame, setting: Setting) -> pd.Series | None:
    """Pick the row at the headline's shots, or at the most that were run; None where nothing was."""
    if rows.empty:
        return None
    shots = setting.num_shots if setting.num_shots in set(rows["num_shots"]) else rows["num_shots"].max()
    return rows[rows["num_shots"] == shots].iloc[0]


def _moved(effect: Effect, model: str, *, sign: int = 1) -> str:
    """Say how far accuracy moved, and which way; `sign` −1 turns the effect around."""
    if math.isnan(effect.estimate):
        return f"by how much the accuracy of {model} changed is not known{_because(effect)}."
    size, low, high = effect.size
    text = f"{model} {_verb(sign * effect.estimate, 'gained', 'lost', 'changed by')} {points(size)} points of accuracy"
    if not effect.known:
        return f"{text}, without an interval{_because(effect)}."
    return f"{text} ({interval_words(low, high)}){'' if effect.clear else ': no clear effect'}{_because(effect)}."


def _verb(change: float, up: str, down: str, flat: str) -> str:
    """Which way a number went; what is written as 0.0 went no way."""
    if points(change) in ("0.0", "missing"):
        return flat
    return up if change > 0 else down


def _lost(effect: Effect) -> str:
    size, low, high = effect.size
    return (
        f"{_verb(-effect.estimate, 'gained', 'lost', 'changed it by')} {points(size)} ({points(low)} to {points(high)})"
    )


def _twin(rows: pd.DataFrame, mode: str, effect: Effect) -> str:
    """Say what the continuous twin did, which has no steps; "too" is said only where both are clear and go one way."""
    rows = rows[rows["label_mode"] == mode]
    if rows.empty or not (twin := effect_of(rows.iloc[0], "twin")).known or not effect.known:
        return ""
    change = -twin.estimate
    numbers = f"{points(change, signed=True)} points ({interval_words(-twin.high, -twin.low)})"
    subject = " The gold label's probability"
    if not twin.clear:
        either = " either" if not effect.clear else ""
        return f"{subject} changed by {numbers}: no clear effect{either}."
    size, low, high = twin.size
    numbers = f"{points(size)} points ({interval_words(low, high)})"
    if not effect.clear:
        return f"{subject}, which has no steps, did {_verb(change, 'rise', 'fall', 'change')}, by {numbers}."
    same = (twin.estimate > 0) == (effect.estimate > 0)
    return f"{subject} {_verb(change, 'rose', 'fell', 'moved')} {'too' if same else 'instead'}, by {numbers}."


def _because(effect: Effect) -> str:
    return f" ({effect.reason})" if effect.reason else ""


def _where(setting: Setting) -> str:
    return f" (format {setting.format}{', ' if setting.example_length else ''}{length_words(setting.example_length)})"


_TOPICS: dict[str, Callable[[pd.DataFrame, str, Setting, float | None], str]] = {
    "Level": _level,
    "Labels": _labels,
    "Demonstrations": _demonstrations,
    "Format": _format,
    "Exact Bayes": _bayes,
}
"""Topic → (metrics, model, setting, chance) → what is said of it, in the order of the page."""
