"""Completions servers: a toy whose sums are known in closed form, in each dialect and with faults, and real ones."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_prompts import expected, prompts_of
from toy_server import cut, fails, hangs_up, logprobs_behind, never_answers, serving

from icl.errors import UserError
from icl.prompts.render import Candidate, Candidates, Part
from icl.tasks.builtin import BUILTIN_TASKS
from probes.scorers.completions import CompletionsScorer
from probes.scorers.completions_labels import Continuation, follow, label_positions
from probes.scorers.completions_logprobs import Position, Told, read_positions, spell


@pytest.fixture
def prompts(colours):
    return prompts_of(colours)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("probes.scorers.completions_http._FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("dialect", "way"),
    [
        ("openai", "echo"),
        ("vllm", "echo"),
        ("llama.cpp", "5000 top log-probabilities"),
        ("off by one", "5000 top log-probabilities"),
    ],
)
def test_every_dialect_gives_the_sums_that_are_known(dialect, way, prompts):
    with serving(dialect) as server:
        scorer = CompletionsScorer(server.url)
        scorer.check(prompts)
        assert scorer.identity()["way"] == way
        np.testing.assert_allclose(scorer(prompts), expected(prompts), rtol=1e-9)
        answers = dict(scorer.answer(prompts))
        assert scorer.reading()["requests"] >= len(server.asked)
    assert scorer.name == "toy"
    for prompt in range(len(prompts)):
        assert [answer.num_tokens for answer in answers[prompt]] == [1, 1, 2]  # red, green, bl-ue
        assert all(answer.boundary_clean is None and not answer.reason for answer in answers[prompt])


def test_ranks_are_those_of_the_whole_vocabulary(prompts):
    with serving("llama.cpp") as server:
        answers = dict(CompletionsScorer(server.url).answer(prompts))
    for index, prompt in enumerate(prompts):
        behind = logprobs_behind(cut(prompt.text)[-1])
        for label, answer in zip((" red", " green"), answers[index]):
            assert answer.vocabulary_rank == 1 + sum(value > behind[label] for value in behind.values())


def test_an_echo_that_disagrees_with_what_is_generated_is_not_believed(prompts):
    with serving("off by one") as server:
        scorer = CompletionsScorer(server.url)
        with pytest.raises(UserError, match=r"needs echo, .* \(it echoes .* but generates it with"):
            scorer.check([replace(prompts[0], method="channel")])
        assert "but generates it with" in str(scorer.reading()["no echo"])


def test_inputs_behind_labels_are_scored_by_echo_only(prompts):
    channel = [
        replace(
            prompt,
            method="channel",
            candidates=Candidates(Candidate(c.label, " a whole input", given=c.text) for c in prompt.candidates),
        )
        for prompt in prompts
    ]
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url)
        scorer.check(channel)
        np.testing.assert_allclose(scorer(channel), expected(channel), rtol=1e-9)
    with serving("llama.cpp") as server, pytest.raises(UserError, match="leave the method out, or use vLLM"):
        CompletionsScorer(server.url).check(channel)


def test_a_token_that_spans_the_boundary_is_the_labels(prompts):
    glued = replace(prompts[0], parts=(Part("input", "so b"),), candidates=Candidates([Candidate("blue", "lue")]))
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url)
        ((_, (answer,)),) = scorer.answer([glued])
        lines = scorer.token_lines(glued)
    assert answer.boundary_clean is False
    assert answer.num_tokens == 2
    assert answer.logprob == pytest.approx(logprobs_behind("o")[" bl"] + logprobs_behind(" bl")["ue"])
    assert lines == [
        "3 tokens of toy: '<s>' 's' 'o'",
        "  'lue' → ' bl' 'ue'  (boundary not clean: a token spans it)",
    ]


@pytest.mark.parametrize(
    "faults",
    [
        [fails(500), fails(503)],
        [hangs_up],
        [never_answers],
        [fails(429, Retry_After="0.05")],
        [fails(408), hangs_up, fails(502), fails(500)],
    ],
)
def test_what_passes_is_waited_out(faults, prompts):
    with serving("vllm") as server:
        silent = never_answers in faults
        scorer = CompletionsScorer(server.url, timeout=1.0 if silent else 60.0)
        scorer.check(prompts)
        before = scorer.reading()["retries"]
        server.faults.extend(faults)
        began = time.monotonic()
        np.testing.assert_allclose(scorer(prompts), expected(prompts), rtol=1e-9)
        retries = scorer.reading()["retries"] - before
        assert retries >= 1 if silent else retries == len(faults)  # a busy machine may be silent as well
        if faults[0] not in (hangs_up, never_answers) and len(faults) == 1:
            assert time.monotonic() - began >= 0.05  # as the server asked


def refusal_of(server, prompts, **options) -> str:
    with pytest.raises(UserError) as caught:
        CompletionsScorer(server.url, **options).check(prompts)
    return str(caught.value)


def test_a_server_that_keeps_failing_is_one_sentence_and_loses_nothing(prompts):
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url, concurrency=2)
        scorer.check(prompts)
        given = []
        answers = scorer.answer(prompts, progress=lambda done, total: given.append((done, total)))
        first = [next(answers), next(answers)]
        server.faults.extend(fails(500) for _ in range(100))
        with pytest.raises(UserError) as caught:
            first += list(answers)
        assert str(caught.value) == (
            f"server {server.url} answered HTTP 500 5 times, saying: out of; check the server, then rerun the same "
            "command to resume."
        )
        assert 2 <= len(first) < len(prompts)
        assert given == [(n + 1, len(prompts)) for n in range(len(given))]
        server.faults.clear()
        np.testing.assert_allclose(scorer(prompts), expected(prompts), rtol=1e-9)


@pytest.mark.parametrize(
    ("fault", "message"),
    [(hangs_up, "closed the connection 3 times"), (never_answers, r"did not answer in time 3 times \(0\.1 s each\)")],
)
def test_a_connection_that_fails_for_good_is_one_sentence(fault, message, prompts):
    with serving("vllm") as server:
        server.faults.extend([fault] * 20)
        with pytest.raises(UserError, match=rf"{message}.*rerun the same command to resume"):
            CompletionsScorer(server.url, timeout=0.1 if fault is never_answers else 60.0, retries=2).check(prompts)


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ("silent", "returns no log-probabilities; start it with an option .*--logits_all true"),
        ("without logits", r"gives no log-probabilities \(logprobs is not supported .*--logits_all true"),
        ("page", r"answered with something other than a JSON object \(<html>\); check that the URL is the root"),
        ("locked", "answered HTTP 401, saying: no valid key; put its key into .* OPENAI_API_KEY"),
    ],
)
def test_servers_that_cannot_score_are_one_sentence(dialect, message, prompts):
    with serving(dialect) as server, pytest.raises(UserError, match=message):
        CompletionsScorer(server.url).check(prompts)


def test_no_server_is_one_sentence_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(UserError, match=rf"no server answers at {url} \(.*refused.*\); start it, or check the URL"):
            CompletionsScorer(url)


@pytest.mark.parametrize("url", ["nowhere", "ftp://host/v1", "http:///v1", "http://host/v1?key=1", "http://host:x/v1"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UserError, match=r"is not the URL.*write http://HOST:PORT/v1"):
        CompletionsScorer(url)


def test_one_of_several_models_must_be_named(prompts):
    with serving("vllm", models=("b/two", "one")) as server:
        with pytest.raises(UserError, match=rf"serves 2 models: b/two, one; name one: {server.url}#b/two"):
            CompletionsScorer(server.url)
        scorer = CompletionsScorer(f"{server.url}#b/two")
        scorer.check(prompts)
        assert scorer.name == "two"
        assert {body["model"] for body in server.asked} == {"b/two"}


def test_a_server_that_names_no_model_is_asked_without(prompts):
    with serving("vllm", models=()) as server:
        scorer = CompletionsScorer(server.url)
        scorer.check(prompts)
        assert all("model" not in body for body in server.asked)
        assert scorer.name == server.url.removeprefix("http://").removesuffix("/v1")


def test_a_prompt_that_is_too_long_is_missing_with_the_servers_words(prompts):
    with serving("vllm", context=40) as server:
        answers = dict(CompletionsScorer(server.url).answer(prompts))
    long = [len(cut(prompt.text + " green")) > 40 for prompt in prompts]
    assert any(long)
    assert not all(long)
    for index in range(len(prompts)):
        if long[index]:
            assert math.isnan(answers[index][1].logprob)
            assert "maximum context length is 40 tokens" in answers[index][1].reason
        else:
            assert not answers[index][1].reason


def test_the_key_is_sent_and_not_told(prompts, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url)
        scorer.check(prompts)
        assert server.keys == {"Bearer sk-secret"}
        assert "secret" not in str(scorer.identity()) + str(scorer.reading())
        again = CompletionsScorer(server.url.replace("http://", "http://me:secret@"))
        assert again.identity() == scorer.identity()  # no times and no passwords in it
    assert not scorer.is_reproducible()


def test_an_interrupt_leaves_nothing_queued(prompts):
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url, concurrency=2)
        scorer.check(prompts)
        before = len(server.asked)
        answers = scorer.answer(prompts * 50)
        next(answers)
        answers.close()
        time.sleep(0.1)
        assert len(server.asked) - before < 20


def test_a_label_written_as_nothing_is_refused(prompts):
    empty = replace(prompts[0], candidates=Candidates([Candidate("red", "")]))
    with serving("vllm") as server:
        assert "the label 'red' is written as nothing" in refusal_of(server, [empty])


def test_a_label_is_followed_only_along_the_tokens_that_the_server_cuts():
    tops = {"x": {b" ": -1.0, b" re": -2.0}, "x ": {b"red": -3.0}, "x re": {b"d": -4.0}}

    def ask(counts: dict[str, int]):
        return lambda text: Continuation(Told(tops.get(text, {})), counts[text])

    right = follow(ask({"x": 1, "x re": 2, "x red": 3}), "x", " red")
    assert (right.logprob, right.num_tokens, right.vocabulary_rank) == (-6.0, 2, 2)
    other = follow(ask({"x": 1, "x re": 2, "x red": 2}), "x", " red")  # ' red' is one token, but an unlikely one
    assert math.isnan(other.logprob)
    assert "does not cut ' red' into the most likely tokens" in other.reason
    assert "no beginning of 'blue' is among the 2" in follow(ask({"x": 1}), "x", "blue").reason
    assert "perhaps because the text ends" in follow(ask({"y": 1}), "y", "blue").reason


def test_a_character_split_between_tokens_is_followed_by_echo_and_not_without():
    parts = [b"so", b" \xe2", b"\x82", b"\xac", b"!"]
    positions = [Position(part, -1.0) for part in parts]
    assert label_positions(positions, "so", " €", generated=1) == (range(1, 4), False)
    assert label_positions(positions, "so", " £", generated=1) is None
    assert label_positions(positions, "so", " €", generated=0) is None
    late = [Position(part, -1.0) for part in (b"so", b"", b"", " €".encode(), b"!")]
    assert label_positions(late, "so", " €", generated=1) == (range(1, 4), False)  # as vLLM spells it
    whole = [Position(part.decode(errors="replace").encode(), -1.0) for part in parts]
    assert label_positions(whole, "so", " €", generated=1) is None
    split = follow(lambda text: Continuation(Told({b" \xe2": -1.0})), "so", " €")
    assert "is split between tokens" in split.reason


def test_tokens_are_spelled_by_their_bytes():
    assert spell(r"bytes:\xe2\x82") == b"\xe2\x82"
    assert spell(r"bytes: \xf0\x9f") == b" \xf0\x9f"
    assert spell("bytes:") == b"bytes:"
    assert spell(" €") == " €".encode()


@pytest.mark.parametrize(
    "logprobs", [[1], {"tokens": ["a"], "token_logprobs": [1, 2]}, {"content": ["a"]}, {"token_logprobs": 1}]
)
def test_an_answer_of_unknown_shape_is_told(logprobs):
    with pytest.raises(ValueError):
        read_positions({"choices": [{"logprobs": logprobs}]})


@contextmanager
def running(log: Path, *command: str):
    """Run a server in a process group of its own until it listens on the port behind the command."""
    port = command[-1]
    with (
        log.open("w") as told,
        subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, start_new_session=True) as process,
    ):
        try:
            for _ in range(600):
                if process.poll() is not None:
                    pytest.fail(f"{command[0]} stopped with status {process.returncode}: {log.read_text()[-2000:]}")
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models"):
                        break
                except OSError:  # it does not listen yet, or still loads
                    time.sleep(0.2)
            else:
                pytest.fail(f"{command[0]} does not listen after two minutes: {log.read_text()[-2000:]}")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def compare_with_transformers(url: str) -> None:
    """Score the same prompts on both: the weights are the same, but llama.cpp rounds activations to 8 bits as well.

    Scores down to -15 nats, with a standard deviation of 4.6 nats, differed by 0.11 nats (root mean square) and by 0.51
    at most over some runs: llama.cpp rounds otherwise when it reads other prompts at the same time. An echo that is off
    by one token is off by 8 nats.
    """
    from probes.scorers.huggingface import HuggingFaceScorer

    prompts = prompts_of(BUILTIN_TASKS["sentiment"](), format="input-output", queries=4)
    others = prompts_of(BUILTIN_TASKS["topic"](), format="qa", shots=(2,), queries=4)
    served = CompletionsScorer(url, timeout=120.0)
    transformers = HuggingFaceScorer(os.environ["SMOLLM2_GGUF"])
    served.check([*prompts, *others])
    scores = np.concatenate([served(prompts).ravel(), served(others).ravel()])
    reference = np.concatenate([transformers(prompts).ravel(), transformers(others).ravel()])
    told = ~np.isnan(scores)
    assert told.mean() > 0.8  # a label may lie beyond the likeliest tokens, or the text may end there
    difference = (scores - reference)[told]
    assert np.sqrt(np.mean(difference**2)) < 0.35
    assert np.abs(difference).max() < 1.0
    assert np.corrcoef(scores[told], reference[told])[0, 1] > 0.99


@pytest.mark.lm
def test_llama_cpp_agrees_with_transformers(tmp_path, monkeypatch):
    if "LLAMA_CPP" not in os.environ:
        pytest.skip("LLAMA_CPP does not name a folder that holds xllamacpp")
    monkeypatch.setenv("PYTHONPATH", os.environ["LLAMA_CPP"])
    command = (
        sys.executable,
        str(Path(__file__).parents[2] / "helpers" / "llama_server.py"),
        os.environ["SMOLLM2_GGUF"],
    )
    with running(tmp_path / "log", *command, "--port", free_port()) as url:
        compare_with_transformers(url)


@pytest.mark.lm
def test_llama_cpp_python_agrees_with_transformers(tmp_path):
    if "LLAMA_CPP_PYTHON" not in os.environ:
        pytest.skip("LLAMA_CPP_PYTHON does not name a Python that has llama-cpp-python[server]")
    command = (os.environ["LLAMA_CPP_PYTHON"], "-m", "llama_cpp.server", "--model", os.environ["SMOLLM2_GGUF"])
    with running(tmp_path / "log", *command, "--logits_all", "true", "--n_ctx", "2048", "--port", free_port()) as url:
        compare_with_transformers(url)
