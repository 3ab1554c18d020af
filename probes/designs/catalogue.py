"""All probes by name."""

from icl.errors import unknown_name
from probes.designs import format, label_correctness, shots
from probes.designs.design import Probe

__all__ = ["PROBES", "get_probe"]

PROBES: dict[str, Probe] = {probe.name: probe for probe in (label_correctness.PROBE, format.PROBE, shots.PROBE)}


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
