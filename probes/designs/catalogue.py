"""All probes by name."""

from icl.errors import unknown_name
from probes.designs import (
    bias,
    calibration,
    consistency,
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
from probes.designs.design import Probe

__all__ = ["PROBES", "get_probe"]

_FILES = (
    *(label_correctness, label_modes, label_space, input_distribution, format_components, ladder),
    *(format, format_search, order, option_order, bias),
    *(task_recognition, flip, calibration, consistency, shots, prompt_variance),
)

PROBES: dict[str, Probe] = {file.PROBE.name: file.PROBE for file in _FILES}
"""Name → probe."""


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
