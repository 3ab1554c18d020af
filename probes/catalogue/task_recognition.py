"""Does the model recognise a task it knows, or learn one from the mapping shown? Over shots (Pan)"""

from icl.prompts.formats import TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="task-recognition",
    question="Does the model recognise a task it knows, or learn it from the demonstrations?",
    metrics=("task_recognition", "task_learning"),
    text=(Grid(label_modes=("gold", "random", "symbols"), formats=(TEXT_FORMAT,), shots=(0, 2, 4, 8, 16)),),
)
