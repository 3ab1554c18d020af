"""Runs in a notebook: asked by one call, shown by themselves, warned of where they may not be read."""

from types import SimpleNamespace

import numpy as np
import pytest

import icl
import probes
from icl.errors import UserError
from icl.tasks.task import Example, Task
from probes.notebook import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return probes.run(
        ("gold-follower", "majority"),
        "sentiment",
        label_modes=("gold", "random"),
        shots=(0, 2),
        queries=6,
        out=tmp_path_factory.mktemp("runs") / "run",
    )


def test_a_run_shows_what_it_found(run):
    assert repr(run).startswith(f"Run {run.path}: probe label-correctness on task sentiment, finished")
    shown = run._repr_html_()
    assert "gold-follower" in shown
    assert str(run.path) in shown
    assert all(hasattr(run, name) for name in dir(run))


def test_an_opened_run_is_the_one_that_was_made(run):
    opened = probes.open_run(run.path)
    assert isinstance(opened, Run)
    assert opened.metrics().equals(run.metrics())


def test_figures_are_drawn_one_or_all(run):
    figures = run.plot()
    model, name = next(iter(figures))
    assert run.plot(name, model=model).axes
    assert f"{name} of {model}" in repr(figures)
    assert figures._repr_html_().count("<img alt=") == len(figures)
    with pytest.raises(UserError, match="no figure of this run 'nothing'"):
        run.plot("nothing")


def test_a_figure_of_a_fit_that_may_not_be_read_is_withheld_and_that_is_said(run, monkeypatch):
    fit = SimpleNamespace(title="drift–diffusion of counts", trouble="This fit did not converge.")
    monkeypatch.setattr(Run, "fits", lambda self: [fit])
    monkeypatch.setattr("probes.report.page.draw_run", lambda folder: [])
    with pytest.raises(UserError, match=r"withheld\. drift–diffusion of counts: This fit did not converge"):
        run.plot("signal_noise")


def test_the_report_is_written_where_it_is_asked_for(run, tmp_path):
    page = run.report(tmp_path / "page")
    assert page == tmp_path / "page" / "report.html"
    assert page.exists()


def test_functions_tasks_and_resources_go_into_a_run(tmp_path):
    pool = tuple(Example(input=str(n), label="even" if n % 2 == 0 else "odd") for n in range(40))
    digits = Task(name="digits", description="Even or odd?", label_space=("even", "odd"), pool=pool)

    def always_even(prompts):
        return np.log([[0.9, 0.1] for _ in prompts])

    run = probes.run(
        always_even, digits, label_modes="gold", shots=2, queries=4, out=str(tmp_path / "run"), use_cache=False
    )
    assert run.answers()["model"].unique().tolist() == ["always_even"]
    assert (run.answers()["prediction"] == "even").all()
    assert "on task digits" in repr(run)


def test_a_name_that_the_user_registered_is_asked(tmp_path, monkeypatch):
    from probes.scorers.catalogue import REGISTERED

    monkeypatch.setattr(REGISTERED, "_added", {})
    probes.register.scorer("shortest", lambda task: lambda prompts: np.zeros((len(prompts), task.num_options)))
    run = probes.run("shortest", "sentiment", label_modes="gold", shots=2, queries=4, out=tmp_path / "run")
    assert run.answers()["model"].unique().tolist() == ["shortest"]
    with pytest.raises(UserError, match="'oracle' is a scorer of the lab's own"):
        probes.register.scorer("oracle", lambda task: None)


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match="no probe 'formats'"):
        probes.run("majority", "sentiment", probes="formats", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="is not a run folder"):
        probes.open_run(tmp_path)
    with pytest.raises(UserError, match="no task 'sentimen'"):
        icl.load_task("sentimen")
    with pytest.raises(UserError, match="cannot have -1 demonstrations"):
        icl.show("sentiment", num_shots=-1)
