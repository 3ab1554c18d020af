"""The report page: one HTML file that holds everything it shows and asks nothing of any network."""

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from icl.answers import answer_table
from icl.metrics.normalise import normalisation_of, normalise
from icl.metrics.outcomes import known_answers
from probes import disk
from probes.comparison.stored import StoredComparison, read_comparison
from probes.figures.drawn import Drawn
from probes.figures.picture import png
from probes.findings.material import Material
from probes.findings.selection import asked_rows, main_setting, plain_rows, split_models
from probes.report.concept_words import Account, concept_sentence, read_account
from probes.report.drawn import draw_all
from probes.report.dropped import dropped_html
from probes.report.effects_table import effects_html
from probes.report.found_power import FoundPower, power_of_run
from probes.report.headlines import told
from probes.report.limits import limits
from probes.report.markup import figure_html, items, marked, written_table
from probes.report.numbers import main_table, table_html
from probes.report.sections.comparison import Contest, contests, introduction
from probes.report.words import Answer
from probes.runs.folder import RunFolder
from probes.runs.models import record_in_words
from probes.terminal.progress import phase
from probes.terminal.shell import shell_join

__all__ = ["draw_run", "read_material", "write_report"]

_TEMPLATE = Path(__file__).with_name("page.html")


def write_report(folder: RunFolder, out: Path | None = None) -> Path:
    """Write `figures/*.png` and `report.html` into a run folder, or into `out`; return the page's path.

    Raises
    ------
    UserError
        If the folder lacks its metrics, scores or manifest, or they are damaged.
    """
    out = folder.path if out is None else disk.make_folder(out)
    disk.check_writable(out, "make it writable, or name another folder with --out")
    manifest, material, account = folder.manifest, read_material(folder), _account_of(folder)
    everything, scores = material.metrics, material.scores
    metrics = plain_rows(everything)
    subjects, references = split_models(everything)
    figures: list[tuple[str, Drawn, bytes]] = []
    store = disk.make_folder(out / "figures")
    numbers = {model: number for number, model in enumerate(subjects or references)}
    with phase("drawing figures", numbered=False):
        for model, drawn in draw_run(folder, material=material, account=account):
            picture = png(drawn.figure)
            disk.write_whole(store / f"{_file_name(model, numbers[model])}_{drawn.name}.png", picture)
            figures.append((model, drawn, picture))
    said = told(material)
    beside = _power(power_of_run(folder, material), folder.path) + _noticed(manifest)
    compared = read_comparison(folder, scores, everything)
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{manifest.get('task', 'run')}: what moved the model"),
        task=escape(str(manifest.get("task", ""))),
        described=escape(str(manifest.get("description", ""))),
        facts=_facts(scores, manifest, subjects, references),
        warnings=_warnings(account, manifest, subjects),
        answers="".join(
            _answer(answer, metrics, account, _links(answer, numbers, figures) + (beside if place == 0 else ""))
            for place, answer in enumerate(said)
        ),
        effects="".join(_effects(answer, numbers) for answer in said) or "<p>No two conditions can be compared.</p>",
        figures="".join(
            figure_html(
                drawn, picture, name=f"{drawn.name}-{numbers[model] + 1}", model=model if len(numbers) > 1 else ""
            )
            for model, drawn, picture in figures
        )
        or "<p>No two conditions of this run can be compared in a figure.</p>",
        comparison="" if compared is None else _comparison(compared, store),
        limits=items(limits(scores, metrics, account, manifest)) + dropped_html(material.answers),
        table=table_html(main_table(asked_rows(metrics, material.probes))),
        table_note=escape(f"metrics.parquet holds all {len(everything):,} rows."),
        experiment=escape((folder.path / "experiment.toml").read_text(encoding="utf-8-sig")),
        provenance=_provenance(manifest),
        manifest=escape(json.dumps(manifest, indent=1, ensure_ascii=False)),
    )
    path = out / "report.html"
    disk.write_text(path, page)
    return path


def read_material(folder: RunFolder) -> Material:
    """Read what a run folder holds of all its models."""
    metrics, scores = folder.metrics(), folder.scores()
    found = answer_table(normalise(scores, normalisation_of(metrics)))
    outcomes = known_answers(found)
    return Material(
        model="",
        metrics=metrics,
        outcomes=outcomes,
        answers=found,
        scores=scores,
        chance=_chance(outcomes),
        probes=tuple(folder.experiment.probes),
        variance=folder.variance() if folder.has_variance else None,
        evidence=folder.evidence() if folder.has_evidence else None,
    )


def draw_run(
    folder: RunFolder, *, material: Material | None = None, account: Account | None = None
) -> Iterator[tuple[str, Drawn]]:
    """Draw every figure of a run's subjects, or of its references where there are no others: (model, drawn).

    Parameters
    ----------
    material, account
        What was read of the folder already; read anew where they are left out.
    """
    material = material or read_material(folder)
    account = account or _account_of(folder)
    subjects, references = split_models(material.metrics)
    for model in subjects or references:
        asked: dict[str, Any] = {"outcomes": material.outcomes, "account": account, "chance": material.chance}
        for drawn in draw_all(plain_rows(material.metrics), model=model, material=material.of(model), **asked):
            yield model, drawn


def _account_of(folder: RunFolder) -> Account | None:
    return read_account(folder.posterior(), folder.scores()) if folder.is_fitted else None


