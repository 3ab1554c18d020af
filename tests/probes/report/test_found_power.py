"""What a finished run could find: by its own variances, within the task's rows, with a command that works."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_runs import run_experiment

from icl.metrics.power import POWER, TYPICAL, VarianceComponents, components, minimum_detectable_effect, power_of
from probes.cli.asked import experiment_of
from probes.cli.main import make_parser
from probes.power.variances import own_variances
from probes.report.found_power import FoundPower, found_power, power_of_run
from probes.report.page import read_material
from probes.runs.experiment import Experiment

ASKED = Experiment(models=("small",), task="films", queries=12, demonstration_sets=4)
ROOM = {"most_queries": {count: 1000 for count in (3, 4, 8, 16, 32, 64)}}


def outcomes(difference: np.ndarray, formats: tuple[str, ...] = ("qa",)) -> pd.DataFrame:
    """Right answers under gold labels, and under random ones where `difference` (set × query) is 0."""
    rows = [
        {"label_mode": mode, "format": format, "accuracy": 1.0 if mode == "gold" else 1.0 - value}
        | {"demonstration_set_id": f"set{s}", "query_id": f"q{q}"}
        for format in formats
        for mode in ("gold", "random")
        for (s, q), value in np.ndenumerate(difference)
    ]
    same = {"model": "small", "task": "films", "input_mode": "task", "balance": "balanced", "num_shots": 4}
    same |= {
        "example_length": pd.NA,
        "order": 0,
        "option_order": 0,
        "label_draw": 0,
        "variant": "",
        "probe": "label-correctness",
    }
    return pd.DataFrame(rows).assign(**same)


@pytest.fixture
def varied(rng) -> np.ndarray:
    return rng.integers(0, 2, size=(4, 12)).astype(float)


def test_it_rests_on_the_runs_own_variances(varied):
    found = found_power(outcomes(varied), ASKED, ROOM)
    sets, queries = np.indices(varied.shape)
    own = components(varied.ravel(), sets.ravel(), queries.ravel())
    assert found.smallest == pytest.approx(minimum_detectable_effect(own, num_queries=12, num_sets=4))
    assert found.sentences()[0].startswith("This run (12 queries × 4 demonstration sets) could find differences of ")
    assert f"{100 * found.smallest:.1f} points of accuracy or more, with probability 0.8" in found.sentences()[0]


def test_the_larger_run_halves_it(varied):
    found = found_power(outcomes(varied), ASKED, ROOM)
    flags = make_parser().parse_args(["plan", *found.larger])
    sets, queries = np.indices(varied.shape)
    own = components(varied.ravel(), sets.ravel(), queries.ravel())
    power = power_of(found.smallest / 2, own, num_queries=flags.queries, num_sets=flags.demonstration_sets)
    assert power >= POWER - 1e-6
    assert found.then <= found.smallest / 2 + 1e-6
    assert found.sentences()[1] == f"To find half of that, {100 * found.then:.1f} points:"


def test_the_command_is_quoted_and_does_not_overwrite(varied, tmp_path):
    path = tmp_path / "my run (1)"
    (tmp_path / "my run (1)-larger").mkdir()
    words = found_power(outcomes(varied), ASKED, ROOM).command(path)
    assert words[:3] == ["probe", "run", str(path / "experiment.toml")]
    assert words[-2:] == ["--out", str(tmp_path / "my run (1)-larger2")]


def test_formats_are_asked_enough_queries_for_their_spread(varied):
    names = tuple(f"g{n}" for n in range(20))
    found = found_power(outcomes(varied, names), ASKED, ROOM)
    assert int(found.larger[1]) >= 2 * len(names)


@pytest.mark.parametrize(
    ("most", "said"),
    [
        ({3: 12, 4: 10, 8: 0}, "To find half of that takes a task with more rows."),
        ({4: 24, 8: 16, 16: 0}, "points, the least that the task's rows allow:"),
    ],
)
def test_advice_never_exceeds_the_pool(varied, most, said):
    found = found_power(outcomes(varied), ASKED, {"most_queries": {str(count): n for count, n in most.items()}})
    assert found.exhausted
    assert found.sentences()[1].endswith(said)
    if found.larger:
        _, queries, _, sets = found.larger
        assert int(queries) <= most[int(sets)]


def test_where_nothing_varies_typical_variances_are_taken():
    found = found_power(outcomes(np.zeros((4, 12))), ASKED, ROOM)
    assert found.smallest == pytest.approx(minimum_detectable_effect(TYPICAL, num_queries=12, num_sets=4))
    assert "typical of gold minus random labels" in found.sentences()[0]


def test_one_demonstration_set_tells_nothing_of_others_and_the_command_asks_more(varied):
    found = found_power(outcomes(varied[:1]), replace(ASKED, demonstration_sets=1), ROOM)
    assert found.smallest is None
    assert "says nothing about other queries and demonstration sets" in found.sentences()[0]
    assert int(found.larger[-1]) > 1


def test_prompts_with_demonstrations_of_their_own_count_alone(varied):
    """On GINC there is one query for each set; the t test of so many independent differences."""
    table = outcomes(varied).assign(demonstration_set_id=lambda rows: rows["query_id"] + rows["demonstration_set_id"])
    found = found_power(table.assign(query_id=table["demonstration_set_id"]), replace(ASKED, task="ginc"), {})
    own = VarianceComponents(by_set=0.0, by_query=float(np.var(varied, ddof=1)), residual=0.0)
    assert found.smallest == pytest.approx(minimum_detectable_effect(own, num_queries=48, num_sets=2))
    assert found.sentences()[0].startswith("This run (48 prompts per condition, each with demonstrations of its own)")
    assert found.larger[0] == "--queries"
    queries = int(found.larger[1])
    assert minimum_detectable_effect(own, num_queries=4 * queries, num_sets=2) <= found.smallest / 2 + 1e-6


def test_shot_counts_and_formats_stand_in_for_label_modes(varied):
    gold = outcomes(varied)
    shots = gold.assign(num_shots=np.where(gold["label_mode"] == "gold", 4, 0), label_mode="gold")
    [found] = own_variances(shots, crossed=True)
    assert found.said == "by the variances of the difference between numbers of demonstrations, small"
    formats = gold.assign(format=np.where(gold["label_mode"] == "gold", "qa", "arrow"), label_mode="gold")
    [other] = own_variances(formats, crossed=True)
    assert other.said == "by the variances of the difference between formats, small"
    assert other.components == found.components == own_variances(gold, crossed=True)[0].components


def test_a_run_that_finds_nothing_is_not_told_to_find_half_of_that():
    none = FoundPower(size="4 queries", source="", smallest=1.6, larger=("--queries", "9"), then=0.81)
    assert none.sentences()[1] == "To find one of 81.0 points:"
    gone = FoundPower(size="4 queries", source="", smallest=1.6, exhausted=True)
    assert gone.sentences()[1] == "To find one takes a task with more rows."


def test_prompts_without_answers_may_leave_sets_and_queries_uncrossed(varied):
    """Each query is left with one set: typical variances stand in for the run's own."""
    table = outcomes(varied)
    alone = table["query_id"].str[1:].astype(int) % 4 == table["demonstration_set_id"].str[3:].astype(int)
    assert own_variances(table[alone], crossed=True) == []
    assert found_power(table[alone], ASKED, ROOM).source == "by variances typical of gold minus random labels"


def test_a_run_says_it_of_the_models_that_it_reports(tmp_path):
    experiment = Experiment(
        models=("mapping-learner",),
        task="sentiment",
        label_modes=("gold", "random"),
        shots=(4,),
        formats=("qa",),
        queries=6,
        demonstration_sets=3,
        calibrate=False,
    )
    folder = run_experiment(experiment, tmp_path / "run")
    power = power_of_run(folder, read_material(folder))
    assert "between label modes, mapping-learner" in power.sentences()[0]
    words = power.command(folder.path)
    asked = experiment_of(make_parser().parse_args(words[1:]))
    size = {"queries": asked.queries, "demonstration_sets": asked.demonstration_sets}
    assert asked.demonstration_sets * asked.queries > experiment.demonstration_sets * experiment.queries
    assert replace(asked, digests=None) == replace(experiment, **size)
    single = run_experiment(replace(experiment, label_modes=("gold",)), tmp_path / "single")
    assert power_of_run(single, read_material(single)) is None
