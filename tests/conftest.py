"""Fixtures; beartype checks every jaxtyping annotation of both packages while the tests run."""

import os
from collections.abc import Iterator
from pathlib import Path

from jaxtyping import install_import_hook

install_import_hook(["icl", "probes"], "beartype.beartype")

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for a hub

import numpy as np
import pytest
from hypothesis import settings
from other_seeds import move_seeds

from icl.ginc.family import GincFamily, sample_family
from icl.tasks.task import Example, Task

move_seeds()
# How long one example takes tells of the machine, not of the lab; the same examples are drawn in every run.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")


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


@pytest.fixture(scope="session")
def tiny_lm(tmp_path_factory) -> Path:
    """A random two-layer Llama."""
    from small_models import CONTEXT, VOCABULARY, save_model
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
    )
    return save_model(tmp_path_factory.mktemp("models") / "tiny-lm", config)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch) -> None:
    """Sentences are not broken, so that tests find them; what fits a terminal is tested for itself."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> Iterator[None]:
    """No test uses, or leaves, answers in the user's cache."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before
