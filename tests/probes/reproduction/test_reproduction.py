"""The reproduction: rules that can come out either way, spreads that were planted, and runs that go on."""

import json

import numpy as np
import pandas as pd
import pytest
from chance import plausible
from scipy import stats

from icl.errors import UserError
from icl.ginc.sampling import GincExamples
from probes.cli.main import main
from probes.reproduction.claims import CLAIMS, _judge, judge_all
from probes.reproduction.compare import difference, over_lengths, paired_difference, shots_gain
from probes.reproduction.execute import reproduce
from probes.reproduction.experiments import EXAMPLE_LENGTHS, ORDERS, SHOTS, Reproduction, zoo
from probes.reproduction.orders import chance_spread, order_spreads
from probes.reproduction.outcomes import cells, order_outcomes, shot_outcomes
from probes.reproduction.published import PUBLISHED, published_growth
from probes.scorers.ginc import GincPredictor
from probes.scorers.huggingface_source import shipped_models

PROMPTS = 80
CLAIMS_BY_ID = {claim.claim_id: claim for claim in CLAIMS}
SEEN = "seen-concepts"


def block(model: str, experiment: str, first: float, last: float, *, step: float = 0.0) -> pd.DataFrame:
    """Accuracy that runs from `first` at no example to `last` at 64, plus `step` for each longer k, exactly."""
    frames = []
    for place, length in enumerate(EXAMPLE_LENGTHS):
        for number, num_shots in enumerate(SHOTS):
            share = min(1.0, first + (last - first) * number / (len(SHOTS) - 1) + place * step)
            right = np.arange(PROMPTS) < round(share * PROMPTS)
            frames.append(
                pd.DataFrame({"prompt": np.arange(PROMPTS), "correct": right.astype(float)}).assign(
                    experiment=experiment,
                    model=model,
                    example_length=length,
                    num_shots=num_shots,
                    ceiling_correct=1.0,
                    kl=0.1,
                )
            )
    return pd.concat(frames, ignore_index=True)


def spreads(value: float) -> pd.DataFrame:
    rows = [
        {"experiment": "orders", "model": model, "example_length": length, "set": number}
        | {"spread": value + 0.001 * number, "raw": value + 0.02, "chance": 0.02}
        for model in ("ginc-small", "oracle")
        for length in EXAMPLE_LENGTHS
        for number in range(10)
    ]
    return pd.DataFrame(rows)


HOLDS = {
    "more-examples": [("ginc-small", SEEN, 0.5, 0.8)],
    "longer-examples": [("ginc-small", SEEN, 0.3, 0.3, 0.2)],
    "larger-models": [
        (f"ginc-{size}", SEEN, level, level) for size, level in zip(("tiny", "small", "large"), (3, 5, 7))
    ],
    "same-loss": [("ginc-small", SEEN, 0.5, 0.5), ("ginc-large", SEEN, 0.7, 0.7)],
    "lstm-wins": [
        (f"ginc-{size}", SEEN, level, level) for size, level in zip(("tiny", "small", "large", "lstm"), (3, 5, 7, 9))
    ],
    "single-concept": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-single-concept", SEEN, 0.2, 0.2)],
    "random-data": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-random", SEEN, 0.0, 0.0)],
    "unseen-concepts": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-small", "unseen-concepts", 0.1, 0.1)],
    "fast-entities": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-fast-entities", "fast-entities", 0.2, 0.2)],
    "zero-beats-one": [("ginc-deterministic", "near-deterministic", 0.9, 0.9)],
    "near-bayes-16": [("ginc-small", SEEN, 1.0, 1.0)],
    "near-bayes-64": [("ginc-small", SEEN, 1.0, 1.0)],
    "never-falls": [("ginc-small", SEEN, 0.8, 0.8)],
}
"""Claim → (model, experiment, first, last, step) of hand-made outcomes on which it holds."""

