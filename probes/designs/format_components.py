"""What is left of a demonstration when its labels or its inputs are taken away? (Min §5.3)"""

from probes.designs.design import Grid, Probe

_WHERE = {"formats": ("input-output",), "shots": (0, 16)}
_ON_GINC = {"formats": ("ginc",), "shots": (0, 16), "example_lengths": (5,)}

PROBE = Probe(
    name="format-components",
    question="What is left of the demonstrations when labels or inputs are taken away?",
    metrics=("labels_only_effect", "inputs_only_effect"),
    text=(
        Grid(label_modes=("random",), input_modes=("task", "ood", "none"), **_WHERE),
        Grid(label_modes=("random_words", "none"), **_WHERE),
    ),
    ginc=(
        Grid(label_modes=("random",), input_modes=("task", "ood", "none"), **_ON_GINC),
        Grid(label_modes=("none",), **_ON_GINC),
    ),
)
