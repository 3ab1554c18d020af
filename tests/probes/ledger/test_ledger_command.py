"""The ledger's measurements read off Bayesians of known temperature what they are; the command tells it."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from icl.errors import UserError
from icl.ginc.exact import infer
from icl.ginc.family import GincFamily, sample_family
from icl.ginc.positions import answer_positions, prompt_tokens
from icl.ginc.sampling import sample_examples
from icl.seeds import stream
from probes.cli.main import main
from probes.ledger.figures import draw_ledger
from probes.ledger.measure import LedgerQuestion, LedgerResults, measure_ledger
from probes.ledger.store import open_folder, write_ledger
from probes.ledger.words import ledger_lines
from probes.scorers.ginc import ExactPredictor, TemperedPredictor

QUESTION = LedgerQuestion(example_lengths=(3, 4), shots=(0, 2, 16), prompts=40, seed=1)
TEMPERATURES = (0.05, 0.4, 2.0)


class ExactPredictorNamed(ExactPredictor):
    def __init__(self, family: GincFamily, name: str):
        super().__init__(family)
        self.name = name


@pytest.fixture(scope="module")
def family() -> GincFamily:
    return sample_family(
        rng=np.random.default_rng(4),
        num_entities=5,
        num_properties=6,
        vocab_size=20,
        num_concepts=4,
        num_pretraining_concepts=3,
    )


@pytest.fixture(scope="module")
def results(family) -> LedgerResults:
    return measure_ledger(family, [TemperedPredictor(family, temperature=t) for t in TEMPERATURES], QUESTION)


def sample_family_of(seed: int) -> GincFamily:
    return sample_family(
        rng=np.random.default_rng(seed), num_entities=3, num_properties=4, vocab_size=9, num_concepts=5
    )


def of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"] == model]


@pytest.mark.parametrize("temperature", [*TEMPERATURES, 1.0])
def test_a_tempered_bayesian_comes_out_with_its_temperature(results, temperature):
    rows = of(results.temperatures, "oracle" if temperature == 1 else f"tempered({temperature:g})")
    assert rows["example_length"].tolist()[:2] == [3, 4]
    assert np.isnan(rows["example_length"].iloc[2])
    np.testing.assert_allclose(rows["temperature"], temperature, rtol=1e-3)
    assert (rows["kl"] < 1e-6).all()
    if temperature == 1:
        np.testing.assert_allclose(rows["kl_of_exact_bayes"], 0, atol=1e-9)
    else:
        assert (rows["kl_of_exact_bayes"] > 1e-3).all()


def test_behaviour_of_exact_bayes_is_its_posterior(results, family):
    rows = of(results.behaviour, "oracle")
    np.testing.assert_allclose(rows["bayes_kl"], 0, atol=1e-9)
    np.testing.assert_allclose(rows["implied_kl"], 0, atol=1e-6)
    examples = sample_examples(
        family, num_prompts=40, num_examples=17, example_length=4, rng=stream(QUESTION.seed, "ledger", 4)
    )
    positions = answer_positions(17, 4)[[0, 2, 16]]
    inference = infer(family, prompt_tokens(examples), positions=positions)
    right = np.exp(inference.log_posterior)[np.arange(40)[:, None], positions, examples.concept[:, None]]
    long = rows[rows["example_length"] == 4]
    np.testing.assert_allclose(long["posterior"], right.mean(axis=0), rtol=1e-9)
    accuracy = (inference.log_predictive.argmax(axis=2) == examples.gold_labels[:, [0, 2, 16]]).mean(axis=0)
    np.testing.assert_allclose(long["accuracy"], accuracy)


def test_a_cool_bayesian_acts_on_the_tempered_posterior(results, family):
    cool = of(results.behaviour, "tempered(0.05)")
    examples = sample_examples(
        family, num_prompts=40, num_examples=17, example_length=4, rng=stream(QUESTION.seed, "ledger", 4)
    )
    positions = answer_positions(17, 4)[[0, 2, 16]]
    inference = infer(family, prompt_tokens(examples), positions=positions)
    tempered = softmax(0.05 * inference.log_evidence[:, positions], axis=2)
    long = cool[cool["example_length"] == 4]
    expected = tempered[np.arange(40), :, examples.concept].mean(axis=0)
    np.testing.assert_allclose(long["implied"], expected, atol=0.01)
    later = (cool["num_shots"] > 0).to_numpy()
    assert (cool["bayes_kl"].to_numpy()[later] > 0).all()


def test_books_balance(results):
    books = results.books
    np.testing.assert_allclose(books["noise"], books["start_noise"] + books["delimiter_noise"], rtol=1e-9)
    np.testing.assert_allclose(books["drift"], books["signal"] - books["noise"], rtol=1e-9)
    assert books["holds"].between(0, 1).all()
    assert books["condition_pairs"].between(0, 1).all()


def test_forecasts_are_of_prompts_that_were_not_fitted(results):
    rows = of(results.forecasts, "oracle")
    assert sorted(set(rows["prompt"])) == list(range(20, 40))
    assert len(rows) == 2 * 20 * 3
    score = of(results.scores, "oracle").iloc[0]
    correct, probability = rows["correct"].to_numpy(), rows["probability"].to_numpy()
    assert score["brier"] == pytest.approx(np.mean((probability - correct) ** 2))
    assert score["num_prompts"] == len(rows)
    assert score["gain"] == pytest.approx(score["brier_of_mean"] - score["brier"])
    assert score["gain_low"] < score["gain"] < score["gain_high"]
    half = QUESTION.prompts // 2  # what the rival knows comes from the half that was fitted
    accuracy = of(results.behaviour, "oracle").groupby("example_length")["accuracy"].mean()
    tested = rows.groupby("example_length")["correct"].mean()
    known = rows.groupby("example_length")["mean_accuracy"].first()
    np.testing.assert_allclose(known, (accuracy * QUESTION.prompts - tested * half) / half)


def test_every_competitor_has_its_line(results):
    pairs = results.competitors
    assert len(pairs) == 2 * 3 * 2
    assert pairs.groupby("example_length")["num_prompts"].sum().tolist() == [80, 80]  # 40 prompts, 2 competitors each
    np.testing.assert_allclose(pairs["drift"], pairs["signal"] - pairs["noise"], rtol=1e-9)
    shares = pairs.groupby("example_length")["condition_holds"].mean()
    np.testing.assert_allclose(shares, results.books["condition_pairs"])


def test_models_that_cannot_be_asked_together_are_refused(family):
    other = sample_family_of(8)
    with pytest.raises(
        UserError, match=r"'tempered\(2\)' was trained on a different GINC family .* one family at a time"
    ):
        measure_ledger(family, [ExactPredictorNamed(family, "a"), TemperedPredictor(other, temperature=2.0)], QUESTION)
    with pytest.raises(UserError, match="two predictors are called 'oracle'"):
        measure_ledger(family, [ExactPredictor(family)], QUESTION)


def test_words_figures_and_folder(results, family, tmp_path):
    text = "\n".join(ledger_lines(results, QUESTION))
    for expected in ("exact posterior", "tempered(0.4)", "all k", "0.400 [0.400, 0.400]", "% of pairs"):
        assert expected in text
    drawn = list(draw_ledger(results))
    assert [figure.name for figure in drawn] == ["ledger", "concepts", "forecasts"]
    assert len(drawn[1].figure.axes) == 2
    open_folder(tmp_path / "out", QUESTION, family, [ExactPredictor(family)])
    write_ledger(tmp_path / "out", results)
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == {
        "ledger.png",
        "concepts.png",
        "forecasts.png",
    }
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "behaviour.parquet"), results.behaviour)
    record = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert record["prompts"] == 40
    assert record["models"]["oracle"]["family"] == family.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": 3}, "--prompts ≥ 4, got 3"),
        ({"shots": (0, 65)}, "--shots takes numbers from 0 to 64, got 0, 65"),
        ({"shots": ()}, "--shots takes numbers"),
        ({"seed": -1}, "--seed cannot be negative"),
        ({"smoothing": 1.5}, "--smoothing must lie above 0 and be at most 1, got 1.5"),
        ({"smoothing": 0.0}, "--smoothing must lie above 0"),
        ({"example_lengths": (1,)}, "--example-lengths takes numbers from 2"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(change, message):
    with pytest.raises(UserError) as refusal:
        LedgerQuestion(**change)
    assert message in str(refusal.value)


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(["ledger", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def refused(capsys, arguments: Sequence[str], message: str) -> None:
    status, _, error = run(capsys, *arguments)
    assert status == 2
    assert message in error


def test_the_command(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--prompts", "8", "--example-lengths", "3", "--shots", "0,4"]
    status, text, _ = run(capsys, *arguments)
    assert status == 0
    assert "ginc-small" in text
    status, text, _ = run(capsys, *arguments, "--json")  # a ledger is replaced
    assert {"books", "competitors", "behaviour", "temperatures", "scores"} == set(json.loads(text))


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    refused(capsys, [*out, "--models", "ginc-smal"], "Did you mean 'ginc-small'")
    sample_family_of(3).save(tmp_path / "other.npz")
    refused(capsys, [*out, "--family", str(tmp_path / "other.npz")], "was trained on a different GINC family")
    refused(capsys, [*out, "--example-lengths", "20"], "ask for fewer or shorter examples")
    refused(capsys, ["--out", str(tmp_path / "other.npz" / "x")], "part of its path is a file")
    (tmp_path / "note.txt").write_text("mine")
    refused(capsys, ["--out", str(tmp_path)], "holds no ledger (no ledger.json)")
