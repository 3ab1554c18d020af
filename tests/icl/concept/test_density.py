"""The compiled density of a PyMC model: against SciPy, and with other data in its place."""

import ctypes

import numpy as np
import pymc
import pytest
from scipy.stats import halfnorm, norm

from icl.concept import native
from icl.concept.density import compile_density
from icl.concept.transport import learn_transport


@pytest.fixture(scope="module")
def density():
    """A model with a transformed variable, a deterministic one, dimensions and data."""
    with pymc.Model(coords={"place": ["a", "b", "c"]}) as model:
        spread = pymc.HalfNormal("spread", 2.0)
        level = pymc.Normal("level", 0.0, 1.0, dims="place")
        pymc.Deterministic("twice", 2 * level, dims="place")
        observed = pymc.Data("observed", np.array([1.0, 2.0, 3.0]), dims="place")
        pymc.Normal("y", level, spread, observed=observed, dims="place")
    return compile_density(model)


def log_density(x: np.ndarray, observed: np.ndarray) -> float:
    """The same by SciPy; x is (log spread, level), and d spread / d log spread = spread."""
    spread, level = np.exp(x[0]), x[1:]
    prior = halfnorm.logpdf(spread, scale=2) + x[0] + norm.logpdf(level).sum()
    return float(prior + norm.logpdf(observed, level, spread).sum())


@pytest.mark.parametrize("observed", [[1.0, 2.0, 3.0], [0.0, -1.0, 5.0]])
def test_density_and_gradient_are_scipys(density, observed):
    observed = np.array(observed)
    given = density.with_data(observed=observed)
    for x in np.random.default_rng(0).normal(size=(5, 4)):
        value, gradient = given.evaluate(x)
        assert value == pytest.approx(log_density(x, observed), rel=1e-9)
        steps = 1e-6 * np.eye(4)
        slopes = [(log_density(x + e, observed) - log_density(x - e, observed)) / 2e-6 for e in steps]
        assert gradient == pytest.approx(slopes, rel=1e-4, abs=1e-5)


def test_variables_come_back_on_their_own_scales(density):
    x = np.array([0.7, 1.0, -2.0, 3.0])
    found = density.expand(x)
    assert found["spread"] == pytest.approx(np.exp(0.7))
    assert found["level"] == pytest.approx(x[1:])
    assert found["twice"] == pytest.approx(2 * x[1:])
    assert density.shapes == {"spread": (), "level": (3,), "twice": (3,)}
    assert density.dims["level"] == ("place",)


def test_starts_differ_by_seed_and_repeat_with_it(density):
    assert density.start(1) == pytest.approx(density.start(1))
    assert not np.allclose(density.start(1), density.start(2))


def test_data_of_another_shape_are_refused(density):
    with pytest.raises(ValueError, match="shape"):
        density.with_data(observed=np.zeros(4))


def test_data_take_the_type_that_was_compiled_for(density):
    given = density.with_data(observed=np.array([1, 2, 3]))
    assert given.data["observed"].dtype == float


@pytest.mark.parametrize("seed", range(3))
def test_what_the_sampler_calls_is_the_same_density(density, seed):
    """By its address as nutpie calls it, straight and bent, against the density and the map called from Python."""
    transport = learn_transport(np.random.default_rng(seed).normal(size=(4, 60, 4)).cumsum(axis=2))
    number, place = ctypes.c_uint64, ctypes.c_void_p
    ask = ctypes.CFUNCTYPE(ctypes.c_int64, number, place, place, place, place)(native.log_density.address)
    draw = ctypes.CFUNCTYPE(ctypes.c_int64, number, number, place, place, place)(native.expand.address)
    z, gradient, value, values = np.random.default_rng(seed).normal(size=4), np.zeros(4), np.zeros(1), np.zeros(7)
    for bent in (None, transport):
        given = native.Given.of(density.density, density.scaled, density.data_vector, bent and bent.parts)
        asked = (z.ctypes.data, gradient.ctypes.data, value.ctypes.data, given.addresses.ctypes.data)
        assert ask(4, *asked) == 0
        assert draw(4, 7, z.ctypes.data, values.ctypes.data, given.addresses.ctypes.data) == 0
        x, back = (z, lambda it: it) if bent is None else bent.forward(z)
        expected, of_x = density.evaluate(x)
        assert value[0] == pytest.approx(expected, rel=1e-12)
        assert gradient == pytest.approx(back(of_x), rel=1e-9)
        assert values == pytest.approx(np.concatenate([np.ravel(part) for part in density.expand(x).values()]))


def test_places_of_no_density_turn_the_sampler_back(density):
    z, gradient, value = np.full(4, np.nan), np.zeros(4), np.zeros(1)
    given = native.Given.of(density.density, density.scaled, density.data_vector, None)
    place = ctypes.c_void_p
    ask = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, place, place, place, place)(native.log_density.address)
    assert ask(4, z.ctypes.data, gradient.ctypes.data, value.ctypes.data, given.addresses.ctypes.data) > 0
