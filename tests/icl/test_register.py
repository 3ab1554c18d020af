"""Tasks, formats and label modes of users go by their names like the lab's own; faults are said in one sentence."""

from importlib.metadata import EntryPoint

import pytest

import icl
from icl.errors import UserError
from icl.prompts.formats import REGISTERED as FORMATS
from icl.prompts.formats import Format, get_format
from icl.prompts.label_modes import REGISTERED as MODES
from icl.prompts.label_modes import fits_choices, parse_label_mode
from icl.registry import Registry
from icl.tasks.catalogue import REGISTERED as TASKS
from icl.tasks.catalogue import names_code
from icl.tasks.task import Example, Task


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    for registry in (FORMATS, MODES, TASKS):
        monkeypatch.setattr(registry, "_added", {})


def digits(name: str = "digits") -> Task:
    pool = tuple(Example(input=str(n), label="even" if n % 2 == 0 else "odd") for n in range(40))
    return Task(name=name, description="Even or odd?", label_space=("even", "odd"), pool=pool)


def test_a_task_goes_by_its_name_and_is_known_by_its_contents():
    icl.register.task(digits())
    assert icl.load_task("digits").source.startswith("python:digits#")
    assert names_code("digits")
    assert icl.show("digits", num_shots=2).task == "digits"


def test_a_format_goes_by_its_name():
    icl.register.format(Format(name="review", input_prefix="Review: ", label_prefix="Mood: "))
    assert icl.show("sentiment", format="review", num_shots=1).text.count("Mood:") == 2
    with pytest.raises(UserError, match=r"format 'review' is not for ginc tasks"):
        get_format("review", world="ginc")


def test_a_label_mode_shows_what_its_function_makes():
    icl.register.label_mode("backwards", lambda gold, spaces, rng: gold[::-1])
    gold = icl.show("sentiment", num_shots=4, balance="as-drawn").demonstrations
    shown = icl.show("sentiment", num_shots=4, label_mode="backwards", balance="as-drawn").demonstrations
    assert shown.shown_labels == gold.gold_labels[::-1]
    assert shown.gold_labels == gold.gold_labels
    assert parse_label_mode("backwards").is_drawn
    assert fits_choices("backwards")
    assert not parse_label_mode("gold").is_drawn


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda gold, spaces, rng: gold[:1], "made 1 labels of 4 gold ones"),
        (lambda gold, spaces, rng: ["maybe"] * len(gold), "'maybe', which is not a label of the task"),
        (lambda gold, spaces, rng: 1 / 0, "raised ZeroDivisionError"),
        (lambda gold: gold, "raised TypeError"),
    ],
)
def test_what_a_label_mode_makes_is_checked(make, said):
    icl.register.label_mode("mine", make)
    with pytest.raises(UserError, match=said):
        icl.show("sentiment", label_mode="mine", num_shots=4)


def test_names_of_the_labs_own_and_odd_names_are_refused():
    with pytest.raises(UserError, match="'sentiment' is a task of the lab's own"):
        icl.register.task(digits("sentiment"))
    with pytest.raises(UserError, match="a task is named by letters"):
        icl.register.task(digits("my:task"))
    with pytest.raises(UserError, match="no label mode 'mine'"):
        icl.show("sentiment", label_mode="mine")


def test_registering_again_takes_the_other_s_place():
    for prefix in ("A: ", "B: "):
        icl.register.format(Format(name="review", label_prefix=prefix))
    assert get_format("review", world="text").label_prefix == "B: "


def test_an_installed_package_offers_by_entry_point(monkeypatch):
    offered = (
        EntryPoint(name="parity-too", value="icl.tasks.builtin:parity", group="icl_probe_lab.tasks"),
        EntryPoint(name="gone", value="no_such_package:task", group="icl_probe_lab.tasks"),
    )
    monkeypatch.setattr("icl.registry.entry_points", lambda group: [one for one in offered if one.group == group])
    tasks = Registry("task")
    assert tasks.names() == ["parity-too", "gone"]
    assert tasks.get("parity-too")().name == "parity"
    assert tasks.get("neither") is None
    with pytest.raises(UserError, match=r"task 'gone' .* cannot be imported \(ModuleNotFoundError"):
        tasks.get("gone")
    assert Registry("label mode").group == "icl_probe_lab.label_modes"
