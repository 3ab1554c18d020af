"""The fitted account in plain words; if it did not converge, that is said and none of its numbers is quoted."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.concept.diagnose import posterior_predictive_check
from icl.concept.fit import Fit
from icl.concept.sensitivity import leaning
from icl.concept.summary import demonstrations_needed, has_drift, summarise
from probes.figures.words import number
from probes.findings.selection import Setting, length_words, of_length
from probes.report.section import Sentence

__all__ = ["Account", "concept_sentence", "read_account"]

_PRIOR_BOUND = 0.3
"""Below this contraction the data have hardly narrowed the prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the report needs of a fit.

    Attributes
    ----------
    usable : bool
        Whether its numbers may be quoted: it converged and is a fit of these scores.
    trouble : str
        Why not; empty where they may.
    convergence : tuple of str
        Sentences on convergence.
    title, observe : str
        What the account is called, and what of the answers it was fitted to: counts or logprob.
    fitted : str
        Both in words, which tells fits of one run apart.
    has_drift : bool
        Whether it speaks of signal, noise and drift; otherwise `summary` and `needed` are empty.
    leaning : str
        How much of it is sensitive to the priors; empty where the fit does not hold what tells.
    summary, predicted, needed : DataFrame
        Of `summarise`, `posterior_predictive_check`, `demonstrations_needed`.
    """

    usable: bool
    trouble: str
    convergence: tuple[str, ...]
    title: str
    fitted: str
    observe: str
    has_drift: bool
    leaning: str
    summary: pd.DataFrame
    predicted: pd.DataFrame
    needed: pd.DataFrame


def read_account(fit: Fit) -> Account:
    """Sum up the fit of a law of learning curves."""
    tree = fit.tree
    return Account(
        usable=not fit.trouble,
        trouble=fit.trouble,
        convergence=fit.diagnosis.sentences,
        title=fit.account.title,
        fitted=fit.title,
        observe=fit.observe,
        has_drift=has_drift(tree),
        leaning=leaning(tree) if "log_prior" in tree.children else "",
        summary=summarise(tree) if has_drift(tree) else pd.DataFrame({"model": []}),
        predicted=posterior_predictive_check(tree),
        needed=demonstrations_needed(tree) if has_drift(tree) else pd.DataFrame(),
    )


def concept_sentence(account: Account | None, model: str, setting: Setting) -> Sentence:
    """Say what the fit says about a model, in the format and label modes of its main setting."""
    topic = "Concept account"
    if account is None:
        return Sentence(topic=topic, text="No law of learning curves was fitted: run `probe fit` on this folder.")
    if not account.usable:
        return Sentence(topic=topic, text=f"{account.trouble} Its numbers are not quoted here.")
    if not account.has_drift:
        return Sentence(topic=topic, text=f"Fitted: {account.title}, which has no signal and noise.")
    rows = account.summary[(account.summary["model"] == model) & (account.summary["format"] == setting.format)]
    gold = rows[rows["label_mode"] == "gold"].sort_values("example_length")
    if gold.empty:
        return Sentence(topic=topic, text=f"The fit holds no condition of {model} with gold labels.")
    chosen = of_length(gold, setting.example_length)
    first = (chosen if len(chosen) else gold).iloc[0]
    text = _gold(first, account.needed)
    lengths = [_short(row) for _, row in gold.iterrows() if row["condition"] != first["condition"]]
    if lengths:
        text += f" At other lengths, medians in nats: {'; '.join(lengths)}."
    same = of_length(rows, setting.example_length)
    others = [_other(row) for _, row in same[same["label_mode"] != "gold"].iterrows()]
    if others:
        where = f" ({length_words(setting.example_length)})" if setting.example_length else ""
        text += f" With other labels{where} the drift, in nats per demonstration, is {'; '.join(others)}."
    if not gold["separately_identified"].all():
        text += (
            " Signal and noise are not separately identified by these conditions: only their difference, the drift, is."
        )
    if len(rows) and (rows["drift_contraction"] < _PRIOR_BOUND).any():
        weak = int((rows["drift_contraction"] < _PRIOR_BOUND).sum())
        text += f" In {weak} of these {len(rows)} conditions the data hardly narrowed the prior of the drift."
    if account.leaning:
        text += f" {account.leaning}"
    return Sentence(topic=topic, text=text)


def _gold(row: pd.Series, all_needed: pd.DataFrame) -> str:
    same = (all_needed["model"] == row["model"]) & (all_needed["condition"] == row["condition"])
    needed = all_needed[same].iloc[0]
    length = length_words(row["example_length"])
    each = f"Each demonstration{f' of length {length}' if length else ''} with gold labels"
    probability = float(row["prob_signal_exceeds_noise"])
    sure = f"P(signal > noise) {_probability(probability)}"
    if probability >= 0.95:
        sure += ", so signal exceeds noise"
    elif probability <= 0.05:
        sure += ", so noise exceeds signal"
    else:
        sure += ", not settled"
    if row["separately_identified"]:
        text = f"{each} brings {_span(row, 'signal')} nats of signal and {_span(row, 'noise')} of noise; {sure}."
    else:
        text = f"{each} moves the log-odds of the right concept by {_span(row, 'drift')} nats; {sure}."
    if probability >= 0.95 and np.isfinite(needed["median"]):
        reach = f"{number(needed['median'], 1)} (90 % interval {number(needed['lower'], 1)} to "
        reach += f"{number(needed['upper'], 1)})"
        text += f" Reaching a posterior of 90 % takes {reach} demonstrations."
    return text


def _short(row: pd.Series) -> str:
    names = ("signal", "noise") if row["separately_identified"] else ("drift",)
    quantities = ", ".join(f"{name} {number(row[name])}" for name in names)
    sure = _probability(float(row["prob_signal_exceeds_noise"]))
    return f"{length_words(row['example_length'])}: {quantities}, P(signal > noise) {sure}"


def _other(row: pd.Series) -> str:
    probability = float(row["prob_signal_exceeds_noise"])
    mark = "" if probability >= 0.95 or probability <= 0.05 else ", sign not settled"
    span = f"{number(row['drift_lower'])} to {number(row['drift_upper'])}{mark}"
    return f"{row['label_mode']} {number(row['drift'])} ({span})"


def _span(row: pd.Series, name: str) -> str:
    return f"{number(row[name])} ({number(row[f'{name}_lower'])} to {number(row[f'{name}_upper'])})"


def _probability(value: float) -> str:
    return "> 0.99" if value > 0.99 else "< 0.01" if value < 0.01 else f"= {number(value)}"
