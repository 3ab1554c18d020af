"""The report page: one HTML file that holds everything it shows and asks nothing of any network."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from icl.metrics.normalise import normalisation_of, normalise
from icl.metrics.outcomes import prompt_outcomes
from probes.comparison.stored import StoredComparison, read_comparison
from probes.found_power import FoundPower, power_of_run
from probes.headlines import told
from probes.progress import phase
from probes.report.concept_words import Account, concept_sentence, read_account
from probes.report.drawn import draw_all
from probes.report.limits import limits
from probes.report.numbers import main_table, table_html
from probes.report.section import Drawn, Material
from probes.report.sections.comparison import Contest, contests, introduction
from probes.report.selection import asked_rows, main_setting, plain_rows, split_models
from probes.report.style import png
from probes.report.words import Answer
from probes.runs.folder import RunFolder, write_whole

__all__ = ["draw_run", "read_material", "write_report"]

_TEMPLATE = Path(__file__).with_name("page.html")


def write_report(folder: RunFolder) -> Path:
    """Write `figures/*.png` and `report.html` into a run folder; return the page's path.

    Raises
    ------
    UserError
        If the folder lacks its metrics, scores or manifest, or they are damaged.
    """
    manifest, material, account = folder.manifest, read_material(folder), _account_of(folder)
    everything, scores = material.metrics, material.scores
    metrics = plain_rows(everything)
    subjects, references = split_models(everything)
    figures: list[tuple[str, Drawn, bytes]] = []
    store = folder.path / "figures"
    store.mkdir(exist_ok=True)
    numbers = {model: number for number, model in enumerate(subjects or references)}
    with phase("drawing figures", numbered=False):
        for model, drawn in draw_run(folder, material=material, account=account):
            picture = png(drawn.figure)
            write_whole(store / f"{_file_name(model, numbers[model])}_{drawn.name}.png", picture)
            figures.append((model, drawn, picture))
    said = told(material)
    compared = read_comparison(folder, scores, everything)
    page = Template(_TEMPLATE.read_text()).substitute(
        title=escape(f"{manifest.get('task', 'run')}: what moved the model"),
        task=escape(str(manifest.get("task", ""))),
        described=escape(str(manifest.get("description", ""))),
        facts=_facts(scores, manifest, subjects, references),
        warnings=_warnings(account, manifest, subjects),
        power=_power(power_of_run(folder, material), folder.path),
        answers="".join(_answer(answer, metrics, account) for answer in said),
        figures="".join(_figure(*figure, several=len(subjects or references) > 1) for figure in figures)
        or "<p>No two conditions of this run can be compared in a figure.</p>",
        comparison="" if compared is None else _comparison(compared, store),
        limits=_list(limits(scores, metrics, account, manifest)),
        table=table_html(main_table(asked_rows(metrics, material.probes))),
        table_note=escape(f"metrics.parquet holds all {len(everything):,} rows."),
        experiment=escape((folder.path / "experiment.toml").read_text()),
        provenance=_provenance(manifest),
        manifest=escape(json.dumps(manifest, indent=1, ensure_ascii=False)),
    )
    path = folder.path / "report.html"
    write_whole(path, page.encode("utf-8"))
    return path


def read_material(folder: RunFolder) -> Material:
    """Read what a run folder holds of all its models."""
    metrics, scores = folder.metrics(), folder.scores()
    outcomes = prompt_outcomes(normalise(scores, normalisation_of(metrics)))
    return Material(
        model="",
        metrics=metrics,
        outcomes=outcomes,
        scores=scores,
        chance=_chance(outcomes),
        probes=folder.experiment.probes,
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
    return "".join(f'<p class="warning">{_marked(text)}</p>' for text in said)


def _power(power: FoundPower | None, path: Path) -> str:
    """What the run could find, and the command that finds less."""
    if power is None:
        return ""
    command = power.command(path)
    said = "".join(f"<p>{_marked(sentence)}</p>" for sentence in power.sentences())
    return f'<div class="power">{said}{f"<pre>{escape(command)}</pre>" if command else ""}</div>'


def _answer(answer: Answer, metrics: pd.DataFrame, account: Account | None) -> str:
    sentences = list(answer.sentences)
    setting = main_setting(metrics, answer.model)
    if setting is not None:
        sentences.append(concept_sentence(account, answer.model, setting))
    entries = "".join(f"<dt>{escape(said.topic)}</dt><dd>{_marked(said.text)}</dd>" for said in sentences)
    leading = "".join(
        f'<p class="{"headline" if place == 0 else "beyond"}">{_marked(text)}</p>'
        for place, text in enumerate(answer.leading)
    )
    return f'<section class="answer">{leading}<dl>{entries}</dl></section>'


def _figure(model: str, drawn: Drawn, picture: bytes, *, several: bool) -> str:
    data = base64.b64encode(picture).decode("ascii")
    text = f"{model}. {drawn.caption}" if several else drawn.caption
    width = round(100 * drawn.figure.get_figwidth())
    return (
        f'<figure><img alt="{escape(drawn.title)}" width="{width}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def _comparison(compared: StoredComparison, store: Path) -> str:
    """The chapter on rival accounts; its figures are stored beside the others."""
    kind = ' class="warning"' if compared.trouble else ""
    told = "".join(_contest(contest, store) for contest in contests(compared))
    return f"<h2>Rival accounts of the learning curves</h2><p{kind}>{_marked(introduction(compared))}</p>{told}"


def _contest(contest: Contest, store: Path) -> str:
    said = f'<h3>{escape(contest.heading)}</h3><p class="verdict">{_marked(contest.verdict)}</p>'
    said += f"<p>{_marked(contest.explained)}</p>"
    if len(contest.numbers):
        said += _written_table(contest.numbers)
    if contest.drawn is not None:
        picture = png(contest.drawn.figure)
        write_whole(store / f"{contest.drawn.name}.png", picture)
        said += _figure("", contest.drawn, picture, several=False)
    return said + (_list(contest.notes) if contest.notes else "")


def _written_table(table: pd.DataFrame) -> str:
    """A table of text as HTML."""
    head = "".join(f'<th scope="col">{_marked(name)}</th>' for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td class="n">{_marked(str(value))}</td>' for value in row)}</tr>"
        for row in table.itertuples(index=False)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _marked(text: str) -> str:
    """Escape a sentence; what stands in backticks becomes code, and a number keeps its per cent sign."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(\d) %(?! interval)", "\\1\N{NO-BREAK SPACE}%", text)


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_marked(sentence)}</li>' for sentence in sentences)}</ul>"


def _provenance(manifest: dict) -> str:
    def pairs(values: dict) -> str:
        return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)

    rows = {
        "Task": f"{manifest.get('task', '')} ({manifest.get('source', '')})",
        **{f"Model {name}": pairs(identity) for name, identity in manifest.get("models", {}).items()},
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
