"""Min et al.'s ladder: what each part of a demonstration is worth, from none at all to gold labels (Min §4 and §5)."""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="ladder",
    question="Which parts of a demonstration help: labels, label words, inputs, format?",
    metrics=("gap", "label_space_effect", "input_distribution_effect", "labels_only_effect", "inputs_only_effect"),
    text=(
        Grid(label_modes=("gold", "random", "shuffled", "random_words", "none"), formats=("minimal",), shots=(0, 16)),
        Grid(label_modes=("random",), input_modes=("ood", "none"), formats=("minimal",), shots=(0, 16)),
    ),
)
