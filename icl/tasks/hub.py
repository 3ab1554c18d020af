"""Tasks read from data sets on the Hugging Face Hub."""

import logging
import re
from dataclasses import dataclass
from typing import Any

from icl.errors import UserError
from icl.tasks.rows import Rows, check_columns, task_from_rows
from icl.tasks.task import Task

__all__ = ["HubName", "load_hub", "load_split", "parse_hub_name", "revision", "task_from_dataset"]

DEFAULT_SPLIT = "train"
PARQUET_EXPORT = "refs/convert/parquet"
"""Branch in which the Hub keeps a copy of a set's rows as Parquet, one folder a configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubName:
    """Where a data set stands on the Hub, written ``owner/name:config@split``.

    Attributes
    ----------
    path : str
        ``owner/name``, or ``name`` of an old set without owner.
    config : str or None
        Configuration (subset); None for the set's only or default one.
    split : str
        One split of it.
    exported : bool
        Whether to read the Hub's own Parquet copy, because the set itself is a loading script, which `datasets` no
        longer runs.
    """

    path: str
    config: str | None = None
    split: str = DEFAULT_SPLIT
    exported: bool = False

    def __str__(self) -> str:
        return f"{self.path}{f':{self.config}' if self.config else ''}@{self.split}"


def parse_hub_name(name: str, *, split: str | None = None) -> HubName:
    """Split ``owner/name:config@split`` into its parts.

    Parameters
    ----------
    name
        ``owner/name`` or ``name``, optionally with a configuration after a colon and a split after an ``@``.
    split
        The split where `name` has none; "train" when both have none.

    Raises
    ------
    UserError
        If the name is not of this form or names another split than `split`.
    """
    found = re.fullmatch(r"(?P<path>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[^@:/]+))?(?:@(?P<split>[^@:/]+))?", name)
    if not found:
        raise UserError(f"'{name}' is not the name of a Hub data set; write it as owner/name:config@split.")
    if split and found["split"] and split != found["split"]:
        raise UserError(f"'{name}' names another split than '{split}'; give the split once.")
    return HubName(path=found["path"], config=found["config"], split=found["split"] or split or DEFAULT_SPLIT)


def load_hub(
    name: str,
    *,
    input_column: str = "input",
    label_column: str = "label",
    options_column: str | None = None,
    label_is: str | None = None,
    split: str | None = None,
) -> Task:
    """Read a task from a data set on the Hub (or in its local cache).

    Parameters
    ----------
    name
        ``owner/name:config@split``; configuration and split may be left out.
    input_column, label_column
        Names of the columns to read; class numbers become class names.
    options_column
        For multiple choice, the column with each row's options: a list, or ``{"text": [...], "label": [...]}``; the
        label then names an option (see `icl.tasks.label_readings`).
    label_is
        How labels name options, one of `LABEL_READINGS`; None finds it out, where only one answer is possible.
    split
        The split where `name` has none; "train" when both have none.

    Returns
    -------
    Task
        See `icl.tasks.rows.clean_rows` for what is dropped.

    Raises
    ------
    UserError
        If `datasets` is not installed, the Hub or the data set is not to be had, or it makes no task.
    """
    hub_name = parse_hub_name(name, split=split)
    return task_from_dataset(
        load_split(hub_name, origin=f"Hub data set '{name}'"),
        hub_name,
        input_column=input_column,
        label_column=label_column,
        options_column=options_column,
        label_is=label_is,
    )


def load_split(hub_name: HubName, *, origin: str) -> Any:
    """Load one split of a data set from the Hub (or its local cache).

    Parameters
    ----------
    hub_name
        Where it stands.
    origin
        How messages call it.

    Returns
    -------
    datasets.Dataset

    Raises
    ------
    UserError
        If `datasets` is not installed, or the Hub or the data set is not to be had.
    """
    try:
        import datasets
    except ImportError:
        raise UserError(
            f"{origin} needs the package datasets, which is not installed; run `pip install icl-probe-lab[hub]`, or "
            "save the data as a .jsonl and name that file."
        ) from None
    where = (
        {"data_dir": hub_name.config or "default", "revision": PARQUET_EXPORT}
        if hub_name.exported
        else {"name": hub_name.config}
    )
    log = logging.getLogger("huggingface_hub")  # it warns at every try to reach a hub that is not there
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        return datasets.load_dataset(hub_name.path, split=hub_name.split, **where)
    except ConnectionError as error:
        raise UserError(
            f"{origin} could not be reached: {_reason(error)}; run where there is a network, or save it as a .jsonl "
            "and name that file."
        ) from None
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"{origin} could not be loaded: {_reason(error)}; check its name, configuration and split at "
            f"huggingface.co/datasets/{hub_name.path}, or save it as a .jsonl and name that file."
        ) from None
    finally:
        log.setLevel(level)


def task_from_dataset(
    dataset: Any,
    hub_name: HubName,
    *,
    input_column: str,
    label_column: str,
    options_column: str | None = None,
    label_is: str | None = None,
) -> Task:
    """Make a task of a loaded split.

    Parameters
    ----------
    dataset
        A `datasets.Dataset`.
    hub_name
        Where it came from.
    input_column, label_column
        Names of the columns to read; class numbers become class names, class number −1 is a missing label.
    options_column
        For multiple choice, the column of options.
    label_is
        As in `load_hub`.

    Returns
    -------
    Task
        Named by the data set and its configuration; the source ends in the Hub revision where it is known, else in
        the fingerprint of the data.

    Raises
    ------
    UserError
        If a column is missing or the rows make no task.
    """
    origin = f"Hub data set '{hub_name}'"
    check_columns(
        origin,
        dataset.column_names,
        input_column=input_column,
        label_column=label_column,
        options_column=options_column,
    )
    rows = Rows(
        origin=origin,
        columns=(input_column, label_column, *((options_column,) if options_column is not None else ())),
        inputs=_column_values(dataset, input_column),
        labels=_column_values(dataset, label_column),
        options=None if options_column is None else _column_values(dataset, options_column),
        label_is=label_is,
    )
    name = hub_name.path.rpartition("/")[2] + (f"-{hub_name.config}" if hub_name.config else "")
    return task_from_rows(rows, name=name, source=f"hub:{hub_name}#{revision(dataset)}")


def _column_values(dataset: Any, column: str) -> list[object]:
    """One column, its class numbers turned into names."""
    values = dataset[column][:]
    names = getattr(dataset.features[column], "names", None)  # only a ClassLabel has names
    if names is None:
        return list(values)
    return [names[value] if value is not None and value >= 0 else None for value in values]


def revision(dataset: Any) -> str:
    """Begin of the commit that the data's files were downloaded from, else of the fingerprint of the data."""
    commits = {
        found[1]
        for url in dataset.info.download_checksums or {}
        if (found := re.search(r"(?:@|/resolve/)([0-9a-f]{40})/", str(url)))
    }
    return (commits.pop() if len(commits) == 1 else f"{dataset._fingerprint}")[:12]


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:200].rstrip(".") if lines else type(error).__name__
