"""From the flags of `probe run` and `probe plan` to an experiment and what it may use."""

from argparse import Namespace
from dataclasses import replace
from typing import Any

from icl.errors import UserError
from icl.prompts.formats import from_template
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment
from probes.runs.option import options_of
from probes.runs.resources import Resources

__all__ = ["experiment_of", "resources_of"]


def experiment_of(options: Namespace) -> Experiment:
    """Read the experiment from its file, flags taking the place of entries, or from the flags alone."""
    flags: dict[str, Any] = {
        name: getattr(options, name) for name in options_of(Experiment) if getattr(options, name, None) is not None
    }
    if getattr(options, "template", None):
        written = tuple(from_template(text).name for text in options.template)
        flags["formats"] = (*flags.get("formats", ()), *written)
    if "models" in flags:
        flags["models"] = tuple(flags["models"])
    if options.experiment is not None:
        experiment = read_experiment(options.experiment)
        if flags.keys() & {"task", "corpus", "family"}:
            flags["digests"] = None  # they are of the files that the experiment names
    if "queries" in flags and (flags.get("curve") or (options.experiment is not None and experiment.curve)):
        raise UserError("--queries does not go with --curve, where demonstrations are asked; use --demonstration-sets.")
    if options.experiment is not None:
        return replace(experiment, **flags)
    for flag, name in (("--model", "models"), ("--task", "task")):
        if name not in flags:
            raise UserError(f"{flag} is missing; name one (`probe list {name.rstrip('s')}s`), or an experiment file.")
    return Experiment(**flags)


def resources_of(options: Namespace) -> Resources:
    """What the flags allow a run to use."""
    names = options_of(Resources)
    return Resources(**{name: getattr(options, name) for name in names if getattr(options, name, None) is not None})
