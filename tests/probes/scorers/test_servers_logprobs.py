"""What servers tell of labels that are not among the likeliest tokens, and numbers that sampling has changed."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from toy_prompts import expected, prompts_of
from toy_server import likelier_colour, serving

from icl.answers import answer_table, left_out
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.scorers.completions import CompletionsScorer
from probes.scorers.completions_labels import Continuation, follow, sum_label
from probes.scorers.completions_logprobs import Position, Told, read_positions
from probes.scorers.completions_raw import Sample, SampledError, why_not_own


@pytest.fixture
def prompts(colours):
    return prompts_of(colours, queries=12)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("probes.scorers.completions_http._FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def checked(server, prompts) -> CompletionsScorer:
    scorer = CompletionsScorer(server.url)
    scorer.check(prompts)
    return scorer


@pytest.mark.parametrize("dialect", ["top 1", "top 5", "top 5 and sampled", "llama.cpp", "green is null"])
def test_a_label_that_is_not_told_lies_below_its_bound(dialect, prompts):
    with serving(dialect) as server:
        answers = dict(checked(server, prompts).answer(prompts))
    bounded = 0
    for index, truth in enumerate(expected(prompts)):
        for answer, value in zip(answers[index], truth, strict=True):
            if math.isnan(answer.logprob):
                assert answer.reason
                assert not value > answer.logprob_below + 1e-9  # NaN where nothing is known
                bounded += not math.isnan(answer.logprob_below)
            else:
                assert answer.logprob == pytest.approx(value)
                assert math.isnan(answer.logprob_below)
    assert bounded or dialect in ("llama.cpp", "green is null")


def test_accuracy_counts_prompts_whose_other_label_is_not_told(tmp_path):
    rows = [{"input": f"thing {i}", "label": ("red", "green")[i % 2]} for i in range(24)]
    (tmp_path / "colours.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with serving("one colour") as server:
        experiment = Experiment(
            models=(server.url,),
            task=str(tmp_path / "colours.jsonl"),
            probes=("shots",),
            formats=("arrow",),
            shots=(0, 1),
            queries=10,
            demonstration_sets=1,
        )
        plan = make_plan(experiment)
        folder = create_run(tmp_path / "run", experiment)
        execute(folder, plan)
    answers = answer_table(folder.scores()).set_index("prompt_id")
    right = {p.prompt_id: likelier_colour(p.text) == f" {p.gold_label}" for p in plan.prompts}
    assert 0 < sum(right.values()) < len(right)
    assert {name: bool(answers.loc[name, "accuracy"] == 1) for name in right} == right
    assert not left_out(answers.reset_index()).size


def test_a_token_told_beside_the_likeliest_bounds_no_other():
    tops = {b" a": -1.0, b" b": -2.0, b" c": -9.0}
    lists = {"tokens": [" c"], "token_logprobs": [-9.0]}
    records = [{"token": piece.decode(), "logprob": value} for piece, value in tops.items()]
    for top in ({piece.decode(): value for piece, value in tops.items()}, records):
        told = read_positions({"choices": [{"logprobs": lists | {"top_logprobs": [top]}}]})[0].told
        assert told.top == tops
        assert told.below == pytest.approx(-2.0)
    ranked = follow(lambda text: Continuation(told), "x", " c")
    assert (ranked.logprob, ranked.vocabulary_rank) == (-9.0, None)  # others may lie between


def test_of_two_tokens_that_spell_the_same_the_likelier_counts():
    lists = {"tokens": [" a"], "token_logprobs": [-0.5], "top_logprobs": [{" a": -8.0, " b": -2.0}]}
    told = read_positions({"choices": [{"logprobs": lists}]})[0].told
    assert told.top == {b" a": -0.5, b" b": -2.0}
    assert told.below == pytest.approx(-2.0, abs=1e-8)


def bound(
    top: dict[bytes, float], label: str, *, counts: dict[str, int] | None = None, masked=(), unvalued=()
) -> float:
    """Bound of a label behind "x"; `counts`: tokens of texts, where the server counts them."""
    here = Told(top, min(top.values(), default=math.nan), frozenset(masked), frozenset(unvalued))

    def ask(text: str) -> Continuation:
        return Continuation(here if text == "x" else Told({b"?": -3.0}, -3.0), counts[text] if counts else None)

    answer = follow(ask, "x", label)
    assert math.isnan(answer.logprob)
    assert answer.reason
    return answer.logprob_below


def test_a_bound_holds_however_the_server_cuts_the_label():
    top = {b" y": -0.5, b" b": -1.0, b" z": -6.0}
    assert bound(top, " red") == -6.0  # its first token is none of those told
    assert bound(top, " blue") == -4.0  # ' b' and then none of those told; ' blue' at once would be -6
    assert bound(top | {b" ": -2.0}, " blue") == -2.0  # or ' ' first, and then whatever is likely
    assert bound(top, " blue", counts={"x": 1, "x b": 2, "x blue": 2}) == -6.0  # it is one token, which is not told
    assert bound(top, " blue", counts={"x": 1, "x b": 2, "x blue": 3}) == -4.0
    assert bound(top, " blue", counts={"x": 1, "x b": 3, "x blue": 3}) == -1.0  # not cut so: any other way is left


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        ("�", "€"),  # a part of a character
        (" �", " €"),
        ("", "€"),
        ("▁red", " red"),  # marks for spaces
        ("Ġred", " red"),
        ("Ċ", "\nred"),
    ],
)
def test_a_token_whose_text_hides_what_it_spells_leaves_no_bound(piece, label):
    top = {b" a": -1.0, b" b": -2.0}
    assert bound(top, label) == -2.0
    assert math.isnan(bound(top | {piece.encode(): -1.5}, label))
    assert math.isnan(bound(top, label, unvalued=[piece.encode()]))


@pytest.mark.parametrize("piece", ["▁red", "Ġred"])
def test_tokens_written_as_the_vocabulary_has_them_are_named(piece):
    told = Told({b" a": -1.0, piece.encode(): -1.5}, below=-1.5)
    reason = follow(lambda _: Continuation(told), "x", " red").reason
    assert reason.startswith(f"the server tells '{piece}' where ' red' is asked: it writes tokens as its vocabulary")


def test_tokens_told_without_their_space_leave_no_bound():
    assert math.isnan(bound({b"red": -1.0, b"green": -2.0}, " red"))
    assert bound({b"red": -1.0, b" green": -2.0}, " red") == -2.0  # this server does tell spaces
    assert bound({b"red": -1.0, b"green": -2.0}, " blue") == -2.0


def test_a_token_told_without_a_number_is_missing_without_a_bound_and_an_impossible_one_with():
    top = {b" a": -1.0, b" b": -2.0}
    assert math.isnan(bound(top, " red", unvalued=[b" red"]))
    assert math.isnan(bound(top, " red", unvalued=[b" r"]))
    assert bound(top, " red", masked=[b" red"]) == -2.0
    assert math.isnan(bound({}, " red", masked=[b" red", b" green"]))


_HUGE = pytest.param(-(10**400), id="huge")


@pytest.mark.parametrize("value", [None, math.nan, -math.inf, -1e30, -9999.0, _HUGE, "-inf", True])
@pytest.mark.parametrize("shape", ["lists", "records", "lists of records"])
def test_what_is_no_number_is_no_log_probability(value, shape):
    records = [{"token": " a", "logprob": -1.0}, {"token": " b", "logprob": value}]
    if shape == "records":
        logprobs = {"content": [{**records[0], "top_logprobs": records}]}
    else:
        top = {" a": -1.0, " b": value} if shape == "lists" else records
        logprobs = {"tokens": [" a"], "token_logprobs": [-1.0], "top_logprobs": [top]}
    told = read_positions({"choices": [{"logprobs": logprobs}]})[0].told
    assert told.top == {b" a": -1.0}
    is_masked = isinstance(value, int | float) and value < 0
    assert (told.masked, told.unvalued) == ((frozenset({b" b"}), frozenset()) if is_masked else (frozenset(), {b" b"}))


def test_half_a_character_among_the_likeliest_tokens_spells_none():
    """JSON may hold what no text can, as where a server cuts an emoji in two."""
    logprobs = {"tokens": [" a"], "token_logprobs": [-1.0], "top_logprobs": [{" a": -1.0, "\ud83d": -2.0}]}
    told = read_positions({"choices": [{"logprobs": logprobs}]})[0].told
    assert told.top == {b" a": -1.0, b"\xed\xa0\xbd": -2.0}


def test_a_token_without_a_number_in_an_echo_is_missing_below_the_sum_of_the_others():
    top = Told({b"?": -0.5}, -0.5)
    positions = [Position(b"x", math.nan), Position(b" bl", -2.0, top), Position(b"ue", math.nan, top)]
    answer = sum_label(positions, "x", " blue", generated=0)
    assert math.isnan(answer.logprob)
    assert "gives no number to a token of ' blue'" in answer.reason
    assert answer.logprob_below == -2.0
    positions[2] = Position(b"ue", math.nan, Told({b"?": -0.5}, -0.5, masked=frozenset({b"ue"})))
    answer = sum_label(positions, "x", " blue", generated=0)
    assert "says that a token of ' blue' is impossible" in answer.reason
    assert answer.logprob_below == -2.5


AFTER_SAMPLING = {
    "greedy": "the chosen token has probability 1 and every other 0",
    "greedy at 0": "the chosen token has probability 1 and every other 0",
    "greedy, -1e30": "the chosen token has probability 1 and every other 0",
    "greedy, -9999": "the chosen token has probability 1 and every other 0",
    "greedy, null": "the chosen token has probability 1 and every other 0",
    "greedy, alone": "the chosen token has probability 1 and every other 0",
    "greedy, top 1": "the most likely token is certain after each text",
    "top-k": "the 10 tokens that it returns share all probability",
    "top-k, -inf": "it says that some tokens are impossible, behind each text others",
    "heated": "nats at temperature 0 and",
    "logits": "the probabilities that it returns sum to",
    "all zero": "the probabilities that it returns sum to",
    "all -1e30": "it gives no token a probability",
    "greedy, echo too": "the chosen token has probability 1 and every other 0",
}


@pytest.mark.parametrize("dialect", AFTER_SAMPLING)
def test_numbers_that_sampling_has_changed_are_refused_before_anything_is_scored(dialect, prompts):
    with serving(dialect) as server:
        with pytest.raises(SampledError) as caught:
            checked(server, prompts)
        assert not any(body["prompt"] == prompts[0].text for body in server.asked)
    assert "reports log-probabilities after sampling, not its model's own (" in str(caught.value)
    assert AFTER_SAMPLING[dialect] in str(caught.value)
    assert "vLLM: --logprobs-mode raw_logprobs" in str(caught.value)


def test_probabilities_in_place_of_log_probabilities_are_one_sentence():
    record = {"token": "a", "bytes": [97], "prob": 1.0}
    with pytest.raises(ValueError, match="probabilities after sampling in place of log-probabilities"):
        read_positions({"choices": [{"logprobs": {"content": [{**record, "top_probs": [record]}]}}]})


def test_an_echo_of_the_models_own_numbers_is_used_whatever_is_generated(prompts):
    with serving("greedy behind echo") as server:
        scorer = checked(server, prompts)
        assert scorer.identity()["way"] == "echo"
        np.testing.assert_allclose(scorer(prompts), expected(prompts), rtol=1e-9)


def test_tokens_that_are_impossible_behind_every_text_are_believed(prompts):
    with serving("padded") as server:
        np.testing.assert_allclose(checked(server, prompts)(prompts), expected(prompts), rtol=1e-9)


def test_tokens_too_unlikely_for_a_float_are_believed():
    def sample(last: bytes, lowest: float) -> Sample:
        told = Told({b" a": -0.7, b" b": -0.8, last: lowest}, lowest, masked=frozenset({b" c" + last}))
        return Sample(told, told)

    assert not why_not_own([sample(b" d", -85.0), sample(b" e", -80.0)], 4)
    assert "some tokens are impossible" in why_not_own([sample(b" d", -5.0), sample(b" e", -4.0)], 4)


@pytest.mark.parametrize("dialect", ["greedy", "greedy, null", "logits"])
def test_numbers_that_sampling_has_changed_stop_a_run_when_they_appear(dialect, prompts):
    with serving("top 5") as server:
        scorer = checked(server, prompts)
        answers = scorer.answer(prompts)
        first = [next(answers) for _ in range(3)]
        server.dialect = dialect
        with pytest.raises(SampledError, match="reports log-probabilities after sampling"):
            first += list(answers)
    assert 3 <= len(first) < len(prompts)


@pytest.mark.parametrize("dialect", ["green is null", "green is -inf", "all -inf"])
def test_a_run_is_finished_and_resumed_whatever_is_told(dialect, tmp_path):
    rows = [{"input": "thing" + "x" * i, "label": ("red", "green")[i % 2]} for i in range(12)]
    (tmp_path / "colours.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with serving("llama.cpp") as server:
        experiment = Experiment(
            models=(server.url,),
            task=str(tmp_path / "colours.jsonl"),
            probes=("shots",),
            formats=("arrow",),
            shots=(0,),
            queries=6,
            demonstration_sets=1,
        )
        plan = make_plan(experiment)
        server.dialect = dialect
        folder = create_run(tmp_path / "run", experiment)
        execute(folder, plan)
        first = folder.scores()
        asked = len(server.asked)
        execute(folder, plan)
        assert len(server.asked) == asked
    pd.testing.assert_frame_equal(folder.scores(), first)
    green = first[first["candidate"] == "green"]
    assert 0 < green["logprob"].isna().sum() < len(green)
    assert np.isfinite(first["logprob"].dropna()).all()
    assert set(first.loc[first["logprob"].isna(), "status"]) == {"unscorable"}


def test_where_every_token_is_impossible_nothing_is_known(prompts):
    with serving("top 5") as server:
        scorer = checked(server, prompts)
        server.dialect = "all -1e30"
        answers = dict(scorer.answer(prompts))
    for answer in (one for row in answers.values() for one in row):
        assert math.isnan(answer.logprob)
        assert math.isnan(answer.logprob_below)
        assert "every token is impossible" in answer.reason
