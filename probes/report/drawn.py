"""Which figures a run feeds, each with the title that says what is seen and a caption that says what it rests on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from icl.metrics.table import items_of
from probes.figures.drawn import Drawn
from probes.figures.words import interval_words, points
from probes.findings.factors import label_effect, shots_effect, spread_effect
from probes.findings.material import Material
from probes.findings.selection import Setting, gold_levels, length_words, main_setting, of_length, panel_settings
from probes.findings.verdict import Effect
from probes.report.concept_figures import plot_drift, plot_learning_curves, plot_signal_noise
from probes.report.concept_words import Account
from probes.report.effects_figure import effect_lines, left_out, plot_effects
from probes.report.figures import plot_formats, plot_label_modes, plot_reliability, reliable_rows
from probes.report.sections.catalogue import SECTIONS, drawn_of

__all__ = ["draw_all"]

_OF_PROMPTS = "Paired differences on the same queries and demonstrations"
_OF_COUNTS = "Differences of counted answers, paired where the same demonstration set stands on both sides"


def draw_all(
    metrics: pd.DataFrame,
    *,
    model: str,
    outcomes: pd.DataFrame | None = None,
    accounts: Sequence[Account] = (),
    chance: float | None = None,
    material: Material | None = None,
) -> Iterator[Drawn]:
    """Draw every figure that the conditions of a model feed.

    Parameters
    ----------
    metrics
        A metrics table, of plain conditions.
    model
        The model that is drawn.
    outcomes
        Prompt outcomes; without them there is no reliability.
    accounts
        Fitted laws of learning curves; figures are drawn of those that may be quoted.
    chance
        1 ÷ number of candidates.
    material
        All conditions of the model; without it, what `metrics` and `outcomes` hold of it.
    """
    setting = main_setting(metrics, model)
    if material is None:
        material = Material(model=model, metrics=metrics, outcomes=outcomes, chance=chance).of(model)
    if setting is None:
        yield from drawn_of(material, *SECTIONS)
        return
    counted = material.outcomes is not None and items_of(material.outcomes) is not None
    sizes = _sizes(metrics, model, counted=counted)
    if panel_settings(metrics, model):
        yield _label_modes(metrics, model, setting, chance, sizes)
    yield from drawn_of(material, "ladder", "recognition", "flip")
    if effect_lines(metrics, model):
        title = f"{model}: what moved accuracy, and what did not"
        pairing = _OF_COUNTS if counted else _OF_PROMPTS
        caption = (
            f"{pairing}, in points of accuracy, with 90 % intervals; "
            "effects of demonstrations and formats with gold labels. "
            "Hollow: no clear effect (for differences, the interval touches 0; for the spread over formats, "
            f"equal formats could give it). {sizes}"
        )
        if count := left_out(metrics, model):
            caption += f" {count} more effect{'s are' if count > 1 else ' is'} in the table of all effects."
        figure = plot_effects(metrics, model=model, title=title)
        yield Drawn(name="effects", title=title, caption=caption, figure=figure)
    levels = gold_levels(metrics, model)
    if of_length(levels, setting.example_length).groupby("num_shots")["format"].nunique().max() > 1:
        yield _formats(metrics, model, setting, chance, sizes)
    yield from drawn_of(material, "search", "order", "options", "consistency", "bias")
    if (
        levels[levels["format"] == setting.format].groupby("example_length", dropna=False)["num_shots"].nunique().max()
        > 2
    ):
        yield _curves(metrics, model, accounts, chance, sizes)
    for place, account in enumerate(account for account in accounts if account.usable and account.has_drift):
        for drawn in _account(account, model):
            yield replace(drawn, name=f"{drawn.name}_{place + 1}") if place else drawn
    yield from drawn_of(material, "between", "evidence", "variance")
    if outcomes is not None and len(rows := reliable_rows(outcomes, model)) >= 50:
        over = 100 * float(rows["confidence"].mean() - rows["accuracy"].mean())
        title = f"{model}: confidence exceeds the share right by {over:.1f} points on average"
        if over < 0:
            title = f"{model}: the share right exceeds confidence by {-over:.1f} points on average"
        caption = (
            f"All {len(rows):,} prompts with gold labels; confidence is the probability of the predicted label among "
            "the candidates. Numbers beside the dots are prompts; bins with fewer than 10 are left out. Bars: 90 %."
        )
        figure = plot_reliability(outcomes, model=model, title=title)
        yield Drawn(name="reliability", title=title, caption=caption, figure=figure)
    yield from drawn_of(material, "contextual_calibration")


def _label_modes(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None, sizes: str) -> Drawn:
    effect = label_effect(metrics, model, setting, setting.num_shots)
    title = f"{model}: accuracy by label mode and demonstrations"
    if effect is not None and effect.known:
        title = f"{model}: {effect.factor} labels at {setting.num_shots} shots is {_signed(effect)}"
    caption = (
        "Top: accuracy; below: its continuous twin, the gold label's probability. Label modes share queries "
        "and demonstrations, so differences between them are more precise than the bars (90 %) suggest. "
        f"{sizes}"
    )
    figure = plot_label_modes(metrics, model=model, chance=chance, title=title)
    return Drawn(name="label_modes", title=title, caption=caption, figure=figure)


def _formats(metrics: pd.DataFrame, model: str, setting: Setting, chance: float | None, sizes: str) -> Drawn:
    shots = sorted({int(n) for n in metrics["num_shots"] if n > 0}, key=lambda n: (n != setting.num_shots, -n))
    effects = [e for n in shots if (e := spread_effect(metrics, model, setting, n)) is not None and e.known]
    title = f"{model}: accuracy by format"
    if effects:
        first = effects[0]
        title = f"{model}: formats are {points(first.estimate)} points apart at {first.num_shots} shots "
        title += f"({interval_words(first.low, first.high)})" + ("" if first.clear else ": no clear effect")
    caption = f"Gold labels; bars are 90 % intervals; the format that is best at the most shots comes first. {sizes}"
    figure = plot_formats(metrics, model=model, chance=chance, title=title)
    return Drawn(name="formats", title=title, caption=caption, figure=figure)


def _curves(metrics: pd.DataFrame, model: str, accounts: Sequence[Account], chance: float | None, sizes: str) -> Drawn:
    setting = main_setting(metrics, model)
    account = next((each for each in accounts if each.usable and each.observe == "counts"), None)
    predicted = None if account is None else account.predicted
    title = f"{model}: learning curves with gold labels"
    effect = None if setting is None else shots_effect(metrics, model, setting, setting.num_shots)
    if setting is not None and effect is not None and effect.known:
        length = length_words(setting.example_length)
        at_length = f"{length}, " if length else ""
        fewest = int(gold_levels(metrics, model)["num_shots"].min())
        title = f"{model}: {at_length}{setting.num_shots} shots against {fewest or 'none'} is {_signed(effect)}"
    caption = f"Bars are 90 % intervals. {sizes}"
    if account is not None:
        caption += (
            f" The band holds 90 % of what the fitted account ({account.title}) predicts for these cells, "
            "sampling noise included: about one dot in ten should lie outside."
        )
    figure = plot_learning_curves(metrics, model=model, predicted=predicted, chance=chance, title=title)
    return Drawn(name="learning_curves", title=title, caption=caption, figure=figure)


def _account(account: Account, model: str) -> Iterator[Drawn]:
    rows = account.summary[account.summary["model"] == model]
    if rows.empty:
        return
    apart = rows["separately_identified"]
    sure = int((rows["prob_signal_exceeds_noise"] >= 0.95).sum())
    lost = int((rows["prob_signal_exceeds_noise"] <= 0.05).sum())
    unsettled = len(rows) - sure - lost
    count = f"signal exceeds noise in {sure} of {len(rows)} conditions, noise exceeds signal in {lost or 'none'}"
    count += f", {unsettled} not settled" if unsettled else ""
    if apart.any():
        title = f"{model}: {count}"
        if not apart.all():
            title = f"{model}: signal against noise in the {int(apart.sum())} conditions that tell them apart"
        caption = (
            "One point per condition (label mode, format, length k), medians with 90 % intervals of the fitted "
            "account. Hollow: formats other than the main one. Signal is proportional to k and noise belongs to the "
            "format, by assumption of the account, so points of one format share their noise."
        )
        figure = plot_signal_noise(account.summary, model=model, title=title)
        yield Drawn(name="signal_noise", title=title, caption=caption, figure=figure)
    if not apart.all() or len(rows) > 1:
        title = f"{model}: signal minus noise in each condition" if apart.all() else f"{model}: {count}"
        caption = (
            f"Drift, medians with 90 % intervals of the fitted account, {len(rows)} conditions. Where the line at 0 is "
            "covered, the mark is hollow: it is not settled whether signal or noise is larger."
        )
        if not apart.all():
            caption += (
                " Signal and noise are not separately identified in all of them, so only their difference is drawn."
            )
        figure = plot_drift(account.summary, model=model, title=title)
        yield Drawn(name="drift", title=title, caption=caption, figure=figure)


def _signed(effect: Effect) -> str:
    text = f"{points(effect.estimate, signed=True)} points ({interval_words(effect.low, effect.high)})"
    return text if effect.clear else f"{text}: no clear effect"


def _sizes(metrics: pd.DataFrame, model: str, *, counted: bool) -> str:
    rows = metrics[(metrics["model"] == model) & (metrics["metric"] == "accuracy")]

    def span(column: str) -> str:
        low, high = int(rows[column].min()), int(rows[column].max())
        return f"{low}" if low == high else f"{low} to {high}"

    if counted:
        return f"{span('num_prompts')} counted rows per condition (of {span('num_queries')} questions each)."
    return f"{span('num_prompts')} prompts per condition ({span('num_queries')} queries)."
