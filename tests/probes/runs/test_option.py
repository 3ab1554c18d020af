"""Options of an experiment: what is declared beside a field is what flags, help and files go by."""

from dataclasses import MISSING, dataclass, fields, replace

import pytest

from probes.cli.asked import experiment_of
from probes.cli.main import make_parser
from probes.runs.experiment import GROUPS, Experiment
from probes.runs.option import option, options_of

OPTIONS = options_of(Experiment)
NO_FLAG = {"digests"}


@dataclass(frozen=True, kw_only=True)
class Record:
    """One entry of each kind."""

    names: str | tuple[str, ...] | None = option(None, help="some names", group="g", unset="all")
    size: int = option(3, help="how large", group="g", flag=("--size", "--large"), least=1)
    share: float = option(help="which part", group="g")
    quick: bool = option(True, help="be quick", flag_help="take time", group="g", flag="--slow")


def test_what_is_declared_is_told():
    told = options_of(Record)
    assert [one.takes_several for one in told.values()] == [True, False, False, False]
    assert [one.member for one in told.values()] == [str, int, float, bool]
    assert [one.default_in_words for one in told.values()] == ["all", "3", "", "yes"]
    assert [one.meaning for one in told.values()] == [
        "some names (default: all)",
        "how large (default: 3)",
        "which part",
        "take time",
    ]
    assert [one.flags for one in told.values()] == [("--names",), ("--size", "--large"), ("--share",), ("--slow",)]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("names", [("a",), ("a", "b")], ["a", ("a", 1), 3]),
        ("size", [4], ["4", 4.0, True, None]),
        ("share", [0.5, 1], ["0.5", True]),
        ("quick", [True, False], [1, "yes"]),
    ],
)
def test_types_are_checked_and_nothing_is_converted(name, right, wrong):
    told = options_of(Record)[name]
    assert all(told.fits(value) for value in right)
    assert not any(told.fits(value) for value in wrong)


def test_every_entry_of_an_experiment_has_a_group_a_meaning_and_a_flag():
    assert list(OPTIONS) == [one.name for one in fields(Experiment)]
    assert {one.group for one in OPTIONS.values()} == set(GROUPS)
    assert {name for name, one in OPTIONS.items() if not one.flags} == NO_FLAG
    assert [name for name, one in OPTIONS.items() if one.default is MISSING] == ["models", "task"]


GIVEN = {
    "models": ("--model", "uniform", ("uniform",)),
    "label_words": ("--label-words", "a=b,c=d", ("a=b", "c=d")),
    "label_is": ("--label-is", "key", "key"),
    "options_column": ("--options-column", "o", "o"),
    "balances": ("--balances", "as-drawn", ("as-drawn",)),
    "methods": ("--methods", "channel", ("channel",)),
    "orders": ("--orders", "all", 0),
}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in NO_FLAG])
def test_every_flag_sets_its_entry(name):
    """By each of its spellings, and nothing else."""
    told = OPTIONS[name]
    usual = {str: ("x", "x"), int: ("7", 7), float: ("0.5", 0.5), bool: (None, not told.default)}
    text, value = GIVEN[name][1:] if name in GIVEN else usual[told.member]
    value = (value,) if told.takes_several and not isinstance(value, tuple) else value
    needed = {"models": "m", "task": "t"} | ({"options_column": "o"} if name == "label_is" else {})
    for flag in told.flags:
        words = ["run", "--out", "f", flag, *([] if text is None else [text])]
        for other in needed.keys() - {name}:
            words += [OPTIONS[other].flags[0], needed[other]]
        assert experiment_of(make_parser().parse_args(words)) == replace(Experiment(**needed), **{name: value})


def test_a_probe_is_known_by_its_former_name_too():
    asked = Experiment(models="uniform", task="topic", probes=("calibration", "flip", "contextual-calibration"))
    assert asked.probes == ("contextual-calibration", "flip")
