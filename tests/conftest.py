"""Fixtures; beartype checks every jaxtyping annotation of both packages while the tests run."""

import os

from jaxtyping import install_import_hook

install_import_hook(["icl", "probes"], "beartype.beartype")

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for a hub

import numpy as np
import pytest

from icl.ginc.family import GincFamily, sample_family
from icl.tasks.task import Example, Task


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


@pytest.fixture(scope="session")
def colours() -> Task:
    """Sixty numbered inputs in three classes."""
    labels = ("red", "green", "blue")
    pool = tuple(Example(input=f"thing number {i}", label=labels[i % 3]) for i in range(60))
    return Task(name="colours", description="Which colour?", label_space=labels, pool=pool, source="test")
