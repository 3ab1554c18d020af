"""Does the order of the demonstrations matter? All orders of four, exactly (Lu)."""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="order",
    question="Does the order of the demonstrations matter?",
    metrics=("order_sd_posterior", "order_spread_posterior", "order_worst", "global_entropy", "local_entropy"),
    text=(Grid(label_modes=("gold",), formats=("input-output",), shots=(4,), orders=0),),
    ginc=(Grid(label_modes=("gold",), formats=("ginc",), shots=(4,), orders=0, example_lengths=(3,)),),
)