FAILS = {
    "more-examples": [("ginc-small", SEEN, 0.5, 0.5)],
    "longer-examples": [("ginc-small", SEEN, 0.3, 0.3)],
    "larger-models": [
        (f"ginc-{size}", SEEN, level, level) for size, level in zip(("tiny", "small", "large"), (3, 5, 5))
    ],
    "same-loss": [("ginc-small", SEEN, 0.5, 0.5), ("ginc-large", SEEN, 0.5, 0.5)],
    "lstm-wins": [
        (f"ginc-{size}", SEEN, level, level) for size, level in zip(("tiny", "small", "large", "lstm"), (3, 5, 9, 7))
    ],
    "single-concept": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-single-concept", SEEN, 0.2, 0.4)],  # it grows
    "random-data": [("ginc-small", SEEN, 0.5, 0.5), ("ginc-random", SEEN, 0.5, 0.5)],  # as good as the intact one
    "unseen-concepts": [("ginc-small", SEEN, 0.5, 0.8), ("ginc-small", "unseen-concepts", 0.1, 0.5)],
    "fast-entities": [("ginc-small", SEEN, 0.2, 0.2), ("ginc-fast-entities", "fast-entities", 0.8, 0.8)],
    "zero-beats-one": [("ginc-deterministic", "near-deterministic", 0.5, 0.9)],
    "near-bayes-16": [("ginc-small", SEEN, 0.6, 0.6)],
    "near-bayes-64": [("ginc-small", SEEN, 1.0, 0.6)],
    "never-falls": [("ginc-small", SEEN, 0.9, 0.2)],
}


def outcomes_of(rows: list[tuple]) -> pd.DataFrame:
    parts = []
    for model, experiment, first, last, *step in rows:
        scale = 10 if first > 1 else 1
        part = block(model, experiment, first / scale, last / scale, step=step[0] if step else 0.0)
        if model == "ginc-deterministic" and first == last:  # dips at one example
            part.loc[(part["num_shots"] == 1) & (part["prompt"] < 20), "correct"] = 0.0
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def verdict_of(claim_id: str, outcomes: pd.DataFrame, order: pd.DataFrame):
    return _judge(CLAIMS_BY_ID[claim_id], outcomes, order)


@pytest.mark.parametrize("claim_id", HOLDS)
def test_every_rule_can_come_out_either_way(claim_id):
    none = spreads(0.0)
    assert verdict_of(claim_id, outcomes_of(HOLDS[claim_id]), none).verdict == "reproduced"
    assert verdict_of(claim_id, outcomes_of(FAILS[claim_id]), none).verdict == "not reproduced"


def test_the_rule_of_orders_asks_for_ten_points():
    outcomes = outcomes_of(HOLDS["more-examples"])
    assert verdict_of("order-matters", outcomes, spreads(0.25)).verdict == "reproduced"
    assert verdict_of("order-matters", outcomes, spreads(0.06)).verdict == "not reproduced"


def test_hand_made_tables_cover_every_claim():
    assert {claim.claim_id for claim in CLAIMS} == {*HOLDS, "order-matters"} == {*FAILS, "order-matters"}


def test_what_was_not_asked_is_said_by_name():
    verdicts = {v.claim_id: v for v in judge_all(outcomes_of(HOLDS["more-examples"]), spreads(0.0).iloc[:0])}
    assert verdicts["lstm-wins"].verdict == "not testable here"
    assert "ginc-lstm, ginc-tiny, ginc-large" in verdicts["lstm-wins"].reason
    assert "ginc-small" in verdicts["order-matters"].reason
    only_ablated = judge_all(block("ginc-random", SEEN, 0.0, 0.0), spreads(0.0))
    assert {v.verdict for v in only_ablated if v.claim_id == "more-examples"} == {"not testable here"}


