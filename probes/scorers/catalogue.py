"""From a model's name to its scorer."""

import math
import os
import re
from collections.abc import Callable
from typing import Any

from icl.errors import UserError
from icl.ginc.exact import DEFAULT_SMOOTHING
from icl.ginc.task import family_of
from icl.registry import Registry
from icl.tasks.protocol import AnyTask
from probes.scorers.controls import CONTROLS, ControlScorer, is_control
from probes.scorers.given import CallableScorer, GivenModel
from probes.scorers.oracle import ORACLE, TEMPERED, OracleScorer
from probes.scorers.scorer import Scorer
from probes.scorers.server_address import refuse_misspelt_address
from probes.terminal.progress import detail

__all__ = ["ORACLE", "REFERENCES", "REGISTERED", "VLLM", "is_reference", "is_server", "make_scorer"]

REFERENCES = (ORACLE, TEMPERED, *CONTROLS)
"""Scorers whose behaviour is known: ceiling and floor of a report, never its subject."""

REGISTERED: Registry[Callable[[AnyTask], Any]] = Registry("scorer")
"""Scorers of users and of other packages, see `probes.register`."""

_SERVER = re.compile("https?://", re.IGNORECASE)

VLLM = "vllm:"
"""What stands before the name of a model that vLLM reads."""

_OF_SERVERS = ("concurrency", "timeout")
_OF_LOADING = ("revision", "dtype", "trust_remote_code")
"""Options that a server alone takes, and those of how weights are loaded."""


def make_scorer(
    model: str | Scorer | GivenModel, task: AnyTask, *, smoothing: float = DEFAULT_SMOOTHING, **options
) -> Scorer:
    """Build the scorer called `model`.

    Parameters
    ----------
    model
        `oracle`, ``tempered(τ)``, a control's name, ``http…#name`` of a completions server, ``vllm:name``, a name of
        `probes.register`, or anything that `HuggingFaceScorer` takes; or a model that was made in Python.
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
    if not isinstance(model, str):
        return _given(model, options)
    if is_control(model):
        return ControlScorer(model)
    if (make := REGISTERED.get(model)) is not None:
        made = make(task)
        return _given(made if isinstance(made, (Scorer, GivenModel)) else CallableScorer(made, model), options)
    if model == ORACLE or model.startswith(f"{TEMPERED}("):
        if (family := family_of(task)) is None:
            raise UserError(
                f"the exact Bayes scorer knows GINC only, got task '{task.name}'; use --task ginc, or another --model."
            )
        return OracleScorer(family, smoothing=smoothing, temperature=_temperature(model))
    if is_server(model):
        from probes.scorers.completions import CompletionsScorer

        _refuse("a completions server", options, ("revision", "dtype", "chat", "trust_remote_code"))
        return CompletionsScorer(model, **_taken(options, "concurrency", "timeout"))
    if model.startswith(VLLM):
        from probes.scorers.vllm import VllmScorer

        _refuse("vLLM", options, ("chat",))
        taken = _taken(options, "revision", "dtype", "trust_remote_code")
        return VllmScorer(model.removeprefix(VLLM), **taken)
    if not os.path.exists(model):
        refuse_misspelt_address(model)
    with detail("importing PyTorch and Transformers"):
        from probes.scorers.huggingface import HuggingFaceScorer

    scorer = HuggingFaceScorer(model, **_taken(options, *(name for name in options if name not in _OF_SERVERS)))
    scorer.check_family(task)
    return scorer


def is_server(model: str) -> bool:
    """Tell whether a model's name is the address of a completions server."""
    return _SERVER.match(model) is not None


def is_reference(model: str) -> bool:
    """Tell whether a scorer's name is that of a reference."""
    return model.partition("(")[0] in REFERENCES


def _temperature(model: str) -> float:
    """τ of a Bayesian by its name."""
    if model == ORACLE:
        return 1.0
    try:
        temperature = float(model.removeprefix(f"{TEMPERED}(").removesuffix(")"))
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature < math.inf:
        raise UserError(f"{TEMPERED} needs a share τ of 0 or more, got '{model}'; write for example {TEMPERED}(0.2).")
    return temperature


def _given(model: Scorer | GivenModel, options: dict[str, Any]) -> Scorer:
    """Take a model that was made in Python; it is asked in the precision and on the device that it has."""
    if isinstance(model, Scorer):
        _refuse(f"model '{model.name}', which was given in Python,", options, (*_OF_LOADING, "chat"))
        return model
    _refuse(f"model '{model.name}', which is in memory,", options, _OF_LOADING)
    from probes.scorers.huggingface_given import GivenScorer

    return GivenScorer(model, **_taken(options, "memory", "batch_tokens", "chat"))


def _taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _refuse(backend: str, options: dict[str, Any], cannot: tuple[str, ...]) -> None:
    """Refuse options that a backend would have to ignore."""
    for name in cannot:
        if options.get(name) not in (None, False, "float32"):  # the defaults
            raise UserError(
                f"{backend} cannot follow --{name.replace('_', '-')} {options[name]}: what serves the model decides "
                "that; leave it out."
            )
