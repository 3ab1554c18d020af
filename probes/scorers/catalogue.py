"""From a model's name to its scorer."""

from typing import Any

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

_SERVER = ("http://", "https://")
_VLLM = "vllm:"


def make_scorer(model: str, task: Task | GincTask, *, smoothing: float = DEFAULT_SMOOTHING, **options) -> Scorer:
    """Build the scorer called `model`.

    Parameters
    ----------
    model
        `oracle`, a control's name, ``http…#name`` of a completions server, ``vllm:name``, or anything that
        `HuggingFaceScorer` takes.
    task
        The oracle and the shipped models belong to a GINC family; it must be the task's.
    smoothing
        ε of exact Bayes.
    **options
        Those of `HuggingFaceScorer`, and `concurrency` and `timeout` of a server. A backend refuses those that change
        results and that it cannot follow; of the others each takes what it knows.

    Raises
    ------
    UserError
        If the model does not exist, does not fit the task, or cannot follow an option.
    """
    if model in CONTROLS:
        return ControlScorer(model)
    if model == ORACLE:
        if not isinstance(task, GincTask):
            raise UserError(
                f"the exact Bayes scorer knows GINC only, got task '{task.name}'; use --task ginc, or another --model."
            )
        return OracleScorer(task.family, smoothing=smoothing)
    if model.startswith(_SERVER):
        from probes.scorers.completions import CompletionsScorer

        _refuse("a completions server", options, ("revision", "dtype", "chat", "trust_remote_code"))
        return CompletionsScorer(model, **_taken(options, "concurrency", "timeout"))
    if model.startswith(_VLLM):
        from probes.scorers.vllm import VllmScorer

        _refuse("vLLM", options, ("chat",))
        taken = _taken(options, "revision", "dtype", "trust_remote_code")
        return VllmScorer(model.removeprefix(_VLLM), **taken)
    from probes.scorers.huggingface import HuggingFaceScorer

    taken = _taken(options, *(name for name in options if name not in ("concurrency", "timeout")))
    scorer = HuggingFaceScorer(model, **taken)
    scorer.check_family(task)
    return scorer


def _taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _refuse(backend: str, options: dict[str, Any], cannot: tuple[str, ...]) -> None:
    """Refuse options that a backend would have to ignore."""
    for name in cannot:
        if options.get(name) not in (None, False, "float32"):
            raise UserError(
                f"{backend} cannot follow --{name.replace('_', '-')} {options[name]}: what serves the model decides "
                "that; leave it out."
            )
