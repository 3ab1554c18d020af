"""Every form of file that can be imported: plain tables, and the result files of other harnesses."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from icl.errors import UserError
from icl.tasks.files import at_home
from probes.importing.helm import read_helm
from probes.importing.inspect_logs import read_inspect
from probes.importing.lm_eval import read_results, read_samples
from probes.importing.plain import ENDINGS, read_plain
from probes.importing.source import Source
from probes.terminal.shell import path_argument, shell_word

__all__ = ["FOREIGN", "Form", "read_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The result files of a harness.

    Attributes
    ----------
    title : str
        What such a file is called.
    matches : callable
        Whether a file's name says that it is one.
    read : callable
        From its path to a table; None where its content says that it is none after all.
    """

    title: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Source | None]


FOREIGN: tuple[Form, ...] = (
    Form(
        title="samples of lm-evaluation-harness",
        matches=lambda path: path.name.startswith("samples_") and path.suffix == ".jsonl",
        read=read_samples,
    ),
    Form(
        title="results of lm-evaluation-harness",
        matches=lambda path: path.name.startswith("results") and path.suffix == ".json",
        read=read_results,
    ),
    Form(
        title="per-instance statistics of HELM",
        matches=lambda path: path.name.startswith("per_instance_stats") and path.suffix == ".json",
        read=read_helm,
    ),
    Form(
        title="log of inspect_ai",
        matches=lambda path: path.suffix in (".eval", ".json"),
        read=read_inspect,
    ),
)
"""In the order in which they are tried, before a file is read as a plain table."""


def read_source(path: str | Path) -> Source:
    """Read one file of results, whatever its form.

    Raises
    ------
    UserError
        If there is no such file, it is a folder, or nothing reads it.
    """
    path = at_home(path)
    _check_file(path)
    for form in FOREIGN:
        if form.matches(path) and (found := form.read(path)) is not None:
            return found
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            f"{path} has the ending {path.suffix!r}, and a table is {', '.join(ENDINGS)}, or a result file of "
            "lm-evaluation-harness, inspect_ai or HELM; save it as one of these."
        )
    return read_plain(path)


def _check_file(path: Path) -> None:
    if path.is_dir():
        if any((path / name).exists() for name in ("experiment.toml", "import.json")):
            run = shell_word(path_argument(path))
            raise UserError(
                f"{path} is a run folder already; fit or report it as it is, for example `probe report {run}`."
            )
        raise UserError(
            f"{path} is a folder, and tables are imported as files; name the files in it, such as {path}/*.csv."
        )
    if path.exists():
        return
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, beside, n=1, cutoff=0.5)
    hint = f"did you mean '{path.parent / near[0]}'?" if near else "check the path."
    raise UserError(f"there is no file '{path}'; {hint}")
