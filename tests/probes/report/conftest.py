"""A small run that tests of the report share, and coarse pictures, which take less time."""

from dataclasses import replace
from itertools import islice

import pytest
from report_runs import Follower

from probes.figures.picture import png
from probes.report import drawn, page
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.plan import make_plan


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    experiment = Experiment(
        models=("majority",),
        task="sentiment",
        probes=("label-correctness",),
        label_modes=("gold", "random", "shuffled"),
        formats=("qa", "arrow"),
        shots=(0, 1, 4),
        queries=12,
        demonstration_sets=2,
    )
    folder = create_run(tmp_path_factory.mktemp("report") / "run", experiment)
    plan = make_plan(experiment)
    execute(folder, replace(plan, scorers=(Follower(), *plan.scorers)))
    return folder


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    monkeypatch.setattr(page, "png", lambda figure: png(figure, dpi=30))


@pytest.fixture
def one_picture(monkeypatch):
    """Draw only the first figure, where figures are not what is tested."""
    monkeypatch.setattr(page, "draw_all", lambda *args, **kwargs: islice(drawn.draw_all(*args, **kwargs), 1))
