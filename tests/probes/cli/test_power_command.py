"""`probe plan --effect`: what it says, and what it refuses."""

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from small_runs import run_experiment

from icl.errors import UserError
from icl.metrics.power import minimum_detectable_effect
from icl.seeds import Seeds
from icl.tasks.draw import query_order
from probes.cli.main import main as run
from probes.power.planned import plan_power
from probes.runs.experiment import Experiment
from probes.runs.plan import make_plan
from probes.runs.pool import most_queries

SMALL = Experiment(
    models=("mapping-learner",),
    task="sentiment",
    label_modes=("gold", "random"),
    shots=(2,),
    queries=12,
    demonstration_sets=4,
    calibrate=False,
)


def test_a_plan_says_the_smallest_difference_and_sizes_that_find_a_smaller_one():
    power = plan_power(make_plan(SMALL), SMALL, effect=0.1, pilot=None)
    assert power.smallest == pytest.approx(
        minimum_detectable_effect(power.variances, num_queries=12, num_sets=4), rel=1e-9
    )
    for size in power.sizes:
        assert minimum_detectable_effect(power.variances, num_queries=size.num_queries, num_sets=size.num_sets) <= 0.1
    assert any("10 points or more" in line for line in power.lines())


def test_advice_leaves_each_set_rows_of_its_own(colours):
    """Sixty rows in three classes: sixteen sets of three take 48 of them, so that 12 queries are left at most."""
    task = replace(colours, pool=colours.pool[:60])
    prompts = make_plan(SMALL).prompts
    shown = [replace(p, demonstrations=replace(p.demonstrations, inputs=("a", "b", "c"))) for p in prompts[:1]]
    allowed = most_queries(task, shown, Seeds(selection=0, labels=0, order=0, format=0))
    by_hand = {}
    order = query_order(task, Seeds(selection=0, labels=0, order=0, format=0))
    for sets in allowed:
        fits = [
            n for n in range(60) if min(Counter(i % 3 for i in order[n:].tolist()).get(c, 0) for c in range(3)) >= sets
        ]
        by_hand[sets] = max(fits, default=0)
    assert allowed == by_hand
    assert 0 < allowed[16] <= 12
    assert allowed[20] == 0


def test_near_twins_of_queries_are_no_rows_for_demonstrations(colours):
    pool = tuple(replace(example, input=f"thing {i // 2}" + "!" * (i % 2)) for i, example in enumerate(colours.pool))
    twins = replace(colours, pool=pool)
    prompts, seeds = make_plan(SMALL).prompts, Seeds(selection=0, labels=0, order=0, format=0)
    shown = [replace(p, demonstrations=replace(p.demonstrations, balance="as-drawn")) for p in prompts]
    assert most_queries(twins, shown, seeds)[20] < most_queries(colours, shown, seeds)[20]


def test_sets_that_share_rows_are_said_to(tmp_path):
    rows = [{"input": f"text number {i}", "label": "ab"[i % 2]} for i in range(40)]
    path = tmp_path / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    planned = make_plan(replace(SMALL, models=("uniform",), task=str(path), queries=24, shots=(8,)))
    sets = {p.demonstrations.set_id: frozenset(p.demonstrations.inputs) for p in planned.prompts}
    shared = [len(a & b) for a, b in combinations(sets.values(), 2)]
    said = [notice for notice in planned.notices if "demonstration sets of" in notice]
    assert len(said) == 1
    assert f"two sets share {sum(shared) / len(shared):.1f} of 8 on average" in said[0]
    assert not any("demonstration sets of" in notice for notice in make_plan(SMALL).notices)


def test_a_pilot_tells_the_variances(tmp_path):
    pilot = run_experiment(SMALL, tmp_path / "pilot")
    power = plan_power(make_plan(SMALL), SMALL, effect=None, pilot=pilot.path)
    assert power.source == f"by the variances of the difference between label modes, mapping-learner in {pilot.path}"
    assert power.variances.residual > 0
    other = run_experiment(
        Experiment(models=("uniform",), task="parity", shots=(2,), label_modes=("gold",)), tmp_path / "x"
    )
    with pytest.raises(UserError, match="cannot tell how much differences vary"):
        plan_power(make_plan(SMALL), SMALL, effect=None, pilot=other.path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "sentiment", "--effect", "3"], "--effect is a difference of accuracies between 0 and 1, got 3"),
        (["--task", "sentiment", "--effect", "0.001"], "is too small for"),
        (["--task", "ginc", "--effect", "0.1"], "on GINC and on curves every prompt"),
        (["--task", "sentiment", "--pilot", "nowhere"], "nowhere is not a run folder"),
        (["--task", "sentiment", "--orders", "some"], "takes a whole number above 0, or all, got 'some'"),
        (["--task", "sentiment", "--orders", "30", "--shots", "4"], "30 orders were asked for, but 4 .* only 24"),
        (["--task", "sentiment", "--input-modes", "od"], "no input mode 'od'"),
        (["--task", "sentiment", "--input-modes", "ood", "--corpus", "no.txt"], "there is no file 'no.txt'"),
        (["--task", "sentiment", "--balances", "even"], "no balance of demonstrations 'even'"),
        (["--task", "sentiment", "--probe", "option-order"], "it is for multiple choice"),
        (["--task", "ginc", "--probe", "label-space"], "it is for sentences"),
        (["--task", "sentiment", "--budget", "9"], "a budget belongs to probe 'format-search'"),
        (["--task", "sentiment", "--curve", "--orders", "2"], "orders do not go with a curve"),
        (
            ["--task", "sentiment", "--curve", "--balances", "balanced"],
            "on a curve demonstrations are drawn as the pool",
        ),
        (["--task", "sentiment", "--corpus", "README.md"], "has the ending '.md'"),
        (["--task", "sentiment", "--label-modes", "gold", "--label-draws", "3"], "--label-draws changes no prompt"),
        (["--task", "sentiment", "--shots", "0", "--orders", "3"], "--orders changes no prompt of this run"),
        (["--task", "sentiment", "--orders", "0"], "takes a whole number above 0, or all, got '0'"),
        (["--task", "sentiment", "--label-draws", "0"], "label_draws must be at least 1, got 0"),
        (["--task", "sentiment", "--label-modes", "permuted(0)"], "permutes one label"),
        (["--task", "sentiment", "--label-modes", "permuted(1-2-0)"], "permutes 3 labels, but the task has 2"),
    ],
)
def test_plans_that_make_no_sense_are_refused_in_a_sentence(capsys, arguments, message):
    few = [] if "--curve" in arguments else ["--queries", "4"]
    assert run(["plan", "--model", "uniform", *few, "--demonstration-sets", "2", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("probe: ")
    assert re.search(message, said), said
    assert said.count("\n") == 1


@pytest.mark.parametrize("task", ["ginc", "sentiment", "kinds"])
def test_curves_can_be_planned_on_every_kind_of_task(capsys, task):
    assert run(["plan", "--model", "uniform", "--task", task, "--probe", "shots", "--curve", "--shots", "3"]) == 0
    assert "zero_shot" in capsys.readouterr().out


def test_plan_tells_its_power_as_json(capsys):
    arguments = ["--model", "uniform", "--task", "sentiment", "--shots", "2", "--effect", "0.2", "--json"]
    assert run(["plan", *arguments]) == 0
    power = json.loads(capsys.readouterr().out)["power"]
    assert power["effect"] == 0.2
    assert power["sizes"]
