"""The report page: one HTML file that holds everything it shows and asks nothing of any network."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from icl.concept.curves import Curves
from icl.metrics.boundaries import boundary_audit
from icl.metrics.normalise import DEFAULT_NORMALISATION, normalisation_of
from icl.metrics.outcomes import known_answers
from probes import disk
from probes.figures.drawn import Drawn
from probes.figures.picture import png
from probes.findings.material import Material, by_task
from probes.findings.selection import asked_rows, main_setting, plain_rows, split_models
from probes.report.concept_words import Account, concept_sentence, read_account
from probes.report.drawn import draw_all
from probes.report.dropped import dropped_html
from probes.report.effects_table import effects_html
from probes.report.found_power import FoundPower, power_of_run
from probes.report.headlines import told
from probes.report.limits import limits
from probes.report.markup import render
from probes.report.numbers import main_table, table_html
from probes.report.sections.comparison import contests, introduction
from probes.report.words import Answer
from probes.runs.comparisons import StoredComparison
from probes.runs.folder import RunFolder
from probes.runs.models import record_in_words
from probes.terminal.progress import phase
from probes.terminal.shell import shell_join

__all__ = ["draw_run", "read_material", "write_report"]


def write_report(folder: RunFolder, out: Path | None = None) -> Path:
    """Write `figures/*.png` and `report.html` into a run folder, or into `out`; return the page's path.

    Raises
    ------
    UserError
        If the folder lacks its metrics, scores or manifest, or they are damaged.
    """
    out = folder.path if out is None else disk.make_folder(out)
    disk.check_writable(out, "make it writable, or name another folder with --out")
    manifest, material = folder.manifest, read_material(folder)
    accounts = _accounts_of(material)
    everything, scores = material.metrics, material.scores
    metrics = plain_rows(everything)
    subjects, references = split_models(everything)
    store = disk.make_folder(out / "figures")
    numbers = {model: number for number, model in enumerate(subjects or references)}
    figures = []
    with phase("drawing figures", numbered=False):
        for model, drawn in draw_run(folder, material=material, accounts=accounts):
            picture = _stored(drawn, store / f"{_file_name(model, numbers[model])}_{drawn.name}.png")
            name = f"{drawn.name}-{numbers[model] + 1}"
            figures.append(_figure(drawn, picture, name=name, model=model if len(numbers) > 1 else ""))
    said = told(material)
    compared = folder.comparison()
    page = render(
        "page.html",
        task=str(manifest.get("task", "")),
        described=str(manifest.get("description", "")),
        facts=_facts(material.answers, manifest, subjects, references),
        warnings=folder.former_fits() + _warnings(accounts, manifest, subjects),
        answers=[_answer(answer, metrics, accounts, numbers[answer.model], figures) for answer in said],
        power=_power(power_of_run(folder, material), folder.path),
        num_notices=len(manifest.get("notices", ())),
        figures=figures,
        comparison=None if compared is None else _comparison(compared, store),
        effects=[
            (f"all-effects-{numbers[answer.model] + 1}", answer.model, effects_html(answer.found))
            for answer in said
            if answer.found
        ],
        limits=limits(scores, metrics, accounts, manifest, boundaries=_boundaries(folder, material)),
        dropped=dropped_html(material.answers),
        numbers=table_html(main_table(asked_rows(metrics, material.probes))),
        num_metrics=len(everything),
        provenance=_provenance(manifest),
        record=folder.record.name,
        experiment=folder.record.read_text(encoding="utf-8-sig"),
        manifest=json.dumps(manifest, indent=1, ensure_ascii=False),
    )
    path = out / "report.html"
    disk.write_text(path, page)
    return path


def read_material(folder: RunFolder) -> Material:
    """Read what a run folder holds of all its models."""
    metrics, scores = folder.metrics(), folder.scores(("status", "reason"))
    found = folder.answers(normalisation_of(metrics))
    tasks = found["task"].unique()
    metrics, scores, found = (by_task(table, tasks) for table in (metrics, scores, found))
    outcomes = known_answers(found)
    return Material(
        model="",
        metrics=metrics,
        outcomes=outcomes,
        answers=found,
        scores=scores,
        chance=_chance(outcomes),
        probes=folder.probes,
        fits=tuple(folder.fits()),
    )


def draw_run(
    folder: RunFolder, *, material: Material | None = None, accounts: Sequence[Account] | None = None
) -> Iterator[tuple[str, Drawn]]:
    """Draw every figure of a run's subjects, or of its references where there are no others: (model, drawn).

    Parameters
    ----------
    material, accounts
        What was read of the folder already; read anew where they are left out.
    """
    material = material or read_material(folder)
    accounts = _accounts_of(material) if accounts is None else accounts
    subjects, references = split_models(material.metrics)
    for model in subjects or references:
        asked: dict[str, Any] = {"outcomes": material.outcomes, "accounts": accounts, "chance": material.chance}
        for drawn in draw_all(plain_rows(material.metrics), model=model, material=material.of(model), **asked):
            yield model, drawn


def _accounts_of(material: Material) -> list[Account]:
    """Sum up the fits of laws of learning curves."""
    return [read_account(fit) for fit in material.fits if isinstance(fit.account, Curves)]


def _chance(outcomes: pd.DataFrame) -> float | None:
    """1 ÷ number of candidates; None where prompts differ in it."""
    counts = outcomes["num_candidates"].dropna().unique()
    return 1 / float(counts[0]) if len(counts) == 1 else None


def _boundaries(folder: RunFolder, material: Material) -> pd.DataFrame:
    """Audit the token boundaries, of sums whatever the metrics compare."""
    is_sum = normalisation_of(material.metrics) == DEFAULT_NORMALISATION and material.answers is not None
    return boundary_audit(material.answers if is_sum else folder.answers(DEFAULT_NORMALISATION))


def _facts(answers: pd.DataFrame, manifest: dict, subjects: list[str], references: list[str]) -> list[str]:
    counted = answers["num_items"].max() > 1
    asked = [f"{answers['prompt_id'].nunique():,} distinct prompts", f"{answers['query_id'].nunique():,} queries"]
    facts = [
        f"{'Models' if len(subjects) != 1 else 'Model'}: {', '.join(subjects) or 'none'}",
        f"references: {', '.join(references) or 'none'}",
        *([f"{answers['num_items'].sum():,} answers, counted in {len(answers):,} rows"] if counted else asked),
        str(manifest.get("started", ""))[:10],
    ]
    return [fact for fact in facts if fact]


def _warnings(accounts: Sequence[Account], manifest: dict, subjects: list[str]) -> list[str]:
    said = []
    if manifest.get("state") != "finished":
        said.append("This run was not finished; what follows may rest on part of it.")
    for account in accounts:
        if account.trouble:
            which = "the fit" if len(accounts) == 1 else f"the fit of {account.fitted}"
            said.append(f"{account.trouble} No number of {which} is quoted on this page.")
    if not subjects:
        said.append(
            "This run holds reference models only. Their behaviour is known, so this page checks the lab itself."
        )
    return said


def _power(power: FoundPower | None, path: Path) -> dict | None:
    """What the run could find, and the command that finds less."""
    if power is None:
        return None
    return {"sentences": power.sentences(), "command": shell_join(power.command(path))}


def _answer(
    answer: Answer, metrics: pd.DataFrame, accounts: Sequence[Account], number: int, figures: Collection[dict]
) -> dict:
    """What is said of one model, and where the effects of all conditions stand on the page."""
    sentences = list(answer.sentences)
    setting = main_setting(metrics, answer.model)
    if setting is not None:
        unfitted = (None,) if metrics["num_shots"].nunique() > 1 else ()  # one number of shots is no curve to fit
        sentences += [concept_sentence(account, answer.model, setting) for account in accounts or unfitted]
    drawn = f"effects-{number + 1}"
    links = [(drawn, "figure of effects")] if any(figure["name"] == drawn for figure in figures) else []
    links += [(f"all-effects-{number + 1}", f"table of all {len(answer.found)} effects")] if answer.found else []
    entries = [(said.topic, said.text) for said in sentences]
    return {"headline": answer.headline, "beyond": answer.leading[1:], "links": links, "entries": entries}


def _comparison(compared: StoredComparison, store: Path) -> dict:
    """The chapter on compared accounts; its figures are stored beside the others."""
    told = []
    for contest in contests(compared):
        figure = None
        if (drawn := contest.drawn) is not None:
            figure = _figure(drawn, _stored(drawn, store / f"{drawn.name}.png"), name=drawn.name)
        told.append((contest, figure))
    return {"is_warning": bool(compared.trouble), "introduction": introduction(compared), "contests": told}


def _figure(drawn: Drawn, picture: bytes, *, name: str, model: str = "") -> dict:
    """A figure that its `name` links to; `model` stands first in its caption where there are several."""
    return {"drawn": drawn, "picture": picture, "name": name, "model": model}


def _stored(drawn: Drawn, path: Path) -> bytes:
    """Draw a figure, and keep it."""
    picture = png(drawn.figure)
    disk.write_whole(path, picture)
    return picture


def _provenance(manifest: dict) -> dict[str, str]:
    def pairs(values: dict) -> str:
        return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)

    return {
        "Task": f"{manifest.get('task', '')} ({manifest.get('source', '')})",
        **{f"Model {name}": pairs(record_in_words(one)) for name, one in manifest.get("models", {}).items()},
        "Seeds": pairs(manifest.get("seeds", {})),
        "Versions": pairs(manifest.get("versions", {})),
        "Machine": pairs(manifest.get("machine", {})),
        "Started": manifest.get("started", ""),
        "Wall time": f"{manifest.get('seconds', 0)} s",
        "State": manifest.get("state", ""),
    }


def _file_name(model: str, number: int) -> str:
    """A file name of plain letters; the number keeps two models apart whose letters agree."""
    return f"{number + 1}_{re.sub(r'[^A-Za-z0-9-]+', '-', model).strip('-')[:40] or 'model'}"
