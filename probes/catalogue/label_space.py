"""Do demonstrations have to show the label space? (Min §5.2)"""

from icl.prompts.formats import TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="label-space",
    question="Do the demonstrations have to show the words of the label space?",
    metrics=("label_space_effect",),
    text=(Grid(label_modes=("gold", "random", "random_words"), formats=(TEXT_FORMAT,), shots=(0, 16)),),
)
