"""Do answers to one query agree when format, order and demonstrations change? (Pan, Sclar)"""

from icl.prompts.formats import TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="consistency",
    question="Do answers to one query agree when format, order and demonstrations change?",
    metrics=("consistency", "order_consistency", "set_consistency"),
    text=(Grid(label_modes=("gold",), formats=(TEXT_FORMAT, "qa", "arrow", "tags"), shots=(4,), orders=4),),
    ginc=(
        Grid(
            label_modes=("gold",),
            formats=("ginc", "ginc-no-delimiter"),
            shots=(4,),
            orders=4,
            example_lengths=(5,),
        ),
    ),
)
