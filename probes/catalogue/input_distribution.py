"""Do the inputs of the demonstrations have to come from the task? (Min §5.1)"""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="input-distribution",
    question="Do the inputs of the demonstrations have to come from the task?",
    metrics=("input_distribution_effect",),
    text=(Grid(label_modes=("random",), input_modes=("task", "ood"), formats=(TEXT_FORMAT,), shots=(0, 16)),),
    ginc=(
        Grid(
            label_modes=("random",),
            input_modes=("task", "ood"),
            formats=(GINC_FORMAT,),
            shots=(0, 16),
            example_lengths=(5,),
        ),
    ),
)
