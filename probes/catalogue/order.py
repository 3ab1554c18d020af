"""Does the order of the demonstrations matter? All orders of four, exactly (Lu)."""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="order",
    question="Does the order of the demonstrations matter?",
    metrics=("order_sd_posterior", "order_spread_posterior", "order_worst", "global_entropy", "local_entropy"),
    text=(Grid(label_modes=("gold",), formats=(TEXT_FORMAT,), shots=(4,), orders=0),),
    ginc=(Grid(label_modes=("gold",), formats=(GINC_FORMAT,), shots=(4,), orders=0, example_lengths=(3,)),),
)
