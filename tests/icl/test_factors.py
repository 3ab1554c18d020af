"""The declaration of factors: everything that is made of it knows every factor, and by one name."""

from dataclasses import MISSING, fields

import pytest

from icl.factors import CHOSEN_FACTORS, FACTORS, FactorOptions, FactorValues, condition_columns, get_factor
from icl.prompts.build import Condition, Selection, build_prompts
from icl.scores import PROMPT_KEYS, SCORE_COLUMNS
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from probes.catalogue.probe import Grid
from probes.runs.experiment import Experiment
from probes.runs.option import options_of

NAMES = [factor.name for factor in FACTORS]


def test_every_factor_of_a_prompt_has_one_option_and_every_option_one_factor():
    assert [one.name for one in fields(FactorValues)] == NAMES
    assert [factor.name for factor in FACTORS if factor.of == "table"] == ["variant"]
    assert [factor for factor in FACTORS if factor.of != "table"] == list(CHOSEN_FACTORS)
    assert sorted(factor.option for factor in CHOSEN_FACTORS) == sorted(one.name for one in fields(FactorOptions))
    assert {factor.option for factor in CHOSEN_FACTORS} <= set(options_of(Experiment))
    assert len({factor.nesting for factor in FACTORS}) == len(FACTORS)


def test_tables_conditions_and_prompts_have_every_factor():
    columns = {column.name: column for column in SCORE_COLUMNS}
    assert [name for name in PROMPT_KEYS if name in NAMES] == NAMES
    assert [name for name in columns if name in NAMES] == NAMES
    assert all(columns[factor.name].is_optional == factor.is_optional for factor in FACTORS)
    assert set(condition_columns()) - {"model", "task"} < set(NAMES)
    condition = Condition.of("gold", "qa", 2)
    selection = Selection(num_queries=1, num_demonstration_sets=1, seeds=Seeds.same(0))
    (prompt,) = build_prompts(BUILTIN_TASKS["sentiment"](), {condition: ()}, selection)
    assert prompt.factors == {name: getattr(condition, name) for name in NAMES}


def test_without_demonstrations_only_what_still_matters_differs():
    usual = {"label_mode": "gold", "format": "qa", "num_shots": 0}
    bare = Condition.of(**usual)
    others = {"label_mode": "random", "input_mode": "ood", "balance": "as-drawn", "label_draw": 2, "format": "pipe"}
    others |= {"option_order": 1, "method": "channel", "example_length": 4}
    for name, value in others.items():
        assert (Condition.of(**usual | {name: value}) == bare) != get_factor(name).matters_bare, name
    with_some = Condition.of("gold", "qa", 2)
    for factor in FACTORS:
        if factor.default is not MISSING:
            assert getattr(with_some, factor.name) == factor.default


def test_a_grid_varies_every_factor_that_is_named():
    grid = Grid(label_modes=("gold", "random"), formats=("qa",), shots=(0, 2), label_draws=2)
    asked = list(grid.conditions())
    assert {(one.label_mode, one.num_shots, one.label_draw) for one in asked} == {
        *(("zero_shot", 0, 0), ("gold", 2, 0), ("random", 2, 0), ("random", 2, 1)),
    }
    changed = grid.override(Experiment(models="uniform", task="sentiment", formats="pipe", orders=3))
    assert (changed.formats, changed.orders, changed.shots) == (("pipe",), 3, (0, 2))
    with pytest.raises(TypeError, match="a grid needs shots"):
        Grid(label_modes=("gold",), formats=("qa",))