def _chance(outcomes: pd.DataFrame) -> float | None:
    """1 ÷ number of candidates; None where prompts differ in it."""
    counts = outcomes["num_candidates"].unique()
    return 1 / float(counts[0]) if len(counts) == 1 else None


def _facts(scores: pd.DataFrame, manifest: dict, subjects: list[str], references: list[str]) -> str:
    asked = scores["prompt_id"].nunique()
    facts = [
        f"{'Models' if len(subjects) != 1 else 'Model'}: {', '.join(subjects) or 'none'}",
        f"references: {', '.join(references) or 'none'}",
        f"{asked:,} distinct prompts",
        f"{scores['query_id'].nunique():,} queries",
        str(manifest.get("started", ""))[:10],
    ]
    return " · ".join(escape(fact) for fact in facts if fact)


def _warnings(account: Account | None, manifest: dict, subjects: list[str]) -> str:
    said = []
    if manifest.get("state") != "finished":
        said.append("This run was not finished; what follows may rest on part of it.")
    if account is not None and account.trouble:
        said.append(f"{account.trouble} No number of the fit is quoted on this page.")
    if not subjects:
        said.append(
            "This run holds reference models only. Their behaviour is known, so this page checks the lab itself."
        )
    return "".join(f'<p class="warning">{marked(text)}</p>' for text in said)


def _power(power: FoundPower | None, path: Path) -> str:
    """What the run could find, and the command that finds less."""
    if power is None:
        return ""
    command = power.command(path)
    said = "".join(f"<p>{marked(sentence)}</p>" for sentence in power.sentences())
    return f'<div class="power">{said}{f"<pre>{escape(shell_join(command))}</pre>" if command else ""}</div>'


def _noticed(manifest: dict) -> str:
    """Point to what was noticed about the run's data."""
    count = len(manifest.get("notices", ()))
    if not count:
        return ""
    many = "One notice about the data of this run stands" if count == 1 else f"{count} notices about the data stand"
    return f'<p class="note">{many} under <a href="#limits">what limits this</a>.</p>'


def _answer(answer: Answer, metrics: pd.DataFrame, account: Account | None, beside: str) -> str:
    sentences = list(answer.sentences)
    setting = main_setting(metrics, answer.model)
    if setting is not None:
        sentences.append(concept_sentence(account, answer.model, setting))
    entries = "".join(f"<dt>{escape(said.topic)}</dt><dd>{marked(said.text)}</dd>" for said in sentences)
    leading = f'<p class="headline">{marked(answer.headline)}</p>'
    leading += "".join(f'<p class="beyond">{marked(text)}</p>' for text in answer.leading[1:])
    return f'<section class="answer">{leading}{beside}<dl>{entries}</dl></section>'


def _links(answer: Answer, numbers: dict[str, int], figures: Iterable[tuple[str, Drawn, bytes]]) -> str:
    """Where the effects of all conditions stand on the page."""
    number = numbers[answer.model] + 1
    drawn = any(model == answer.model and one.name == "effects" for model, one, _ in figures)
    links = [f'<a href="#effects-{number}">figure of effects</a>'] if drawn else []
    links += [f'<a href="#all-effects-{number}">table of all {len(answer.found)} effects</a>'] if answer.found else []
    return f'<p class="note">See {" and ".join(links)}.</p>' if links else ""


def _effects(answer: Answer, numbers: dict[str, int]) -> str:
    """A model's table of all effects."""
    if not answer.found:
        return ""
    name = f'<h3 id="all-effects-{numbers[answer.model] + 1}">{escape(answer.model)}</h3>'
    return name + effects_html(answer.found)


def _comparison(compared: StoredComparison, store: Path) -> str:
    """The chapter on rival accounts; its figures are stored beside the others."""
    kind = ' class="warning"' if compared.trouble else ""
    told = "".join(_contest(contest, store) for contest in contests(compared))
    return f"<h2>Rival accounts of the learning curves</h2><p{kind}>{marked(introduction(compared))}</p>{told}"


def _contest(contest: Contest, store: Path) -> str:
    said = f'<h3>{escape(contest.heading)}</h3><p class="verdict">{marked(contest.verdict)}</p>'
    said += f"<p>{marked(contest.explained)}</p>"
    if len(contest.numbers):
        said += written_table(contest.numbers)
    if contest.drawn is not None:
        picture = png(contest.drawn.figure)
        disk.write_whole(store / f"{contest.drawn.name}.png", picture)
        said += figure_html(contest.drawn, picture, name=contest.drawn.name)
    return said + (items(contest.notes) if contest.notes else "")


def _provenance(manifest: dict) -> str:
    def pairs(values: dict) -> str:
        return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)

    rows = {
        "Task": f"{manifest.get('task', '')} ({manifest.get('source', '')})",
        **{f"Model {name}": pairs(record_in_words(one)) for name, one in manifest.get("models", {}).items()},
        "Seeds": pairs(manifest.get("seeds", {})),
        "Versions": pairs(manifest.get("versions", {})),
        "Machine": pairs(manifest.get("machine", {})),
        "Started": manifest.get("started", ""),
        "Wall time": f"{manifest.get('seconds', 0)} s",
        "State": manifest.get("state", ""),
    }
    return "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )


def _file_name(model: str, number: int) -> str:
    """A file name of plain letters; the number keeps two models apart whose letters agree."""
    return f"{number + 1}_{re.sub(r'[^A-Za-z0-9-]+', '-', model).strip('-')[:40] or 'model'}"