def test_a_number_that_is_missing_is_null_in_json():
    outcomes = outcomes_of(HOLDS["near-bayes-16"]).assign(ceiling_correct=0.0)
    (entry,) = [v.as_dict() for v in judge_all(outcomes, spreads(0.0)) if v.claim_id == "near-bayes-16"]
    assert entry["ours"][0]["estimate"] is None
    assert entry["verdict"] == "not testable here"
    assert entry["reason"] == entry["ours"][0]["name"] + ": " + entry["ours"][0]["reason"]
    assert "which covers 0" in entry["reason"]
    json.dumps(entry, allow_nan=False)


def test_too_few_prompts_cannot_tell_whether_accuracy_falls():
    outcomes = outcomes_of(HOLDS["never-falls"])
    few = verdict_of("never-falls", outcomes[outcomes["prompt"] < 40], spreads(0.0))
    assert few.verdict == "not testable here"
    assert "too few prompts to tell: ginc-small k=3, ginc-small k=5" in few.reason
    assert few.reason.endswith("ask more with --prompts")
    fallen = (outcomes["example_length"] == 8) & (outcomes["num_shots"] == 64) & (outcomes["prompt"] < 10)
    found = verdict_of("never-falls", outcomes.assign(correct=outcomes["correct"].where(~fallen, 0.0)), spreads(0.0))
    assert found.verdict == "not reproduced"  # one length of four is enough


def test_models_asked_the_same_prompts_are_compared_prompt_by_prompt():
    """Half of the prompts are hard for both: the difference is known far better than either accuracy."""
    outcomes = outcomes_of([("ginc-small", SEEN, 0.5, 0.5), ("ginc-random", SEEN, 0.45, 0.45)])
    found = verdict_of("random-data", outcomes, spreads(0.0)).ours[1]
    assert found.estimate == pytest.approx(-5)
    errors = 5 * stats.t.ppf(0.95, PROMPTS - 1) * np.sqrt(0.95 / 0.05 / (PROMPTS - 1)) / 2  # four lengths
    assert found.high == pytest.approx(-5 + errors)
    elsewhere = outcomes.assign(
        experiment=outcomes["experiment"].where(outcomes["model"] == "ginc-small", "fast-entities"),
        model=outcomes["model"].replace("ginc-random", "ginc-fast-entities"),
    )
    apart = verdict_of("fast-entities", elsewhere, spreads(0.0)).ours[1]
    assert apart.estimate == pytest.approx(-5)
    assert apart.high > found.high


def test_four_looks_at_sets_that_are_just_below_ten_points_rarely_agree_with_the_claim(rng):
    """True spread 10 points: the claim may come out true by luck in one run of twenty."""
    outcomes, repeats = outcomes_of(HOLDS["more-examples"]), 200
    base = spreads(0.0)
    hits = 0
    for _ in range(repeats):
        drawn = base.assign(spread=rng.normal(0.1, 0.05, size=len(base)))
        hits += CLAIMS_BY_ID["order-matters"].judge(outcomes, drawn).holds
    assert hits <= 0.1 * repeats  # 3.2 standard errors above 0.05; four 90 % intervals give 0.19


def test_the_losses_of_the_claim_are_those_of_the_training_records():
    rule = CLAIMS_BY_ID["same-loss"].rule
    shipped = shipped_models()
    for model in {"ginc-small", "ginc-large"} & shipped.keys():
        record = json.loads((shipped[model] / "training.json").read_text())
        assert str(record["curve"][-1]["validation_loss"]) in rule
        assert str(record["bayes_validation_loss"]) in rule


def test_a_gain_is_what_a_hand_count_finds():
    outcomes = outcomes_of([("ginc-tiny", SEEN, 0.5, 0.75), ("ginc-small", SEEN, 0.75, 0.75)])
    assert shots_gain(outcomes, "ginc-tiny", SEEN, fewer=0, more=64).estimate == pytest.approx(25)
    rows = outcomes.pivot_table(index="model", values="correct")["correct"]
    found = paired_difference(outcomes, "ginc-small", "ginc-tiny", SEEN)
    assert found.estimate == pytest.approx(100 * (rows["ginc-small"] - rows["ginc-tiny"]))
    assert found.low < found.estimate < found.high


