"""The door of the public surface: wrong kinds of arguments are one sentence each, in Python's words."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import icl
import probes
from icl.errors import UserError
from icl.public import public

type Shots = int | Sequence[int]


@public("lab.ask", options=lambda: ["depth", "shots"])
def ask(shots: Shots = 0, name: str | None = None, how: Callable[..., Any] | None = None, **more: Any) -> str:
    """Say what was asked, or fail as a function behind the door does."""
    if name == "bad":
        raise UserError("--label-is is wrong; run `probe run --label-is letter`, or leave out --shots.")
    return f"{shots} {name} {more}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shots": "a"}, "lab.ask takes a whole number or a list of these as 'shots', got 'a'; see help(lab.ask)."),
        ({"shots": True}, "got True"),
        ({"shots": [1, "b"]}, r"got \[1, 'b'\]"),
        ({"name": 3}, "takes text or None as 'name', got 3"),
        ({"how": "x"}, "takes a function or None as 'how', got 'x'"),
        ({"deep": 1}, "no argument of lab.ask 'deep'. Known: depth, how, name, shots. Did you mean 'depth'?"),
        ({"name": "bad"}, "^label_is is wrong; run `probe run --label-is letter`, or leave out shots.$"),
    ],
)
def test_a_wrong_argument_is_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(lab", r"\(lab").replace("ask)", r"ask\)")):
        ask(**given)


def test_what_fits_is_passed_on() -> None:
    assert ask(np.int64(3), name="x", how=print, depth=2) == "3 x {'depth': 2}"
    assert ask((0, 4)) == "(0, 4) None {}"


CALLS: dict[Callable[[], Any], str] = {
    lambda: icl.load_task(3): "icl.load_task takes text as 'name', got 3; see help(icl.load_task).",
    lambda: icl.load_task(): "icl.load_task needs text as 'name', got none",
    lambda: icl.load_task("a", "b"): "icl.load_task takes name, example_length=…, got 'a', 'b'",
    lambda: icl.load_task("a.csv", input_column=3): "icl.load_task takes text as 'input_column', got 3",
    lambda: icl.load_task("sentiment", column="x"): "no argument of icl.load_task 'column'",
    lambda: icl.show(): "icl.show needs text or a Task as 'task', got none",
    lambda: icl.show(3): "icl.show takes text or a Task as 'task', got 3",
    lambda: icl.show("sentiment", num_shots="a"): "icl.show takes a whole number as 'num_shots', got 'a'",
    lambda: icl.show("sentiment", shots=2): "no argument of icl.show 'shots'. Known: balance, corpus, example_length",
    lambda: icl.show("sentiment", input_mode=3): "icl.show takes text as 'input_mode', got 3",
    lambda: icl.show("sentiment", label_draw="a"): "icl.show takes a whole number as 'label_draw', got 'a'",
    lambda: icl.show("sentiment", method="both"): "no method 'both'. Known: channel, direct.",
    lambda: icl.show("sentiment", example_length=3): "task 'sentiment' do not differ in example_length; leave it out",
    lambda: icl.register.task("x"): "icl.register.task takes a Task as 'made', got 'x'",
    lambda: icl.register.format(): "icl.register.format needs a Format as 'made', got none",
    lambda: icl.register.label_mode("x", 3): "takes a function as 'show', got 3",
    lambda: probes.register.scorer("x", 3): "takes a function as 'make', got 3",
    lambda: probes.register.scorer("x"): "needs a function as 'make', got none",
    lambda: probes.run(3): "probes.run needs text or a Task as 'task', got none",
    lambda: probes.run("majority", "parity"): "probes.run needs text or a Path as 'out', got none",
    lambda: probes.run(3, "parity", out="a"): "text, a ModelSpec, a function or a list of these as 'models', got 3",
    lambda: probes.run("majority", "parity", out="a", bogus=1): "no argument of probes.run 'bogus'",
    lambda: probes.open_run(3): "probes.open_run takes text or a Path as 'path', got 3",
    lambda: probes.open_run("a", "b"): "probes.open_run takes path, got 'a', 'b'; see help(probes.open_run).",
    lambda: probes.import_table(3): "probes.import_table needs text or a Path as 'out', got none",
    lambda: probes.import_table(3, out="a"): "a table is a path or a DataFrame, got int",
    lambda: probes.import_table("a.csv", out="a", map={"b": 3}): "a mapping of text to text or None as 'map', got {'b'",
}
"""Call of the public surface → what it says."""

RUN_CALLS: dict[Callable[[Any], Any], str] = {
    lambda run: run.scores(3): "run.scores takes a list of text or None as 'columns', got 3",
    lambda run: run.scores(["x"]): "no column of a score table 'x'. Known: balance",
    lambda run: run.answers(3): "run.answers takes text or None as 'normalisation', got 3",
    lambda run: run.metrics(3): "run.metrics takes no arguments, got 3; see help(run.metrics).",
    lambda run: run.fits(a=3): "run.fits takes no arguments, got a=3",
    lambda run: run.fit(account=3): "run.fit takes text as 'account', got 3",
    lambda run: run.fit(draws="a"): "run.fit takes a whole number or None as 'draws', got 'a'",
    lambda run: run.fit("power", progress=3): "run.fit takes a function or None as 'progress', got 3",
    lambda run: run.fit("power", bogus=1): "bogus does not go with account power; leave it out.",
    lambda run: run.compare("power"): "run.compare takes a list of text or None as 'accounts', got 'power'",
    lambda run: run.compare(hold_out=3): "hold_out takes a HoldOut, such as",
    lambda run: run.plot(3): "run.plot takes text or None as 'name', got 3",
    lambda run: run.plot(model="x"): "no model with figures in this run 'x'. Known: majority.",
    lambda run: run.report(3): "run.report takes text, a Path or None as 'out', got 3",
}
"""Call of a run → what it says."""


@pytest.mark.parametrize(("call", "said"), CALLS.items(), ids=CALLS.values())
def test_public_calls_refuse_what_does_not_fit(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        call()


def test_a_run_refuses_what_does_not_fit_and_names_no_flags(tmp_path) -> None:
    asked = {"label_modes": "gold", "shots": (0, 2), "queries": 4, "demonstration_sets": 2}
    run = probes.run("majority", "parity", **asked, out=tmp_path / "run")
    for call, said in RUN_CALLS.items():
        with pytest.raises(UserError, match=re.escape(said)):
            call(run)


OPTIONS = {
    "shots='b'": "shots must be a whole number or a list of whole numbers, got 'b'.",
    "batch_tokens='b'": "batch_tokens must be a whole number, got 'b'.",
    "use_cache=3": "use_cache must be true or false, got 3.",
}
"""Option of `probes.run` → what it says; in a process of its own, since tests check the types of records themselves."""


def test_options_of_a_run_are_refused_by_what_they_must_be(tmp_path) -> None:
    lines = ["import probes"]
    for option in OPTIONS:
        lines += ["try:", f"    probes.run('majority', 'parity', out='a', {option})"]
        lines += ["except ValueError as error:", "    print(error)"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines() == list(OPTIONS.values()), done.stderr
