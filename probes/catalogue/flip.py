"""Does the model follow when the meaning of the labels changes within the prompt? (Kossen §5)"""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

_MODES = ("gold", "flip_after(12)", "flip_after(8)", "flip_after(4)", "flipped")

PROBE = Probe(
    name="flip",
    question="Does the model follow when the meaning of the labels changes within the prompt?",
    metrics=("follow_rate", "flip_rate"),
    text=(Grid(label_modes=_MODES, formats=(TEXT_FORMAT,), shots=(16,)),),
    ginc=(Grid(label_modes=_MODES, formats=(GINC_FORMAT,), shots=(16,), example_lengths=(5,)),),
)
