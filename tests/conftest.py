"""Fixtures, and beartype over every jaxtyping annotation of both packages."""

from jaxtyping import install_import_hook

with install_import_hook(["icl", "probes"], "beartype.beartype"):
    import icl.ginc.exact
    import icl.ginc.family
    import icl.ginc.sampling  # noqa: F401

import numpy as np
import pytest

from icl.ginc.family import GincFamily, sample_family


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_family() -> GincFamily:
    """Two concepts, 2 × 2 states, 3 tokens: small enough to enumerate every hidden path."""
    return sample_family(
        rng=np.random.default_rng(1),
        num_entities=2,
        num_properties=2,
        vocab_size=3,
        num_concepts=2,
        num_pretraining_concepts=2,
        transition_temp=1.0,
    )
