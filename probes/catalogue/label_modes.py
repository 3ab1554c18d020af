"""Which change to the labels affects the model: noise, another mapping, other words? (Min §4 and §5.2, Wei23, Pan)"""

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

_ANYWHERE = ("gold", "random", "random_marginal", "shuffled", "permuted")

PROBE = Probe(
    name="label-modes",
    question="Which change to the labels affects the model: noise, another mapping, other words?",
    metrics=("gap", "flip_rate", "follow_rate"),
    text=(Grid(label_modes=(*_ANYWHERE, "symbols", "random_words"), formats=(TEXT_FORMAT,), shots=(0, 16)),),
    ginc=(Grid(label_modes=_ANYWHERE, formats=(GINC_FORMAT,), shots=(0, 16), example_lengths=(5,)),),
)
