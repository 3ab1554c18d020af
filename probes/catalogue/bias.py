"""Does the model favour the label that was shown last, or most often? (Zhao §3)"""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="bias",
    question="Does the model favour the label that was shown last, or most often?",
    metrics=("recency_bias", "majority_bias"),
    text=(
        Grid(
            label_modes=("gold", "random"),
            balances=("as-drawn", "skewed(0.75)"),
            formats=("input-output",),
            shots=(4, 8),
        ),
    ),
    ginc=(Grid(label_modes=("gold",), formats=("ginc",), shots=(4, 16), example_lengths=(5,)),),
)
