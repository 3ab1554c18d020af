"""How much of the variance of answers does the prompt explain: demonstrations, order, format, labels? Crossed."""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="prompt-variance",
    question="How much of the variance of the answers does the prompt explain: demonstrations, order, format, labels?",
    metrics=("accuracy", "gold_probability"),
    text=(Grid(label_modes=("random",), formats=("sampled(4)",), shots=(4,), orders=3, label_draws=3),),
    ginc=(
        Grid(
            label_modes=("random",),
            formats=("ginc", "ginc-no-delimiter"),
            shots=(4,),
            orders=3,
            label_draws=3,
            example_lengths=(5,),
        ),
    ),
)
