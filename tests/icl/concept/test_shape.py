"""Curves that fall, turn and collapse are called so, and where predictions miss is named."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import linregress
from small_accounts import FLAT, cell

from icl.concept.curves import constant_data
from icl.concept.layout import layout_of
from icl.concept.misfit import misfit_sentences, misfits
from icl.concept.shape import _slope, curve_shapes, shape_sentences

SHOTS = (1, 4, 16, 64, 256)


def tree_of(*curves: tuple[int, ...], simulated: float | None = None, sets: int = 1) -> xr.DataTree:
    """A fit of curves, one a format, as its checks read it; every cell is predicted around `simulated` right."""
    rows = [
        cell(num_shots=n, num_correct=right, num_prompts=1000, chance=0.25, format=f"f{place}", demonstration_set=name)
        for place, correct in enumerate(curves)
        for n, right in zip(SHOTS, correct)
        for name in ([f"s{number}" for number in range(sets)] if sets > 1 else ["all"])
    ]
    grid = layout_of(pd.DataFrame(rows), FLAT).grid
    groups = {"constant_data": constant_data(grid)}
    groups["observed_data"] = xr.Dataset({"num_correct": ("cell", grid.cells["num_correct"].to_numpy())})
    if simulated is not None:
        draws = simulated + np.linspace(-40, 40, 101)
        drawn = np.broadcast_to(draws[:, None], (101, len(grid.cells)))
        groups["posterior_predictive"] = xr.Dataset({"num_correct": (("chain", "draw", "cell"), drawn[None])})
    return xr.DataTree.from_dict(groups)


def test_a_curve_that_falls_is_said_to_fall_and_others_are_not() -> None:
    """Sorted demonstrations: up to n = 16 and down again; beside it a curve that rises and one that stays."""
    tree = tree_of((400, 700, 820, 700, 550), (400, 600, 700, 750, 780), (600, 600, 605, 600, 602))
    shapes = curve_shapes(tree)
    assert (shapes["prob_falls"] > 0.999).tolist() == [True, False, False]
    assert shapes["prob_falls"].iloc[1] < 0.001
    assert 0.1 < shapes["prob_falls"].iloc[2] < 0.9
    assert shapes["turns"].tolist() == [True, False, False]
    assert shapes["peak_shots"].iloc[0] == 16
    (said,) = shape_sentences(tree)
    assert "f0: the curve falls from 16 shots on (P = 1.000)" in said


def test_a_collapse_at_the_end_and_a_turn_are_flagged() -> None:
    tree = tree_of((400, 600, 700, 750, 300), (400, 700, 800, 790, 700))
    assert curve_shapes(tree)["collapses"].tolist() == [True, False]
    said = " ".join(shape_sentences(tree))
    assert "f0: accuracy collapses at the most shots" in said
    assert "f1" in said


def test_cells_that_stray_make_no_fall_sure() -> None:
    """Up and down by far more than binomial noise: a slope, but no certainty."""
    shapes = curve_shapes(tree_of((500, 500, 700, 350, 640)))
    assert 0.3 < shapes["prob_falls"].iloc[0] < SURELY
    assert shapes["slope_error"].iloc[0] > 0.1


SURELY = 0.975


def test_two_numbers_of_shots_have_no_shape() -> None:
    assert curve_shapes(tree_of((400, 700))).empty


def test_the_slope_is_that_of_least_squares() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 4.0]), np.array([0.3, 0.1, -0.4, -0.2])
    expected = linregress(x, y)
    slope, error = _slope(x, y, np.full(4, 1e-6))
    assert (slope, error) == pytest.approx((expected.slope, expected.stderr))


def test_misfit_is_told_by_shots_set_and_condition() -> None:
    """Two formats of four sets: one as predicted, the other at a level of its own."""
    tree = tree_of((600,) * 5, (750,) * 5, simulated=600.0, sets=4)
    table = misfits(tree).set_index(["by", "level"])
    formats = table.loc["condition"]
    assert formats["share"].tolist() == [1.0, 0.0]
    np.testing.assert_allclose(formats["mean_error"], [0.0, 0.15], atol=1e-9)
    assert table.loc["num_shots", "share"].tolist() == [0.5] * 5
    assert table.loc["demonstration_set", "num_cells"].tolist() == [10] * 4
    said = misfit_sentences(tree)
    assert any(sentence.startswith("Of m, gold | f1 only 0 of 20 cells") for sentence in said)
    assert not any("f0" in sentence for sentence in said)
    assert not misfit_sentences(tree_of((600,) * 5, simulated=600.0))
