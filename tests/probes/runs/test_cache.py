"""Answers kept across runs: exact, keyed by all that determines them, and never in the way."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from icl.errors import UserError
from icl.tasks.builtin import BUILTIN_TASKS
from probes.places import cache_folder, folders_in_place_of_home
from probes.runs.cache import AnswerCache, answer_cache
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.resources import Resources
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.scorer import Answer, LabelAnswer


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_answers_come_back_as_they_were_kept(tiny_lm, empty_cache):
    scorer = HuggingFaceScorer(str(tiny_lm))
    answers = [LabelAnswer(-1.2345678901234567, 3, False, -2.5, 17), LabelAnswer(-0.1, 1, None, math.inf, None)]
    with answer_cache(scorer, use=True) as cache:
        cache.keep("a", Answer.of(answers))
        cache.keep("b", Answer.missing(1, "no number"))  # asking again may give one
    with answer_cache(scorer, use=True) as cache:
        found = cache.look_up(["a", "b", "c"])
        assert {name: list(answer) for name, answer in found.items()} == {"a": answers}
    with answer_cache(scorer, use=False) as cache:
        assert cache.look_up(["a"]) == {}


@pytest.mark.filterwarnings("ignore:this device")  # one without instructions for bfloat16 says so
def test_another_precision_or_tokenizer_is_another_key(tiny_lm, empty_cache):
    keys = set()
    for options in ({}, {"dtype": "bfloat16"}):
        with answer_cache(HuggingFaceScorer(str(tiny_lm), **options), use=True) as cache:
            keys.add(cache._prefix)
    changed = HuggingFaceScorer(str(tiny_lm))
    changed._tokenizer.add_tokens(["moreover"])
    with answer_cache(changed, use=True) as cache:
        keys.add(cache._prefix)
    changed.source = replace(changed.source, weights_hash="0" * 16)
    with answer_cache(changed, use=True) as cache:
        keys.add(cache._prefix)
    assert len(keys) == 4
    with answer_cache(HuggingFaceScorer(str(tiny_lm), batch_tokens=7, memory=1.0), use=True) as cache:
        assert cache._prefix in keys  # what changes no result changes no key


def test_a_second_run_asks_nothing_twice(tiny_lm, tmp_path, empty_cache):
    small = Experiment(models=(str(tiny_lm),), task="topic", label_modes=("gold",), shots=(0, 2), queries=3)
    wider = replace(small, label_modes=("gold", "random"))
    first = make_plan(small)
    execute(create_run(tmp_path / "first", small), first)
    read = first.scorers[0].reading()["trie_nodes"]
    again = make_plan(small)
    folder = create_run(tmp_path / "again", small)
    execute(folder, again)
    assert again.scorers[0].reading() == {}  # no model was asked
    columns = ["prompt_id", "candidate", "logprob", "logprob_split", "vocabulary_rank", "logprob_prior", "logprob_na"]
    before = create_run(tmp_path / "first", small).scores()[columns]
    assert before.equals(folder.scores()[columns])
    third = make_plan(wider)
    execute(create_run(tmp_path / "third", wider), third)
    assert 0 < third.scorers[0].reading()["trie_nodes"] < read * 1.5
    without = make_plan(small, Resources(use_cache=False))
    execute(create_run(tmp_path / "without", small), without)
    assert without.scorers[0].reading()["trie_nodes"] == read
    np.testing.assert_allclose(
        create_run(tmp_path / "without", small).scores()["logprob"], before["logprob"], atol=1e-4
    )


def test_scorers_that_pin_nothing_down_are_not_cached(empty_cache):
    plan = make_plan(Experiment(models=("majority",), task="parity"))
    with answer_cache(plan.scorers[0], use=True) as cache:
        cache.keep("a", Answer(logprob=np.array([-1.0])))
        assert isinstance(cache, AnswerCache)
    assert not (cache_folder() / "answers.sqlite").exists()


def test_a_damaged_cache_is_one_sentence(tiny_lm, empty_cache):
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "answers.sqlite").write_bytes(b"no database" * 100)
    with (
        pytest.raises(UserError, match=r"the cache of answers .*answers\.sqlite cannot be used .*; delete it, or run"),
        answer_cache(HuggingFaceScorer(str(tiny_lm)), use=True),
    ):
        pass


def test_tasks_of_sentences_are_asked_what_contextual_calibration_needs():
    task = BUILTIN_TASKS["topic"]()
    plan = make_plan(Experiment(models=("uniform",), task="topic", shots=(0, 2), queries=2))
    prompt = next(p for p in plan.prompts if len(p.demonstrations) == 2)
    prior, *free = plan.companions(prompt)
    assert prior.text == "Output:"
    query = prompt.parts[-3].text
    assert prompt.text.count(query) == 1
    assert [one.text for one in free] == [prompt.text.replace(query, text) for text in ("N/A", "[MASK]", "")]
    assert all(one.candidates == prompt.candidates for one in (prior, *free))
    assert make_plan(Experiment(models=("uniform",), task="topic", calibrate=False)).companions(prompt) == ()
    assert len(task.label_space) == len(prior.candidates)


def test_a_changed_configuration_is_another_model(tiny_lm, tmp_path, empty_cache):
    changed = tmp_path / "tiny-lm"
    shutil.copytree(tiny_lm, changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
    before, after = (HuggingFaceScorer(str(folder)).identity() for folder in (tiny_lm, changed))
    assert {name for name in before if before[name] != after[name]} == {"config"}


def test_a_cache_that_breaks_later_stops_no_run(tiny_lm, empty_cache):
    with answer_cache(HuggingFaceScorer(str(tiny_lm)), use=True) as cache:
        cache.keep("a", Answer(logprob=np.array([-1.0])))
        cache._connection.execute("DROP TABLE answers")
        with pytest.warns(UserWarning, match="answers are no longer kept for other runs"):
            cache.store()
        cache.keep("b", Answer(logprob=np.array([-1.0])))
        cache.store()
        assert cache.look_up(["a", "b"]) == {}


def test_a_home_that_cannot_be_written_to_is_kept_out_of(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert folders_in_place_of_home() == {}
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "gone")
    elsewhere = folders_in_place_of_home()
    assert set(elsewhere) == {"PYTENSOR_FLAGS", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"}
    assert Path(elsewhere["MPLCONFIGDIR"]).is_dir()
