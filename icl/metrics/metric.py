"""What a metric is: the record that the catalogue is made of, and the scores of one answer that metrics average."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["PAIRED_SCORES", "SCORES", "SHARES", "Metric"]

_SHARE_UNITS = ("share", "probability")

type Effect = Callable[[Any], list[dict]]
"""Function from answers to rows of the metrics table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, as everything that reads metrics knows it.

    Attributes
    ----------
    name : str
        What it is called in the metrics table.
    title : str
        A few words for the tables of reports.
    sentence : str
        Its definition, for documentation and `probe list metrics`; m is any score of a prompt.
    by : callable
        The function that computes it, as a rule with others, from prompt outcomes.
    scores : tuple of str
        Scores of a prompt that it averages or contrasts, each a row of its own; empty where it has one of its own.
    unit : str
        Of its own; empty where it has that of the score.
    per : str
        What the unit is per; empty where it is per nothing.
    kind : str
        level: of one condition. difference: of two, on either side of its null value where they differ. spread: how far
        conditions lie apart, never below its null value.
    null : float, or None
        What it is where nothing differs; None where no value means that.
    varies : str
        What differs between the prompts that are compared; empty where none are.
    better : str
        higher or lower; empty where neither is.
    low, high : float
        Values between which it lies.
    needs : str
        Column of an answer that has to be known for a prompt to count, where it has no score: accuracy (whether it is
        right), prediction, gold_probability or log_score.
    twin : str
        Continuous metric that says the same without steps; where it is empty and the metric has scores, its twin is
        itself in score gold_probability.
    rows : str
        Rows that the report's main table shows: main (gold labels, or a contrast), gold, every (all label modes), or
        none, as for what stands beside another metric as its twin.
    factor : str
        Factor whose effect on accuracy it is, in words of a report; empty where it is none of a finding.
    on_request : bool
        Whether nearly every run feeds it, so that a report shows it only where a probe that reads it was asked for.
    compares_normalisations : bool
        Whether `by` takes the answers under every normalisation instead of those of one.
    """

    name: str
    title: str
    sentence: str
    by: Effect | None = None
    scores: tuple[str, ...] = ()
    unit: str = ""
    per: str = ""
    kind: Literal["level", "difference", "spread"] = "level"
    null: float | None = None
    varies: str = ""
    better: Literal["higher", "lower", ""] = ""
    low: float = float("-inf")
    high: float = float("inf")
    needs: Literal["accuracy", "prediction", "gold_probability", "log_score"] = "gold_probability"
    twin: str = ""
    rows: Literal["main", "gold", "every", "none"] = "none"
    factor: str = ""
    on_request: bool = False
    compares_normalisations: bool = False

    @property
    def is_tested(self) -> bool:
        """Whether 0 means that nothing differs and it can lie on either side, so that a p-value makes sense."""
        return self.kind == "difference" and self.null == 0

    def unit_of(self, score: str) -> str:
        """Unit of a row of this score."""
        return self._bare_unit(score) + (f" per {self.per}" if self.per else "")

    def is_share(self, score: str) -> bool:
        """Whether a row of this score is a share or a change of one, which people read in percent or points."""
        return self._bare_unit(score) in _SHARE_UNITS

    def _bare_unit(self, score: str) -> str:
        return self.unit or (SCORES[score].unit if score else "")

    def need_of(self, score: str) -> str:
        """Column of an answer that has to be known for a prompt to count in a row of this score."""
        return SCORES[score].needs if score else self.needs


def _score(name: str, title: str, sentence: str, unit: str, **more: Any) -> Metric:
    return Metric(name=name, title=title, sentence=sentence, unit=unit, scores=(name,), **more)


SCORES: dict[str, Metric] = {
    score.name: score
    for score in (
        _score(
            "accuracy",
            "share of queries answered right",
            "share of prompts whose prediction is the gold label",
            "share",
            better="higher",
            low=0.0,
            high=1.0,
            needs="accuracy",
            twin="gold_probability",
            rows="every",
        ),
        _score(
            "gold_probability",
            "mean probability of the gold label",
            "mean probability of the gold label, normalised over the candidates",
            "probability",
            better="higher",
            low=0.0,
            high=1.0,
        ),
        _score(
            "log_score",
            "mean log-probability of the gold label",
            "mean logarithm of the gold label's probability",
            "nats",
            better="higher",
            high=0.0,
            needs="log_score",
        ),
        _score(
            "brier",
            "mean Brier score",
            "mean squared distance of the candidates' probabilities from the gold label",
            "squared probability",
            better="lower",
            low=0.0,
            high=2.0,
        ),
    )
}
"""Scores of one prompt, columns of the answer table; averaged over a condition each is a metric of the same name."""

PAIRED_SCORES = ("accuracy", "gold_probability", "log_score")
"""Scores whose differences are taken prompt by prompt."""

SHARES = ("accuracy", "gold_probability")
"""Those of them that are shares, of which there are ratios."""
