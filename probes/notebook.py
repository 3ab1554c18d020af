"""Runs in a notebook: one call runs them, they display themselves, and completion offers what to do next."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl.errors import UserError, unknown_name
from icl.factors import as_tuple
from icl.public import public
from icl.tasks.protocol import AnyTask
from icl.tasks.stored import load_stored
from probes.models import ModelSpec, from_callable
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import task_file
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.opening import open_run as open_folder
from probes.runs.plan import Resources, make_plan

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Figures", "Run", "import_table", "open_run", "run"]

type Model = str | ModelSpec | Callable[..., Any]
"""A model by its name, as a record, or a function from prompts to log-probabilities."""

_RESOURCES = tuple(one.name for one in fields(Resources))


@public("probes.run", options=lambda: [*_RESOURCES, *(one.name for one in fields(Experiment))])
def run(
    models: Model | Sequence[Model],
    task: str | AnyTask,
    *,
    out: str | Path,
    probes: str | Sequence[str] = "label-correctness",
    **options: Any,
) -> "Run":
    """Ask models what probes ask, and measure; the same call resumes what was interrupted.

    Parameters
    ----------
    models
        Names, as `probe run --model` takes them; `probes.models.ModelSpec` records, for example of a Transformers model
        in memory by `probes.models.from_transformers`; or functions from a sequence of prompts to an array
        (num_prompts, num_candidates) of log-probabilities in nats.
    task
        Its name, or the task.
    out
        Run folder; made where there is none.
    probes
        Names, see `probe list probes`.
    **options
        Other entries of `probes.runs.experiment.Experiment`, such as ``shots=(0, 4)`` or ``queries=20``, and of
        `probes.runs.plan.Resources`, such as ``batch_tokens=4096``.

    Examples
    --------
    >>> import probes
    >>> run = probes.run("gold-follower", "sentiment", label_modes=("gold", "flipped"), shots=2, queries=4, out="first")
    >>> sorted(run.answers()["label_mode"].unique())
    ['flipped', 'gold']

    Raises
    ------
    UserError
        If something asked for does not exist or does not fit, or `out` holds another experiment.
    """
    given = [models] if isinstance(models, str | ModelSpec) or callable(models) else models
    named = tuple(from_callable(one, name=one.__name__) if callable(one) else one for one in given)
    resources = Resources(**{name: options.pop(name) for name in _RESOURCES if name in options})
    experiment = Experiment(models=named, task=task, probes=probes, **options)
    plan = make_plan(experiment, resources)
    folder = create_run(Path(out), experiment, plan.made)
    execute(folder, plan)
    return Run(folder.path)


@public("probes.open_run")
def open_run(path: str | Path) -> "Run":
    """Open a run folder.

    Examples
    --------
    >>> import probes
    >>> made = probes.run("majority", "parity", label_modes="gold", shots=2, queries=4, out="second")
    >>> probes.open_run("second").answers().equals(made.answers())
    True

    Raises
    ------
    UserError
        If there is none at `path`.
    """
    return Run(open_folder(Path(path)).path)


@public("probes.import_table")
def import_table(
    *tables: "str | Path | pd.DataFrame",
    out: str | Path,
    map: Mapping[str, str] | None = None,
    set: Mapping[str, Any] | None = None,
    cluster: str | Sequence[str] = (),
    only: Mapping[str, str] | None = None,
    melt: str | None = None,
    explode: str | None = None,
) -> "Run":
    """Make a run of tables of results that were made elsewhere.

    Parameters
    ----------
    *tables
        CSV, Parquet or JSON lines, result files of lm-evaluation-harness, HELM or inspect_ai, or tables in memory; side
        by side in one run.
    out
        Run folder to make.
    map
        Field → column, or ``A+B`` for two that are joined; `probe list fields` lists the fields, and any other name
        makes a further factor.
    set
        Field → value of all rows; ``field[task]`` of the rows of one task.
    cluster
        Columns whose levels repeat a condition, such as runs and seeds.
    only
        Column → its value in the rows that are wanted, ``a|b`` for one of two.
    melt, explode
        ``name=column,…``: columns, or lists in a cell, that get rows of their own.

    Examples
    --------
    >>> import pandas as pd, probes
    >>> curve = pd.DataFrame({"n": [0, 4, 16], "acc": [0.5, 0.6, 0.75]})
    >>> told = {"model": "m", "task": "films", "num_items": 200, "num_candidates": 2}
    >>> run = probes.import_table(curve, out="third", map={"num_shots": "n", "accuracy": "acc"}, set=told)
    >>> run.answers()["num_items"].sum()
    np.int64(600)

    Raises
    ------
    UserError
        If a table cannot be read, its columns cannot be understood, or `out` holds something else.
    """
    import pandas as pd

    from probes.importing.asked import Asked
    from probes.importing.reshape import read_spread
    from probes.importing.store import read_tables, store

    if wrong := [one for one in tables if not isinstance(one, str | Path | pd.DataFrame)]:
        raise UserError(
            f"a table is a path or a DataFrame, got {type(wrong[0]).__name__}; name several tables one after the other."
        )
    asked = Asked(
        map=dict(map or {}),
        set={name: str(value) for name, value in (set or {}).items()},
        clusters=as_tuple(cluster),
        only=dict(only or {}),
        melt=read_spread("melt", melt),
        explode=read_spread("explode", explode),
    )
    return Run(store(read_tables(tables, asked), Path(out)).path)


class Run(RunFolder):
    """A run that shows itself; `scores`, `answers`, `metrics`, `fit`, `compare`, `plot` and `report` come next."""

    __slots__ = ()

    scores = public("run.scores")(RunFolder.scores)
    answers = public("run.answers")(RunFolder.answers)
    metrics = public("run.metrics")(RunFolder.metrics)
    fit = public("run.fit")(RunFolder.fit)
    fits = public("run.fits")(RunFolder.fits)
    models = public("run.models")(RunFolder.models)
    compare = public("run.compare")(RunFolder.compare)

    @public("run.plot")
    def plot(self, name: str | None = None, *, model: str | None = None) -> "Figure | Figures":
        """Draw the run's figures, or one of them.

        Parameters
        ----------
        name
            Of one figure, such as ``effects``; None draws all.
        model
            Whose figures; None: of all models. Where one figure is asked for and several models have it, the first.

        Raises
        ------
        UserError
            If the run has no such figure or model, or the figure is of a fit that did not converge or is stale.
        """
        from probes.report.page import draw_run

        figures = {(whose, drawn.name): drawn.figure for whose, drawn in draw_run(self)}
        if model is not None:
            if model not in (drawn_of := dict.fromkeys(whose for whose, _ in figures)):
                raise unknown_name("model with figures in this run", model, drawn_of)
            figures = {key: figure for key, figure in figures.items() if key[0] == model}
        if name is None:
            return Figures(figures)
        for (_, drawn), figure in figures.items():
            if drawn == name:
                return figure
        unknown = unknown_name("figure of this run", name, dict.fromkeys(drawn for _, drawn in figures))
        withheld = [f"{fit.title}: {fit.trouble}" for fit in self.fits() if fit.trouble]
        if withheld:
            raise UserError(f"{unknown} Figures of fits that may not be read are withheld. {withheld[0]}") from None
        raise unknown

    @public("run.report")
    def report(self, out: str | Path | None = None) -> Path:
        """Write the report page and its figures into the run folder, or into `out`; return the page's path."""
        from probes.report.page import write_report

        return write_report(self, None if out is None else Path(out))

    def __dir__(self) -> list[str]:
        first = ["answers", "compare", "fit", "fits", "metrics", "models", "plot", "report", "scores"]
        return [*first, "experiment", "manifest", "path"]

    def __repr__(self) -> str:
        return "\n".join([self._asked(), *self._found()])

    def _repr_html_(self) -> str:
        found = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._found())
        models = self.models().to_html(index=False, na_rep="unknown", max_rows=20)
        return f"<h3>{escape(self._asked())}</h3>{found}<details><summary>Models</summary>{models}</details>"

    def _asked(self) -> str:
        if self.is_imported:
            return f"Run {self.path}: imported, task {self.manifest['task']}, {self.manifest['state']}"
        asked = self.experiment
        kept = task_file(self.path / "experiment.toml")  # where Python made the task
        task = load_stored(kept).name if kept.exists() else asked.task
        return f"Run {self.path}: probe {', '.join(asked.probes)} on task {task}, {self.manifest['state']}"

    def _found(self) -> list[str]:
        """What the report leads with; nothing where the run has not come to its metrics."""
        if self.manifest["state"] != "finished":
            return []
        from probes.report.headlines import told
        from probes.report.page import read_material

        return [sentence for answer in told(read_material(self)) for sentence in answer.leading]


class Figures(Mapping[tuple[str, str], "Figure"]):
    """Figures by model and name; a notebook shows them all."""

    def __init__(self, figures: Mapping[tuple[str, str], "Figure"]):
        self._figures = dict(figures)

    def __getitem__(self, key: tuple[str, str]) -> "Figure":
        return self._figures[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"{len(self)} figures: " + ", ".join(f"{name} of {model}" for model, name in self)

    def _repr_html_(self) -> str:
        from probes.figures.picture import png

        return "".join(
            f'<img alt="{escape(f"{name} of {model}")}" src="data:image/png;base64,{base64.b64encode(drawn).decode()}">'
            for (model, name), drawn in ((key, png(figure)) for key, figure in self.items())
        )
