"""vLLM's scorer on a stand-in for the package, whose model is Transformers' own, and on vLLM where it is installed."""

import dataclasses
import importlib.util
import math
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from icl.errors import UserError
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.render import Candidate, Candidates, Part
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.vllm import VllmScorer


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class SamplingParams:
    max_tokens: int
    temperature: float
    prompt_logprobs: int
    detokenize: bool


@dataclass(kw_only=True)
class EngineArgs:
    model: str
    revision: str | None
    tokenizer_revision: str | None
    dtype: str
    trust_remote_code: bool
    max_model_len: int | None
    seed: int

    def create_model_config(self) -> SimpleNamespace:
        config = AutoConfig.from_pretrained(self.model)
        if (self.max_model_len or 0) > config.max_position_embeddings:
            raise ValueError(
                "1 validation error for ModelConfig\n  Value error, User-specified max_model_len is greater than the "
                "derived max_model_len."
            )
        length = self.max_model_len or config.max_position_embeddings
        return SimpleNamespace(max_model_len=length, dtype=torch.float32, hf_config=config, model=self.model)


class LLM:
    """Reads each prompt alone, as vLLM does where log-probabilities of the prompt are asked for."""

    loaded: list["LLM"] = []  # noqa: RUF012

    def __init__(self, *, gpu_memory_utilization: float, tensor_parallel_size: int, enforce_eager: bool, **options):
        if gpu_memory_utilization > 1:
            raise RuntimeError("Engine core initialization failed.\nSee above.")
        self.limit = EngineArgs(**options).create_model_config().max_model_len
        self.model = AutoModelForCausalLM.from_pretrained(options["model"]).eval()
        self.read: list[tuple[int, ...]] = []
        self.loaded.append(self)
        self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=lambda: self.loaded.remove(self)))

    def generate(self, prompts, params: SamplingParams, use_tqdm: bool) -> list[SimpleNamespace]:
        assert (params.max_tokens, params.temperature, params.prompt_logprobs) == (1, 0, 0)
        assert not use_tqdm
        outputs = []
        for prompt in prompts:
            ids = prompt["prompt_token_ids"]
            if len(ids) >= self.limit:
                raise ValueError(f"The decoder prompt (length {len(ids)}) is longer than the maximum model length.")
            self.read.append(tuple(ids))
            with torch.no_grad():
                table = self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
            told: list[dict[int, Logprob] | None] = [None]
            for place, token in enumerate(ids[1:]):
                value = table[place, token]
                told.append({token: Logprob(value.item(), 1 + int((table[place] > value).sum()))})
            outputs.append(SimpleNamespace(prompt_logprobs=told))
        return outputs


@pytest.fixture
def vllm(monkeypatch) -> type[LLM]:
    """The parts of vLLM's interface that the lab uses, as in versions 0.32 and 0.33."""
    names = ("vllm", "vllm.inputs", "vllm.tokenizers", "vllm.platforms")
    package, inputs, tokenizers, platforms = map(ModuleType, names)
    package.LLM, package.EngineArgs, package.SamplingParams = LLM, EngineArgs, SamplingParams
    package.__version__ = "0.33"
    inputs.TokensPrompt = dict
    tokenizers.cached_tokenizer_from_config = lambda config: AutoTokenizer.from_pretrained(config.model)
    platforms.current_platform = SimpleNamespace(device_type="cpu")
    for module in (package, inputs, tokenizers, platforms):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(LLM, "loaded", [])
    return LLM


def prompts_of(name: str, *, format: str = "qa", shots=(0, 3), queries: int = 2):
    conditions = {Condition.of("gold", format, n): ("p",) for n in shots}
    selection = Selection(num_queries=queries, num_demonstration_sets=1, seeds=Seeds.same(0))
    return build_prompts(BUILTIN_TASKS[name](), conditions, selection)


@pytest.fixture
def prompts():
    """Some with labels of several tokens, and one whose boundary lies within a token."""
    usual = prompts_of("topic")
    text = usual[0].text.rstrip()[:-3]
    glued = replace(usual[0], parts=(Part("input", text),), candidates=usual[0].candidates)
    return [*usual, glued]


def assert_same(answers, others, atol: float) -> None:
    for answer, other in zip(answers, others, strict=True):
        assert answer.logprob == pytest.approx(other.logprob, abs=atol)
        assert answer.logprob_split == pytest.approx(other.logprob_split, abs=atol)
        assert (answer.num_tokens, answer.boundary_clean) == (other.num_tokens, other.boundary_clean)


def test_answers_are_those_of_transformers(vllm, tiny_lm, prompts):
    scorer = VllmScorer(str(tiny_lm))
    scorer.check(prompts)
    assert not vllm.loaded  # no weights yet
    done = []
    answers = dict(scorer.answer(prompts, progress=lambda *units: done.append(units)))
    reference = dict(HuggingFaceScorer(str(tiny_lm)).answer(prompts))
    for index in range(len(prompts)):
        assert_same(answers[index], reference[index], 1e-4)
        assert [a.vocabulary_rank for a in answers[index]] == [a.vocabulary_rank for a in reference[index]]
    assert any(answer.num_tokens > 1 for row in answers.values() for answer in row)
    assert done == [(len(prompts), len(prompts))]
    np.testing.assert_allclose(scorer(prompts[:2]), [[a.logprob for a in answers[i]] for i in (0, 1)])
    assert scorer([]).shape == (0, 0)


