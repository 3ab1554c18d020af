"""The models of a run: opened for its plan, recorded in its manifest, read back as a table."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from icl.covariates import COVARIATES
from icl.errors import UserError
from icl.scores import Column
from icl.tasks.protocol import AnyTask
from probes.models import ModelSpec, read_model
from probes.scorers.catalogue import REGISTERED
from probes.scorers.scorer import Scorer

__all__ = [
    "MODEL_COLUMNS",
    "SharedScorers",
    "identity_of",
    "model_record",
    "model_table",
    "open_models",
    "record_in_words",
    "with_covariates",
]

MODEL_COLUMNS: tuple[Column, ...] = (
    Column("model", "str", "name in the score table"),
    Column("spec", "str", "what names the model, with its own revision and precision", absent=""),
    Column("revision", "str", "revision that was asked for; empty where none was", absent=""),
    Column("dtype", "str", "precision of its arithmetic; empty where it has none", absent=""),
    *(one.column for one in COVARIATES),
    Column("identity", "str", "everything beside the prompts that its scores depend on, as JSON"),
)
"""The model table: one row a model; what is not known is missing."""


class SharedScorers:
    """Scorers that several runs ask: one that is opened for a run serves the next, with the weights it has loaded."""

    def __init__(self):
        self._opened: dict[tuple, Scorer] = {}

    def scorer_for(
        self, spec: ModelSpec, task: AnyTask, defaults: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Scorer:
        """Return the scorer that was opened for the same model with the same options and suits the task, or a new one.

        Raises
        ------
        UserError
            As `ModelSpec.scorer_for`.
        """
        if spec.given is not None or spec.name in REGISTERED.names():  # which may depend on the task
            return spec.scorer_for(task, defaults, **options)
        key = (spec, *sorted(defaults.items()), *sorted(options.items()))
        known = self._opened.get(key)
        if known is None or not known.suits(task):
            known = self._opened[key] = spec.scorer_for(task, defaults, **options)
        return known


def open_models(
    models: tuple[str | ModelSpec, ...],
    task: AnyTask,
    defaults: Mapping[str, Any],
    *,
    shared: SharedScorers | None = None,
    **options: Any,
) -> dict[str, tuple[ModelSpec, Scorer]]:
    """Open each model once, without its weights: name in tables → what was asked for, and its scorer.

    Parameters
    ----------
    shared
        Scorers that other runs opened, and to which those of this run are added.
    defaults, **options
        As for `ModelSpec.scorer_for`.

    Raises
    ------
    UserError
        If a model is named twice or cannot be opened, or two go by one name.
    """
    found: dict[str, tuple[ModelSpec, Scorer]] = {}
    names = []
    for spec, count in Counter(map(read_model, models)).items():
        if count > 1:
            raise UserError(f"model '{spec.shown}' is named {count} times; name each model once.")
        scorer = (shared or SharedScorers()).scorer_for(spec, task, defaults, options)
        names.append(scorer.name)
        found[scorer.name] = (spec, scorer)
    if len(found) < len(names):
        raise UserError(
            f"two models go by the same name ({', '.join(names)}); rename one's folder or file, or give one a label in "
            "an experiment file."
        )
    return found


def with_covariates(table: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Put beside each row of answers or metrics what is known of its model: `icl.covariates.COVARIATES`."""
    known = models.set_index("model")[[one.name for one in COVARIATES]]
    return table.join(known, on="asked_model")


def model_record(spec: ModelSpec, scorer: Scorer) -> dict[str, Any]:
    """Write down a model for the manifest: what names it, what is known of it, and its identity."""
    identity = scorer.identity()
    return {
        "spec": spec.written,
        "revision": scorer.revision or "",
        "dtype": identity.get("dtype", ""),
        **spec.covariates(scorer),
        "identity": identity,
    }


def identity_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Take the identity out of a manifest's record of a model; earlier labs wrote nothing else."""
    return dict(record["identity"] if isinstance(record.get("identity"), Mapping) else record)


def record_in_words(record: Mapping[str, Any]) -> dict[str, Any]:
    """Take from a manifest's record of a model what a reader of the report wants to know: all that is known."""
    identity = identity_of(record)
    told = record if "identity" in record else {}
    known = {name.replace("_", " "): told.get(name) for name in ("revision", "num_parameters", "training_tokens")}
    tuned = {None: None, True: "yes", False: "no"}[told.get("is_tuned")]
    known = {name: f"{value:,}" if isinstance(value, int) else value for name, value in known.items() if value}
    return {**known, **({"tuned": tuned} if tuned else {}), **identity}


def model_table(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Lay the records of a manifest out, one row a model, in the columns of `MODEL_COLUMNS`.

    Raises
    ------
    UserError
        If a record holds what its column does not take.
    """
    rows: list[dict[str, Any]] = []
    for name, record in records.items():
        identity = identity_of(record)
        known = record if "identity" in record else {"dtype": identity.get("dtype", "")}
        rows.append({**known, "model": name, "identity": json.dumps(identity, sort_keys=True)})
    columns = {}
    for column in MODEL_COLUMNS:
        values = [row.get(column.name) for row in rows]
        if column.is_optional:
            values = [column.absent if value is None else value for value in values]
        try:
            columns[column.name] = pd.Series(values, dtype=column.dtype)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{column.name} of models in a manifest must be {column.dtype}, got {values} ({error}); rerun the same "
                "`probe run` command; it keeps what was scored."
            ) from error
    return pd.DataFrame(columns)
