"""How much does the format of the prompt matter? Every format on every prompt (Sclar)."""

from icl.prompts.formats import FORMATS
from probes.catalogue.probe import Grid, Probe

_TEXT = tuple(format.name for format in FORMATS.values() if format.world == "text" and not format.option)
_GINC = tuple(format.name for format in FORMATS.values() if format.world == "ginc")

PROBE = Probe(
    name="format",
    question="How much does the format of the prompt matter?",
    metrics=("format_spread_posterior", "format_sd_posterior", "consistency"),
    text=(Grid(label_modes=("gold",), formats=_TEXT, shots=(4,)),),
    ginc=(Grid(label_modes=("gold",), formats=_GINC, shots=(0, 4, 16), example_lengths=(5,)),),
)
