"""The budgeted search for formats: it keeps its budget, finds what there is, and goes on after a kill."""

from dataclasses import replace

import numpy as np
import pytest

from icl.errors import UserError
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.search import Search


def simulate(truth: dict[str, float], budget: int, rng: np.random.Generator) -> dict[str, list[bool]]:
    places = {name: tuple(range(1000 * i, 1000 * i + 200)) for i, name in enumerate(truth)}
    search = Search(arms=places, budget=budget, seed=int(rng.integers(1000)))
    answered: dict[int, bool] = {}
    while chosen := search.next_prompts(answered):
        assert not set(chosen) & set(answered)
        answered |= {place: bool(rng.random() < truth[list(truth)[place // 1000]]) for place in chosen}
    assert len(answered) == budget
    return {name: [answered[place] for place in arm if place in answered] for name, arm in places.items()}


def test_every_format_is_asked_and_the_extremes_most(rng):
    truth = {f"f{i}": share for i, share in enumerate([0.1, *[0.5] * 10, 0.9])}
    asked = [simulate(truth, 240, rng) for _ in range(20)]
    assert all(len(tries) > 0 for run in asked for tries in run.values())
    mean = {name: np.mean([len(run[name]) for run in asked]) for name in truth}
    assert min(mean["f0"], mean["f11"]) > 1.5 * np.mean([mean[f"f{i}"] for i in range(1, 11)])


def test_a_search_ends_when_everything_is_asked():
    search = Search(arms={"a": (0, 1), "b": (2, 3)}, budget=100, seed=0)
    answered: dict[int, bool] = {}
    while chosen := search.next_prompts(answered):
        answered |= dict.fromkeys(chosen, True)
    assert set(answered) == {0, 1, 2, 3}


SEARCH = Experiment(
    models=("gold-follower",),
    task="sentiment",
    probes=("format-search",),
    formats=("sampled(6)",),
    queries=10,
    demonstration_sets=2,
    budget=30,
    calibrate=False,
)


def test_a_run_asks_no_more_than_its_budget_and_resumes_within_it(tmp_path):
    folder = create_run(tmp_path / "run", SEARCH)
    execute(folder, make_plan(SEARCH))
    scores = folder.scores()
    assert scores["number"].nunique() == 30
    assert scores["format"].nunique() == 6
    part = sorted((folder.path / "scores").glob("*.parquet"))[-1]
    part.unlink()  # as if the run had been killed before it
    execute(folder, make_plan(SEARCH))
    assert folder.scores()["number"].nunique() == 30
    spread = folder.metrics().query("metric == 'format_search_spread' and score == 'accuracy'")
    assert len(spread) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 5}, "a budget of 5 prompts cannot ask each of 6 formats once"),
        ({"label_modes": ("gold", "random")}, "varies formats only, got 2 kinds of prompts"),
        ({"balances": ("balanced", "as-drawn")}, "varies formats only, got 2 kinds of prompts"),
        ({"orders": 3}, "varies formats only, got 3 kinds of prompts"),
        ({"formats": ("qa",)}, "needs two formats or more, got qa"),
        ({"formats": ("sampled(x)",)}, r"sampled needs a number of formats, got 'sampled\(x\)'"),
        ({"formats": ("sampled(100000)",)}, "100,?000"),
        ({"probes": ("format",), "formats": ("qa", "arrow")}, "a budget belongs to probe 'format-search'"),
        ({"budget": 0}, "budget must be at least 1, got 0"),
    ],
)
def test_searches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        make_plan(replace(SEARCH, **changes))


def test_prompts_that_another_probe_asks_as_well_count_in_the_search(tmp_path):
    shared = replace(SEARCH, probes=("format", "format-search"), formats=("qa", "arrow", "g7"), budget=None)
    folder = create_run(tmp_path / "run", shared)
    execute(folder, make_plan(shared))
    assert folder.scores()["number"].nunique() == 3 * 20  # all are asked by the other probe
    assert (folder.metrics()["metric"] == "format_search_spread").sum() == 3


def test_formats_that_cannot_matter_have_no_spread_after_a_search(tmp_path):
    still = replace(SEARCH, models=("label-prior",))
    folder = create_run(tmp_path / "run", still)
    execute(folder, make_plan(still))
    spread = folder.metrics().query("metric == 'format_search_spread'")
    assert (spread["estimate"].abs() < 1e-9).all()
