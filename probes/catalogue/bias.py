"""Does the model favour the label that was shown last, or most often? (Zhao §3)"""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="bias",
    question="Does the model favour the label that was shown last, or most often?",
    metrics=("recency_bias", "majority_bias"),
    text=(
        Grid(
            label_modes=("gold", "random"),
            balances=("as-drawn", "skewed(0.75)"),
            formats=(TEXT_FORMAT,),
            shots=(4, 8),
        ),
    ),
    ginc=(Grid(label_modes=("gold",), formats=(GINC_FORMAT,), shots=(4, 16), example_lengths=(5,)),),
)
