"""From a model's name to its scorer."""

from icl.errors import UserError
from icl.ginc.exact import DEFAULT_SMOOTHING
from icl.ginc.task import GincTask
from icl.tasks.task import Task
from probes.scorers.controls import CONTROLS, ControlScorer
from probes.scorers.oracle import OracleScorer
from probes.scorers.scorer import Scorer

__all__ = ["ORACLE", "REFERENCES", "make_scorer"]

ORACLE = OracleScorer.name

REFERENCES = (ORACLE, *CONTROLS)
"""Scorers that other models are compared with."""


def make_scorer(model: str, task: Task | GincTask, *, smoothing: float = DEFAULT_SMOOTHING, **options) -> Scorer:
    """Build the scorer called `model`.

    Parameters
    ----------
    model
        `oracle`, a control's name, or anything that `HuggingFaceScorer` takes.
    task
        The oracle and the shipped models belong to a GINC family; it must be the task's.
    smoothing
        ε of exact Bayes.
    **options
        Passed to `HuggingFaceScorer`.

    Raises
    ------
    UserError
        If the model does not exist or does not fit the task.
    """
    if model in CONTROLS:
        return ControlScorer(model)
    if model == ORACLE:
        if not isinstance(task, GincTask):
            raise UserError(
                f"the exact Bayes scorer knows GINC only, got task '{task.name}'; use --task ginc, or another --model."
            )
        return OracleScorer(task.family, smoothing=smoothing)
    from probes.scorers.huggingface import HuggingFaceScorer

    scorer = HuggingFaceScorer(model, **options)
    scorer.check_family(task)
    return scorer
