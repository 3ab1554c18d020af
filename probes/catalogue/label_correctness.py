"""Do the labels in the demonstrations have to be right? The curve from all right to none (Min §4, Yoo)."""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

_MODES = ("gold", "random", "shuffled", "fraction_correct(0.75)", "fraction_correct(0.5)", "fraction_correct(0)")

PROBE = Probe(
    name="label-correctness",
    question="Do the labels in the demonstrations have to be right?",
    metrics=("gap", "label_correctness_slope", "GLER", "gain_retained"),
    text=(Grid(label_modes=_MODES, formats=(TEXT_FORMAT,), shots=(0, 4, 16)),),
    ginc=(Grid(label_modes=_MODES, formats=(GINC_FORMAT,), shots=(0, 4, 16), example_lengths=(5,)),),
)
