"""The door of the public surface: wrong kinds of arguments are one sentence each, in Python's words."""

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
        ({"deep": 1}, "no argument of lab.ask 'deep'. Known: depth. Did you mean 'depth'?"),
        ({"name": "bad"}, "^label_is is wrong; run `probe run --label-is letter`, or leave out shots.$"),
    ],
)
def test_a_wrong_argument_is_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(lab", r"\(lab").replace("ask)", r"ask\)")):
        ask(**given)


def test_what_fits_is_passed_on() -> None:
    assert ask(np.int64(3), name="x", how=print, depth=2) == "3 x {'depth': 2}"
    assert ask((0, 4)) == "(0, 4) None {}"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: icl.load_task(3), "icl.load_task takes text as 'name', got 3"),
        (lambda: icl.load_task("sentiment", column="x"), "no argument of icl.load_task 'column'"),
        (lambda: icl.show(3), "takes text or a Task as 'task'"),
        (lambda: icl.register.task("x"), "takes a Task as 'made', got 'x'"),
        (lambda: icl.register.label_mode("x", 3), "takes a function as 'show', got 3"),
        (lambda: probes.register.scorer("x", 3), "takes a function as 'make', got 3"),
        (lambda: probes.run(3, "parity", out="a"), "a ModelSpec, a function or a list of these as 'models', got 3"),
        (lambda: probes.run("majority", "parity", out="a", bogus=1), "no argument of probes.run 'bogus'"),
        (lambda: probes.open_run(3), "takes text or a Path as 'path', got 3"),
    ],
)
def test_public_calls_refuse_wrong_kinds(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        call()


def test_a_run_refuses_wrong_kinds_and_names_no_flags(tmp_path) -> None:
    asked = {"label_modes": "gold", "shots": (0, 2), "queries": 4, "demonstration_sets": 2}
    run = probes.run("majority", "parity", **asked, out=tmp_path / "run")
    for call, said in (
        (lambda: run.plot(3), "run.plot takes text or None as 'name', got 3"),
        (lambda: run.fit(draws="a"), "run.fit takes a whole number or None as 'draws', got 'a'"),
        (lambda: run.fit("power", bogus=1), "^bogus does not go with account power; leave it out.$"),
        (lambda: run.compare("power"), "takes a list of text or None as 'accounts', got 'power'"),
    ):
        with pytest.raises(UserError, match=said):
            call()
