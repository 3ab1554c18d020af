"""Commands that ask several models hold the weights of one at a time."""

import weakref

import numpy as np
import pytest
from small_models import CONTEXT, VOCABULARY, save_model
from transformers import GPT2Config, LlamaConfig, PreTrainedModel

from icl.concept.sampler import Effort
from icl.ginc.family import default_family
from probes.ledger.measure import LedgerQuestion, measure_ledger
from probes.recovery import agreement
from probes.reproduction.execute import reproduce
from probes.reproduction.experiments import Reproduction
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.resources import Resources
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_ginc import HuggingFacePredictor

GINC_MODELS = ("ginc-tiny", "ginc-small", "ginc-lstm")


class Loaded:
    """Models that were loaded, and how many of them were still alive as each was."""

    def __init__(self):
        self.models: list[weakref.ref] = []
        self.alive_at_loading: list[int] = []

    @property
    def alive(self) -> int:
        return sum(model() is not None for model in self.models)


@pytest.fixture
def loaded(monkeypatch) -> Loaded:
    found, load = Loaded(), PreTrainedModel.from_pretrained.__func__

    def counted(cls, *arguments, **options):
        found.alive_at_loading.append(found.alive)
        model = load(cls, *arguments, **options)
        found.models.append(weakref.ref(model))
        return model

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", classmethod(counted))
    return found


@pytest.fixture(scope="module")
def three_models(tmp_path_factory) -> tuple[str, ...]:
    sizes = {"vocab_size": VOCABULARY, "num_hidden_layers": 1, "num_attention_heads": 2}
    configs = {
        "small": LlamaConfig(hidden_size=16, intermediate_size=32, max_position_embeddings=CONTEXT, **sizes),
        "large": LlamaConfig(hidden_size=32, intermediate_size=64, max_position_embeddings=CONTEXT, **sizes),
        "other": GPT2Config(n_embd=16, n_positions=CONTEXT, **sizes),
    }
    root = tmp_path_factory.mktemp("models")
    return tuple(str(save_model(root / name, config)) for name, config in configs.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_holds_the_weights_of_one_model_at_a_time(tmp_path, three_models, loaded, dtype):
    """In reduced precision each model is loaded a second time, in float32, to compare with."""
    experiment = Experiment(
        models=three_models, task="sentiment", probes=("shots",), shots=(0, 2), queries=3, dtype=dtype, device="cpu"
    )
    plan = make_plan(experiment, Resources(use_cache=False))
    assert not loaded.models  # planning needs tokenizers and configurations only
    execute(create_run(tmp_path / "run", experiment), plan)
    assert len(loaded.models) == 3 * (1 if dtype == "float32" else 2)
    assert set(loaded.alive_at_loading) == {0}
    assert loaded.alive == 0


def test_a_run_that_fails_releases_the_weights(tmp_path, three_models, loaded, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    experiment = Experiment(models=three_models[0], task="sentiment", probes=("shots",), shots=(0,), queries=3)
    plan = make_plan(experiment, Resources(use_cache=False))
    monkeypatch.setattr("probes.scorers.huggingface.build_trie", stopped)
    with pytest.raises(KeyboardInterrupt):
        execute(create_run(tmp_path / "run", experiment), plan)
    assert "_model" not in vars(plan.scorers[0])
    assert len(loaded.models) == 1


def test_a_closed_scorer_answers_the_same_when_asked_again(three_models, loaded, colours):
    plan = make_plan(Experiment(models="uniform", task=colours, shots=(2,), queries=3), Resources(use_cache=False))
    scorer = HuggingFaceScorer(three_models[0])
    before = scorer(plan.prompts)
    scorer.close()
    assert loaded.alive == 0
    np.testing.assert_array_equal(scorer(plan.prompts), before)
    assert len(loaded.models) == 2


def test_a_ledger_holds_one_model_at_a_time(loaded):
    predictors = [HuggingFacePredictor(name) for name in GINC_MODELS]
    assert all(predictor.num_parameters > 100_000 for predictor in predictors)
    assert not loaded.models  # parameters are counted without the weights
    measure_ledger(default_family(), predictors, LedgerQuestion(example_lengths=(3,), shots=(0, 2), prompts=8))
    assert len(loaded.models) == 3
    assert set(loaded.alive_at_loading) == {0}
    assert loaded.alive == 0


def test_a_reproduction_holds_one_model_at_a_time(tmp_path, loaded):
    reproduce(
        Reproduction(experiments=("seen-concepts",), models=GINC_MODELS[:2], prompts=4, seed=0), tmp_path / "made"
    )
    assert len(loaded.models) >= 2
    assert set(loaded.alive_at_loading) == {0}
    assert loaded.alive == 0


def test_an_agreement_holds_one_model_at_a_time(loaded, monkeypatch):
    """The fits that follow the answers are left out: they hold no model."""
    found = []

    def fits(tables, *arguments):
        found.append(loaded.alive)
        raise InterruptedError

    monkeypatch.setattr(agreement, "_fits", fits)
    question = agreement.AgreementQuestion(temperatures=(1.0,), example_lengths=(3,), shots=(0, 2), prompts=20)
    with pytest.raises(InterruptedError):
        agreement.measure_agreement(
            [HuggingFacePredictor(name) for name in GINC_MODELS], question, effort=Effort(draws=10, tune=10, chains=2)
        )
    assert len(loaded.models) == 3
    assert set(loaded.alive_at_loading) == {0}
    assert found == [0]