def test_intervals_of_gains_cover_the_truth_nine_times_in_ten(rng):
    """Accuracy 0.5 at none and 0.7 at 64 examples, prompts that differ in difficulty."""
    covered, repeats = 0, 200
    base = block("m", SEEN, 0.5, 0.5)
    base = base[base["num_shots"].isin((0, 64))]
    ease = rng.uniform(-0.2, 0.2, size=(repeats, len(EXAMPLE_LENGTHS), PROMPTS))
    level = 0.5 + 0.2 * (base["num_shots"] == 64).to_numpy()
    place = base["example_length"].map({k: i for i, k in enumerate(EXAMPLE_LENGTHS)}).to_numpy()
    for repeat in range(repeats):
        chance = level + ease[repeat, place, base["prompt"].to_numpy()]
        found = shots_gain(
            base.assign(correct=(rng.random(len(base)) < chance).astype(float)), "m", SEEN, fewer=0, more=64
        )
        covered += found.low <= 20 <= found.high
    assert plausible(covered, repeats)


def test_published_tables_are_whole():
    for experiment, table in PUBLISHED.items():
        assert np.array(table).shape == (4, 8), experiment
    assert PUBLISHED["transformer-4-layer"][-1][-1] == 60.2  # Xie, Figure 6
    assert PUBLISHED["lstm-6-layer"][-1][-1] == 95.8
    assert published_growth("random-data-4-layer") == pytest.approx(0.125)


class Follower(GincPredictor):
    """Says what it is told to for each prompt: the gold label, or the delimiter."""

    name = "follower"

    def __init__(self, family, right):
        self.family, self._right = family, right

    def __call__(self, tokens, positions):
        found = np.full((len(tokens), len(positions), self.family.vocab_size), np.log(0.001))
        for row, prompt in enumerate(tokens):
            found[row, :, 1 if self._right(prompt) else 0] = np.log(0.5)
        return found

    def identity(self):
        return {}


def ordered_examples(num_sets: int, num_queries: int, rng) -> GincExamples:
    """Four demonstrations whose first tokens are 2..5, and queries of noise whose label is always 1."""
    tokens = rng.integers(6, 30, size=(num_sets, 4 + num_queries, 3)).astype(np.uint8)
    tokens[:, :4, 0] = np.arange(2, 6)
    return GincExamples(
        tokens=tokens,
        gold_labels=np.ones(tokens.shape[:2], dtype=int),
        concept=np.zeros(num_sets, dtype=int),
        start_property=np.ones(num_sets, dtype=int),
    )


def spreads_of(family, right, rng, num_queries: int = 120) -> pd.DataFrame:
    rows = order_outcomes(Follower(family, right), ordered_examples(3, num_queries, rng))
    return order_spreads(rows.assign(experiment="orders", model="follower", example_length=3))


def test_an_order_blind_predictor_has_no_spread(rng, tiny_family):
    from icl.ginc.family import default_family

    found = spreads_of(default_family(), lambda prompt: prompt[-1] % 2 == 0, rng)
    assert (found[["raw", "chance", "spread"]] == 0).all(axis=None)


def test_a_planted_spread_is_recovered_and_noise_is_not_taken_for_one(rng):
    """Right on 80 % of the queries where demonstration 2 stands first, on 50 % otherwise: a spread of 30 points."""
    from icl.ginc.family import default_family

    def planted(prompt):
        return rng.random() < (0.8 if prompt[0] == 2 else 0.5)

    found = spreads_of(default_family(), planted, rng, num_queries=400)
    assert found["spread"].mean() == pytest.approx(0.3, abs=0.09)  # three sets of 400: 4.5 standard errors
    assert (found["raw"] > found["spread"]).all()  # largest minus smallest of noisy means is biased upward
    noise = spreads_of(default_family(), lambda prompt: rng.random() < 0.5, rng, num_queries=400)
    assert noise["raw"].mean() == pytest.approx(noise["chance"].mean(), abs=0.02)
    assert abs(noise["spread"]).max() < 0.06


