"""From an experiment to the task that it asks: a world with known truth, or rows that Python or a file has."""

from icl.errors import UserError
from icl.tasks.catalogue import load_task, names_code
from icl.tasks.protocol import AnyTask
from icl.tasks.stored import as_made_in_python
from icl.tasks.task import Task, with_label_words
from icl.worlds import WORLDS
from probes.runs.experiment import Experiment

__all__ = ["load_asked_task", "load_named_task"]


def load_named_task(experiment: Experiment) -> AnyTask:
    """Load the task that an experiment names, or has."""
    return load_asked_task(experiment)[0]


def load_asked_task(experiment: Experiment) -> tuple[AnyTask, Task | None]:
    """Load the task that an experiment names, or has; beside it as Python made it, before labels are renamed.

    The second is None where the task came otherwise.

    Raises
    ------
    UserError
        If there is no such task, it cannot be read, or an option does not belong to it.
    """
    words = dict(written.split("=", 1) for written in experiment.label_words or ())
    name = experiment.task if isinstance(experiment.task, str) else experiment.task.name
    if isinstance(experiment.task, str) and name in WORLDS:
        if words:
            raise UserError(
                f"label_words rename the labels of sentences; {name.upper()}'s are its tokens, leave them out."
            )
        return WORLDS[name].load(**{option: getattr(experiment, option) for option in WORLDS[name].options}), None
    for world, known in WORLDS.items():
        for option in known.options:
            if getattr(experiment, option) is not None:
                raise UserError(f"{option} belongs to --task {world}, got task '{name}'; leave it out.")
    task = _load_rows(experiment)
    is_made = not isinstance(experiment.task, str) or names_code(experiment.task)
    return with_label_words(task, words) if words else task, task if is_made else None


def _load_rows(experiment: Experiment) -> Task:
    if not isinstance(experiment.task, str):
        return as_made_in_python(experiment.task)
    return load_task(
        experiment.task,
        input_column=experiment.input_column,
        label_column=experiment.label_column,
        options_column=experiment.options_column,
        label_is=experiment.label_is,
        also_known=tuple(WORLDS),
    )
