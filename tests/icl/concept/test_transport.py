"""The change of variables that straightens ridges: against differences, an inverse, and densities known in full."""

import numpy as np
import pymc
import pytest

from icl.concept.density import compile_density
from icl.concept.diagnose import diagnose
from icl.concept.sampler import Effort, sample
from icl.concept.transport import learn_transport


def banana(size: int, rng: np.random.Generator, dims: int = 4) -> np.ndarray:
    """Draws of a normal whose last coordinate is bent by a square of the first, in two chains."""
    x = rng.standard_normal((2, size, dims)) * np.linspace(3.0, 0.5, dims)
    x[..., -1] += x[..., 0] ** 2 / 3 + 0.5 * x[..., 1] * x[..., 0]
    return x


def test_the_inverse_undoes_the_map_everywhere():
    rng = np.random.default_rng(0)
    transport = learn_transport(banana(400, rng))
    for z in rng.normal(0, 4, (20, 4)):
        assert transport.inverse(transport.forward(z)[0]) == pytest.approx(z, abs=1e-9)


def test_the_gradient_is_that_of_differences():
    rng = np.random.default_rng(1)
    transport, direction = learn_transport(banana(400, rng)), rng.standard_normal(4)
    for z in rng.normal(0, 2, (20, 4)):
        steps = 1e-5 * np.eye(4)
        slopes = [(transport.forward(z + e)[0] - transport.forward(z - e)[0]) @ direction / 2e-5 for e in steps]
        assert transport.forward(z)[1](direction) == pytest.approx(slopes, rel=1e-6, abs=1e-6)


def test_volume_is_stretched_by_the_same_factor_everywhere():
    """Otherwise the sampler would draw from another posterior."""
    rng = np.random.default_rng(2)
    transport, steps = learn_transport(banana(400, rng)), 1e-5 * np.eye(4)
    sizes = []
    for z in rng.normal(0, 2, (10, 4)):
        jacobian = [(transport.forward(z + e)[0] - transport.forward(z - e)[0]) / 2e-5 for e in steps]
        sizes.append(np.linalg.slogdet(jacobian)[1])
    assert np.ptp(sizes) < 1e-6


def test_a_bent_normal_comes_out_straight():
    rng = np.random.default_rng(3)
    transport, fresh = learn_transport(banana(1000, rng)), banana(1000, rng).reshape(-1, 4)
    z = transport.inverse(fresh)
    assert np.cov(z.T) == pytest.approx(np.eye(4), abs=0.2)
    assert abs(np.corrcoef(z[:, 0] ** 2, z[:, -1])[0, 1]) < 0.1
    linear = np.linalg.solve(np.linalg.cholesky(np.cov(fresh.T)), (fresh - fresh.mean(axis=0)).T)
    assert abs(np.corrcoef(linear[0] ** 2, linear[-1])[0, 1]) > 0.3  # stretching alone leaves it bent


def test_noise_bends_nothing():
    rng = np.random.default_rng(4)
    assert np.abs(learn_transport(rng.standard_normal((4, 60, 30))).bends).max() < 0.2


def test_one_dimension_is_only_moved_and_stretched():
    transport = learn_transport(np.random.default_rng(5).normal(7, 2, (2, 500, 1)))
    assert transport.forward(np.array([1.0]))[0] - transport.forward(np.zeros(1))[0] == pytest.approx(2, rel=0.1)


def test_a_ridge_is_sampled_with_its_true_quartiles():
    """y ~ Normal(2x + x²/2, 0.3²), x ~ Normal(0, 1). Moments would hang on how often a chain visits the far tail."""
    with pymc.Model() as model:
        x = pymc.Normal("x")
        pymc.Normal("y", 2 * x + x**2 / 2, 0.3)
        pymc.HalfNormal("spread", 1.0)
    trace = sample(compile_density(model), Effort(draws=1500, tune=1500, chains=4), seed=2, adaptation="transport")
    posterior, found = trace["posterior"].to_dataset(), diagnose(trace)
    rng, quartiles = np.random.default_rng(6), [0.25, 0.5, 0.75]
    true_x = rng.standard_normal(1_000_000)
    true_y = 2 * true_x + true_x**2 / 2 + 0.3 * rng.standard_normal(1_000_000)
    assert found.max_rhat < 1.03
    assert found.min_ess_bulk > 300
    assert np.quantile(posterior["x"], quartiles) == pytest.approx(np.quantile(true_x, quartiles), abs=0.15)
    assert np.quantile(posterior["y"], quartiles) == pytest.approx(np.quantile(true_y, quartiles), abs=0.35)
    assert np.std(posterior["y"] - 2 * posterior["x"] - posterior["x"] ** 2 / 2) == pytest.approx(0.3, abs=0.03)
    assert float(posterior["spread"].mean()) == pytest.approx(np.sqrt(2 / np.pi), abs=0.06)
