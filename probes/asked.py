"""From the flags of `probe run` and `probe plan` to an experiment and what it may use."""

from argparse import Namespace
from typing import Any

from icl.errors import UserError
from probes.runs.experiment import Experiment, read_experiment
from probes.runs.plan import Resources

__all__ = ["experiment_of", "resources_of"]

_FLAGS = {"models": "--model", "probes": "--probe", "calibrate": "--no-calibration"}
"""Entries of an experiment whose flag has another name."""


def experiment_of(options: Namespace) -> Experiment:
    """Read the experiment from its file, or from the flags."""
    flags: dict[str, Any] = {
        name: getattr(options, name) for name in Experiment.__slots__ if getattr(options, name, None) is not None
    }
    if options.experiment is not None:
        if flags:
            name = next(iter(flags))
            flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
            raise UserError(f"{flag} does not go with an experiment file; write {name} into {options.experiment}.")
        return read_experiment(options.experiment)
    if flags.get("curve") and "queries" in flags:
        raise UserError("--queries does not go with --curve, where demonstrations are asked; use --demonstration-sets.")
    for flag, name in (("--model", "models"), ("--task", "task")):
        if name not in flags:
            raise UserError(f"{flag} is missing; name one (`probe list {name.rstrip('s')}s`), or an experiment file.")
    return Experiment(**flags | {"models": tuple(flags["models"])})


def resources_of(options: Namespace) -> Resources:
    """What the flags allow a run to use."""
    return Resources(
        memory=options.memory,
        batch_tokens=options.batch_tokens,
        concurrency=options.concurrency,
        timeout=options.timeout,
        use_cache=getattr(options, "use_cache", True),
    )
