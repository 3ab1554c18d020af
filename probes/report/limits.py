"""What was missing, and what limits a run: counted and said, never left out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from icl.metrics.normalise import NORMALISATIONS, normalisation_of
from probes.findings.findings import PAIRED
from probes.findings.selection import split_models
from probes.findings.verdict import PROMPTS_PER_FORMAT, QUERIES_PER_FORMAT, SPREAD_SHARE
from probes.runs.words import boundary_sentence, precision_sentences

if TYPE_CHECKING:
    from probes.report.concept_words import Account

__all__ = ["limits"]

_NO_CURVE = "There is one number of demonstrations alone, and so no learning curve to fit."

_MOST_REASONS = 5
"""Reasons that are told of one metric, the commonest first."""


def limits(
    scores: pd.DataFrame,
    metrics: pd.DataFrame,
    accounts: "Sequence[Account]",
    manifest: dict | None = None,
    *,
    boundaries: pd.DataFrame,
) -> list[str]:
    """Say in one sentence each what a reader has to know before trusting the numbers.

    Parameters
    ----------
    scores
        The score table; its columns model, status and reason are read.
    metrics
        The metrics table.
    accounts
        Fitted laws of learning curves.
    manifest
        The run's manifest.
    boundaries
        What `icl.metrics.boundaries.boundary_audit` says of the run.
    """
    said = [
        *_unfinished(manifest),
        *_not_ok(scores),
        *(manifest.get("notices", ()) if manifest else ()),
        *_boundaries(boundaries),
        *_normalisation(metrics),
        *(precision_sentences(manifest) if manifest else ()),
        *_missing(metrics),
        *_sets(metrics),
        *_steps(metrics),
        *_many(metrics),
    ]
    if not split_models(metrics)[0]:
        said.insert(0, "The run holds reference models only; it says nothing about a language model.")
    is_curve = metrics["num_shots"].nunique() > 1
    return said + (_fit(accounts) if accounts or is_curve else [_NO_CURVE])


def _unfinished(manifest: dict | None) -> list[str]:
    if manifest is None or manifest.get("state") == "finished":
        return []
    return ["The run was not finished: the metrics may be older than the scores. Rerun the same `probe run` command."]


def _not_ok(scores: pd.DataFrame) -> list[str]:
    if scores.empty:  # an imported table told answers alone
        return []
    bad = scores[scores["status"] != "ok"]
    if bad.empty:
        return [f"All {len(scores):,} candidates of the score table were scored."]
    counted = [(rows.iloc[0], len(rows)) for _, rows in bad.groupby(["model", "status", "reason"], sort=False)]
    counted.sort(key=lambda pair: -pair[1])
    parts = [f"{count:,} {row['status']} ({row['model']}: {row['reason']})" for row, count in counted[:8]]
    rest = f"; and {len(counted) - 8} other reasons" if len(counted) > 8 else ""
    return [
        f"{len(bad):,} of {len(scores):,} candidates ({100 * len(bad) / len(scores):.1f} %) were not scored: "
        f"{'; '.join(parts)}{rest}. A prompt is left out of accuracy where such a candidate could have been its "
        "prediction, and of probabilities where it could have changed them."
    ]


def _boundaries(audit: pd.DataFrame) -> list[str]:
    said = [boundary_sentence(str(row["model"]), row) for row in audit.to_dict("records") if row["unclean"]]
    if not said and len(audit):
        said.append("Every candidate of a model that has tokens begins at a token boundary.")
    return said


def _normalisation(metrics: pd.DataFrame) -> list[str]:
    how = normalisation_of(metrics)
    meaning = (NORMALISATIONS[how].__doc__ or "").strip().rstrip(".")
    said = f"Candidates of a prompt are compared by normalisation '{how}': {meaning}."
    if (metrics["method"] == "channel").any():
        said += " Where a model's name ends in (channel), the input is scored after each label, by the sum."
    return [said]


def _missing(metrics: pd.DataFrame) -> list[str]:
    gone = metrics[metrics["estimate"].isna()]
    if gone.empty:
        return [f"None of the {len(metrics):,} metrics is missing."]
    parts = []
    for metric, rows in gone.groupby("metric", sort=False):
        counted = rows["reason_kind"].value_counts().head(_MOST_REASONS)
        parts += [f"{count} × {metric} ({reason})" for reason, count in counted.items()]
    return [f"{len(gone)} of {len(metrics):,} metrics are missing: {'; '.join(parts)}."]


def _sets(metrics: pd.DataFrame) -> list[str]:
    subjects, references = split_models(metrics)
    rows = metrics[metrics["model"].isin(subjects or references) & (metrics["metric"] == "accuracy")]
    rows = rows[rows["num_shots"] > 0]
    if rows.empty:
        return []
    fewest, most = int(rows["num_demonstration_sets"].min()), int(rows["num_demonstration_sets"].max())
    if most == 1:
        return [
            "All intervals rest on one demonstration set: they generalise to other queries, not to other "
            "demonstrations, and are too narrow for that."
        ]
    span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    text = f"Each condition was run with {span} demonstration sets and up to {int(rows['num_queries'].max())} queries."
    if (rows["num_demonstration_sets"] == rows["num_queries"]).all():
        text = f"Each condition was run with {span} queries, each with demonstrations of its own."
    if fewest <= 3:
        text += (
            " The intervals are wide because there are so few sets; more sets narrow them more than more queries do."
        )
    return [text]


def _steps(metrics: pd.DataFrame) -> list[str]:
    rows = metrics[(metrics["metric"] == "accuracy") & (metrics["resolution"] > 0)]
    if rows.empty:
        return []
    coarse, fine = 100 * rows["resolution"].max(), 100 * rows["resolution"].min()
    span = f"{coarse:.2f} points" if coarse == fine else f"{fine:.2f} to {coarse:.2f} points"
    return [
        f"Accuracy moves in steps of 1 ÷ (number of prompts), here {span}; smaller differences do not show in it. "
        "The gold label's probability has no steps."
    ]


def _many(metrics: pd.DataFrame) -> list[str]:
    said = []
    subjects, references = split_models(metrics)
    mine = metrics["model"].isin(subjects or references) & (metrics["score"] == "accuracy") & metrics["low"].notna()
    count = int((mine & metrics["metric"].isin(PAIRED)).sum())
    if count > 3:
        said.append(
            f"{count} paired differences in accuracy were measured; about one in ten 90 % intervals excludes 0 by "
            "chance alone. The contrast that leads the answer was fixed in advance, not chosen for its size."
        )
    if (metrics["metric"] == "format_spread_posterior").any():
        said.append(
            "A spread over formats is never below 0, so its interval cannot be either; it is called clear only "
            f"when its lower end is at least {100 * SPREAD_SHARE:.0f} % of its median and there are at least "
            f"{QUERIES_PER_FORMAT} queries and {PROMPTS_PER_FORMAT} prompts for each format compared. "
            "Formats that do not differ reach this in at most about one run in twenty."
        )
    return said


def _fit(accounts: "Sequence[Account]") -> list[str]:
    if not accounts:
        return ["No law of learning curves was fitted: run `probe fit` on this folder."]
    said = []
    for account in accounts:
        which = f"The fit of {account.fitted}" if len(accounts) > 1 else "The fit"
        if account.trouble:
            said.append(account.trouble if len(accounts) == 1 else f"{which}: {account.trouble}")
        else:
            said += [f"{which}: {' '.join(account.convergence)}", str(account.predicted.attrs["sentence"])]
    return said
