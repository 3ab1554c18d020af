"""All probes by name."""

from icl.errors import unknown_name
from probes.catalogue import (
    bias,
    consistency,
    contextual_calibration,
    flip,
    format,
    format_components,
    format_search,
    input_distribution,
    label_correctness,
    label_modes,
    label_space,
    ladder,
    option_order,
    order,
    prompt_variance,
    shots,
    task_recognition,
)
from probes.catalogue.probe import Probe

__all__ = ["PROBES", "current_name", "get_probe"]

_FILES = (
    *(label_correctness, label_modes, label_space, input_distribution, format_components, ladder),
    *(format, format_search, order, option_order, bias),
    *(task_recognition, flip, contextual_calibration, consistency, shots, prompt_variance),
)

PROBES: dict[str, Probe] = {file.PROBE.name: file.PROBE for file in _FILES}
"""Name → probe."""

_FORMER_NAMES = {"calibration": "contextual-calibration"}


def current_name(name: str) -> str:
    """Give the name of a probe that an experiment may know by an earlier name."""
    return _FORMER_NAMES.get(name, name)


def get_probe(name: str) -> Probe:
    """Look up a probe.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in PROBES:
        raise unknown_name("probe", name, PROBES)
    return PROBES[name]
