"""Does the position of the right option in the list matter? Every rotation of the options of multiple choice."""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="option-order",
    question="Does the position of the right option in the list matter?",
    metrics=("option_spread_posterior", "option_consistency"),
    choices=(Grid(label_modes=("gold",), formats=("options", "options-letters"), shots=(0, 4), option_orders=0),),
)