def test_orders_are_all_asked_with_the_right_demonstrations(rng):
    from icl.ginc.family import default_family

    seen = set()

    def right(prompt):
        seen.add(tuple(int(token) - 2 for token in prompt[[0, 4, 8, 12]]))
        assert (prompt[[3, 7, 11, 15]] == 0).all()
        return True

    rows = order_outcomes(Follower(default_family(), right), ordered_examples(1, 5, rng))
    assert seen == set(ORDERS)
    assert len(rows) == 24 * 5
    assert rows["correct"].all()


def test_chance_spread_is_the_range_of_equal_means(rng):
    """For many queries the means are normal: the expected range of 24 is 3.895 standard deviations."""
    correct = (rng.random((2000, 24)) < 0.5).astype(float)
    assert chance_spread(correct, rng=rng) == pytest.approx(3.895 * 0.5 / np.sqrt(2000), rel=0.05)


def test_outcomes_ask_the_gold_label_after_each_number_of_examples(rng):
    from icl.ginc.exact import infer
    from icl.ginc.family import default_family
    from icl.ginc.sampling import sample_examples
    from probes.reproduction.experiments import asked_at
    from probes.scorers.ginc import ExactPredictor

    family = default_family()
    examples = sample_examples(family, num_prompts=6, num_examples=65, example_length=4, rng=rng)
    exact = ExactPredictor(family)
    bayes = exact(*asked_at(examples))
    rows = shot_outcomes(exact, examples, bayes)
    assert rows["kl"].abs().max() == 0
    assert (rows["correct"] == rows["ceiling_correct"]).all()
    for prompt, num_shots in ((0, 0), (3, 4), (5, 64)):
        parts = [token for example in examples.tokens[prompt, :num_shots] for token in (*example, 0)]
        text = np.array([*parts, *examples.tokens[prompt, num_shots, :-1]])
        guess = infer(family, text[None]).log_predictive[0, 0].argmax()
        row = rows[(rows["prompt"] == prompt) & (rows["num_shots"] == num_shots)]
        assert row["correct"].item() == (guess == examples.gold_labels[prompt, num_shots])
    table = cells(rows.assign(experiment=SEEN, model="oracle", example_length=4))
    assert len(table) == len(SHOTS)
    assert (table["share"].dropna() == 1).all()


def test_independent_differences_and_means_add_their_errors_in_quadrature():
    from icl.metrics.uncertainty import Estimate

    one = over_lengths("a", [Estimate(estimate=0.5, low=0.4, high=0.6)] * 4)
    assert (one.estimate, one.low, one.high) == pytest.approx((50, 45, 55))
    gap = difference("b", one, over_lengths("c", [Estimate(estimate=0.2, low=0.2 - 0.0, high=0.2)]))
    assert (gap.estimate, gap.low, gap.high) == pytest.approx((30, 25, 35))


