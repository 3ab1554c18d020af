"""How do answers change with the number of demonstrations? (Xie §4, figure 2)"""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="shots",
    question="How do answers change with the number of demonstrations?",
    metrics=("shots_gain",),
    text=(Grid(label_modes=("gold",), formats=(TEXT_FORMAT,), shots=(0, 1, 2, 4, 8, 16)),),
    ginc=(Grid(label_modes=("gold",), formats=(GINC_FORMAT,), shots=(0, 1, 4, 16, 64), example_lengths=(3, 5, 8, 10)),),
)