def test_a_label_cut_otherwise_when_joined_is_scored_both_ways(vllm, tiny_lm):
    (prompt, *_) = prompts_of("sentiment")
    glued = [
        replace(prompt, parts=(Part("input", "The film was goo"),), candidates=Candidates([Candidate("x", "d")] * 2))
    ]
    ((_, answers),) = VllmScorer(str(tiny_lm)).answer(glued)
    ((_, reference),) = HuggingFaceScorer(str(tiny_lm)).answer(glued)
    assert not answers[0].boundary_clean
    assert answers[0].logprob != answers[0].logprob_split
    assert_same(answers, reference, 1e-4)


def test_equal_sequences_are_read_once(vllm, tiny_lm, prompts):
    scorer = VllmScorer(str(tiny_lm))
    scorer(prompts * 3)
    (engine,) = vllm.loaded
    assert len(engine.read) == len(set(engine.read))
    assert scorer.reading() == {"sequences": len(engine.read), "tokens": sum(map(len, engine.read))}
    assert scorer.num_tokens(prompts) == sum(map(len, engine.read))


def test_prompts_that_do_not_fit_are_known_before_scoring(vllm, tiny_lm, prompts):
    scorer = VllmScorer(str(tiny_lm), max_model_len=60)
    long = scorer.too_long(prompts)
    assert scorer.context_length == 59  # one token is generated
    assert all(length > 59 for length in long.values())
    fitting = [prompt for index, prompt in enumerate(prompts) if index not in long]
    assert long
    assert fitting
    assert not np.isnan(scorer(fitting)).any()
    with pytest.raises(UserError, match=r"vLLM stopped while it read model 'tiny-lm' \(The decoder prompt"):
        scorer([prompts[next(iter(long))]])


def test_identity_pins_weights_tokenizer_and_version(vllm, tiny_lm, prompts):
    scorer = VllmScorer(str(tiny_lm))
    identity, other = scorer.identity(), HuggingFaceScorer(str(tiny_lm)).identity()
    assert (identity["weights"], identity["tokenizer"]) == (other["weights"], other["tokenizer"])
    assert (identity["dtype"], identity["device"], identity["vllm"]) == ("float32", "cpu", "0.33")
    assert identity["context_length"] == "511"
    assert scorer.is_reproducible()
    assert scorer.token_lines(prompts[0]) == HuggingFaceScorer(str(tiny_lm)).token_lines(prompts[0])
    assert not vllm.loaded


def test_what_vllm_cannot_do_is_one_sentence(vllm, tiny_lm, prompts, monkeypatch):
    with pytest.raises(UserError, match="no dtype 'float8'"):
        VllmScorer(str(tiny_lm), dtype="float8")
    with pytest.raises(UserError, match=r"could not load model 'tiny-lm' \(Value error, User-specified max_model_len"):
        VllmScorer(str(tiny_lm), max_model_len=9999).check(prompts)
    with pytest.raises(UserError, match=r"could not load model 'tiny-lm' \(Engine core initialization failed\)"):
        VllmScorer(str(tiny_lm), gpu_memory_utilization=2.0)(prompts)
    monkeypatch.setattr(vllm, "generate", _broken(vllm.generate))
    with pytest.raises(UserError, match="vLLM returned NaN for model 'tiny-lm'"):
        VllmScorer(str(tiny_lm))(prompts)


def _broken(generate):
    def nan(self, *arguments, **options):
        outputs = generate(self, *arguments, **options)
        for output in outputs:
            output.prompt_logprobs[1:] = [
                {token: dataclasses.replace(one, logprob=math.nan) for token, one in at.items()}
                for at in output.prompt_logprobs[1:]
            ]
        return outputs

    return nan


def test_vllm_that_is_missing_or_broken_is_one_sentence(tiny_lm, tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [_Refusing("No module named 'vllm'", "vllm"), *sys.meta_path])
    with pytest.raises(UserError, match=r"needs the package vllm, which is missing; install it with pip install vllm"):
        VllmScorer(str(tiny_lm))
    monkeypatch.setattr(sys, "meta_path", [_Refusing("libcudart.so.13: no such file", "vllm._C"), *sys.meta_path[1:]])
    with pytest.raises(UserError, match=r"vllm, which cannot be used here \(libcudart\.so\.13: no such file\)"):
        VllmScorer(str(tiny_lm))


class _Refusing:
    """A finder that makes the import of vLLM fail."""

    def __init__(self, message: str, name: str):
        self.error = ModuleNotFoundError(message, name=name) if name == "vllm" else ImportError(message, name=name)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "vllm":
            raise self.error


def test_a_closed_scorer_stops_its_engine_and_starts_another_when_asked_again(vllm, tiny_lm, prompts):
    scorer = VllmScorer(str(tiny_lm))
    scorer.close()  # nothing was started
    before = scorer(prompts)
    assert len(vllm.loaded) == 1
    scorer.close()
    scorer.close()
    assert not vllm.loaded
    np.testing.assert_array_equal(scorer(prompts), before)


@pytest.mark.lm
@pytest.mark.filterwarnings("ignore")  # vLLM's own
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed beside the lab")
def test_vllm_itself_agrees_with_transformers():
    """Both compute in 32 bits from the same weights: they differ by rounding only, by 3e-5 nats where measured."""
    model = os.environ["SMOLLM2_GGUF"]
    prompts = prompts_of("topic", queries=2) + prompts_of("sentiment", format="input-output", queries=2)
    scorer = VllmScorer(model, dtype="float32", max_model_len=1024, gpu_memory_utilization=0.3, enforce_eager=True)
    scorer.check(prompts)
    assert scorer.too_long(prompts) == {}
    answers, reference = dict(scorer.answer(prompts)), dict(HuggingFaceScorer(model).answer(prompts))
    for index in range(len(prompts)):
        assert_same(answers[index], reference[index], 1e-3)
        assert [a.vocabulary_rank for a in answers[index]] == [a.vocabulary_rank for a in reference[index]]
    assert Path(scorer.source.location).is_dir()
