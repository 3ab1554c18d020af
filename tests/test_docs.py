"""What the documentation says of probes, metrics, accounts and commands is what the code has."""

import re
from pathlib import Path

import pytest
from generators import accounts, commands, experiment, probes

from icl.concept.accounts import ACCOUNTS
from icl.concept.observation import OBSERVATIONS
from icl.metrics.catalogue import METRICS, TWINS
from probes.catalogue.index import PROBES
from probes.cli.main import COMMANDS, make_parser
from probes.runs.experiment import Experiment
from probes.runs.option import options_of

DOCS = Path(__file__).parents[1] / "docs"


def table(text: str, heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, cell by cell."""
    below = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("name", PROBES)
def test_each_probe_has_a_page_with_its_question_grids_and_metrics(name):
    probe = PROBES[name]
    page = probes.pages()[f"probes/{name}.md"]
    assert probe.question in page
    assert tuple(row[0].strip("`") for row in table(page, "What it reads")) == probe.metrics
    for grid in (*probe.text, *(probe.choices or ()), *probe.ginc):
        for value in (*grid.label_modes, *grid.formats, *grid.shots):
            assert f"`{value}`" in page


def test_probes_of_published_experiments_name_their_paper():
    cited = {name: probes.source(name) for name in PROBES}
    assert cited["ladder"].startswith("Min")
    assert cited["flip"] == "Kossen §5"
    assert sum(map(bool, cited.values())) >= 14


def test_each_metric_is_explained_with_its_twin():
    told = {row[0].strip("`"): row[1:] for row in table("\n## all\n" + probes.pages()["parts/metrics.md"], "all")}
    assert list(told) == list(METRICS)
    for name, (definition, _, twin) in told.items():
        assert definition == METRICS[name].sentence
        assert (twin.strip("`") == TWINS[name]) if name in TWINS else twin in ("", "in score `gold_probability`")
    assert "generated/parts/metrics.md" in (DOCS / "probes" / "metrics.md").read_text(encoding="utf-8")


def test_each_account_has_a_section_with_its_law_and_its_priors():
    page = (DOCS / "models" / "accounts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## ([a-z-]+)$", page, flags=re.MULTILINE)) == set(ACCOUNTS)
    for name in ACCOUNTS:
        assert f"generated/parts/accounts/{name}.md" in page
    for name in OBSERVATIONS:
        assert f"generated/parts/observations/{name}.md" in page


def test_priors_are_listed_with_their_rationale():
    made = accounts.pages()
    for name, account in ACCOUNTS.items():
        for parameter in account.parameters:
            assert parameter.reason in made[f"parts/accounts/{name}.md"]
    assert "half a nat each settles most queries in five shots" in made["parts/priors/evidence.md"]
    assert "no part can be much larger than the whole" in made["parts/priors/variance.md"]


def test_every_command_and_flag_is_in_the_reference():
    page = commands.pages()["commands.md"]
    (group,) = (action for action in make_parser()._actions if action.dest == "command")
    assert set(group.choices) == set(COMMANDS)
    for name, command in group.choices.items():
        section = page.split(f"\n### probe {name}\n", 1)[1].split("\n##", 1)[0]
        for action in command._actions:
            assert action.dest == "help" or all(f"`{flag}" in section for flag in action.option_strings), action


def test_every_entry_of_an_experiment_file_is_in_the_reference():
    page = experiment.pages()["experiment.md"]
    for name, entry in options_of(Experiment).items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert entry.help.replace("|", r"\|") in row