@pytest.fixture
def model(tmp_path, monkeypatch) -> str:
    """An untrained decoder of one layer under a name of the zoo; two sets of demonstrations instead of ten."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from icl.ginc.family import default_family
    from probes.pretrain.checkpoint import save_checkpoint
    from probes.reproduction import execute, experiments

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=51,
        bos_token_id=50,
        eos_token_id=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=768,
    )
    save_checkpoint(tmp_path / "ginc-small", LlamaForCausalLM(config), default_family(), {})
    for module in (experiments, execute):
        monkeypatch.setattr(module, "SETS", 2)
    return str(tmp_path / "ginc-small")


def test_a_killed_reproduction_goes_on_and_ends_alike(tmp_path, model):
    asked = Reproduction(models=(model,), prompts=4)
    whole = reproduce(asked, tmp_path / "whole")

    def kill(what: str, done: int, total: int) -> None:
        if "unseen" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(asked, tmp_path / "killed", progress=kill)
    parts = sorted((tmp_path / "killed" / "parts").iterdir())
    assert len(parts) == len(EXAMPLE_LENGTHS)
    written = [part.stat().st_mtime_ns for part in parts]
    assert json.loads((tmp_path / "killed" / "reproduction.json").read_text())["state"] == "running"
    again = reproduce(asked, tmp_path / "killed")
    assert [part.stat().st_mtime_ns for part in parts] == written
    pd.testing.assert_frame_equal(again.cells, whole.cells)
    pd.testing.assert_frame_equal(again.spreads, whole.spreads)
    record = json.loads((tmp_path / "killed" / "reproduction.json").read_text())
    assert record["state"] == "finished"
    assert record["models"]["ginc-small"]["weights"]
    assert record["smoothing"] == 0.01


def test_an_interruption_in_the_first_moments_is_resumed(tmp_path, model):
    out = tmp_path / "run"
    out.mkdir()
    (out / ".lock").touch()
    (out / ".unfinished-123-0").write_text("{")
    assert reproduce(Reproduction(models=(model,), prompts=3), out).record["state"] == "running"
    assert json.loads((out / "reproduction.json").read_text())["state"] == "finished"


@pytest.mark.parametrize("documents", ["random", "single-concept"])
def test_a_model_of_other_documents_is_not_judged_as_one_of_the_mixture(tmp_path, model, capsys, documents):
    from pathlib import Path

    mine = Path(model).rename(tmp_path / "mine")
    (mine / "training.json").write_text(json.dumps({"options": {"documents": documents}}))
    assert main(["reproduce", "--out", str(tmp_path / "new"), "--models", str(mine)]) == 2
    error = capsys.readouterr().err
    assert f"model 'mine' was trained on {documents} documents (training.json) and cannot be judged" in error
    assert error.count("\n") == 1
    (mine / "training.json").write_text("[")
    with pytest.raises(UserError, match=r"training.json is missing or damaged"):
        reproduce(Reproduction(models=(str(mine),)), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_settings_and_strange_folders_are_refused(tmp_path, model, capsys):
    reproduce(Reproduction(models=(model,), prompts=3), tmp_path / "run")
    with pytest.raises(UserError, match=r"other settings \(prompts was 3, now 4\); choose another --out"):
        reproduce(Reproduction(models=(model,), prompts=4), tmp_path / "run")
    part = next((tmp_path / "run" / "parts").iterdir())
    part.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="is damaged .*; delete this file"):
        reproduce(Reproduction(models=(model,), prompts=3), tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, message in (
        (["--out", str(tmp_path / "full"), "--models", model], "is not empty and holds no reproduction"),
        (["--out", str(tmp_path / "new"), "--models", "ginc-smal"], "no model 'ginc-smal'"),
        (["--out", str(tmp_path / "new"), "--prompts", "1"], "--prompts must be at least 2"),
        (["--out", str(tmp_path / "new"), "--seed", "-1"], "--seed cannot be negative"),
    ):
        assert main(["reproduce", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_the_command_prints_every_claim_and_draws_figures(tmp_path, model, capsys):
    out = tmp_path / "run"
    assert main(["reproduce", "--out", str(out), "--models", model, "--prompts", "4"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for claim in CLAIMS:
        assert claim.sentence in printed
        assert claim.rule in printed
    assert "Exact Bayes smooths its transitions with ε = 0.01." in printed
    assert {"curves.png", "share.png", "ablations.png", "order_ginc-small.png"} <= {
        path.name for path in (out / "figures").iterdir()
    }
    scorecard = json.loads((out / "scorecard.json").read_text())
    assert [entry["claim_id"] for entry in scorecard] == [claim.claim_id for claim in CLAIMS]
    assert main(["reproduce", "--out", str(out), "--models", model, "--prompts", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == scorecard


def test_experiments_name_models_of_the_zoo_once():
    assert len(zoo()) == len(set(zoo())) == 8
