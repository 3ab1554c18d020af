"""How do answers change with the number of demonstrations? (Xie §4, figure 2)"""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="shots",
    question="How do answers change with the number of demonstrations?",
    metrics=("shots_gain",),
    text=(Grid(label_modes=("gold",), formats=("input-output",), shots=(0, 1, 2, 4, 8, 16)),),
    ginc=(Grid(label_modes=("gold",), formats=("ginc",), shots=(0, 1, 4, 16, 64), example_lengths=(3, 5, 8, 10)),),
)
