"""How much does a demonstration still help without its labels or its inputs? (Min §5.3)"""

from dataclasses import replace

from icl.prompts.formats import GINC_FORMAT, TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

_ALL = Grid(label_modes=("random",), input_modes=("task", "ood", "none"), formats=(TEXT_FORMAT,), shots=(0, 16))
_ON_GINC = replace(_ALL, formats=(GINC_FORMAT,), example_lengths=(5,))

PROBE = Probe(
    name="format-components",
    question="How much do demonstrations still help without their labels or inputs?",
    metrics=("labels_only_effect", "inputs_only_effect"),
    text=(
        _ALL,
        replace(_ALL, label_modes=("random_words", "none"), input_modes=("task",)),
    ),
    ginc=(_ON_GINC, replace(_ON_GINC, label_modes=("none",), input_modes=("task",))),
)
