"""How much does the way the prompt is written down matter? (Sclar)"""

from icl.prompts.formats import FORMATS
from probes.designs.design import Grid, Probe

PROBE = Probe(
    name="format",
    question="How much does the way the prompt is written down matter?",
    text=Grid(
        label_modes=("gold",),
        formats=tuple(format.name for format in FORMATS.values() if format.world == "text"),
        shots=(4,),
    ),
    ginc=Grid(
        label_modes=("gold",),
        formats=tuple(format.name for format in FORMATS.values() if format.world == "ginc"),
        shots=(0, 4, 16),
        example_lengths=(5,),
    ),
)
