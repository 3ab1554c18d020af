"""Small runs, fits and metrics tables for tests of the report."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from metric_rows import with_sides

from icl.metrics.assemble import metrics_table
from probes.findings.selection import Setting
from probes.report.words import answers
from probes.runs.artefacts import FIT, stamp_of_run
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.scorers.scorer import Answer, LabelAnswer, Scorer

HOSTILE = "<script>alert(1)</script>"


SETTING = Setting(format="qa", example_length=None, num_shots=4)


class Follower(Scorer):
    """Gives the gold label most of its weight, the more often the more right labels are shown."""

    name = "follower"

    def __call__(self, prompts):
        rng = np.random.default_rng(0)
        scores = []
        for prompt in prompts:
            num_shots = len(prompt.demonstrations)
            right = num_shots - (prompt.demonstrations.num_wrong_shown or 0)
            gold = [candidate.label == prompt.gold_label for candidate in prompt.candidates]
            weights = rng.random(len(gold)) + (rng.random() < 0.3 + 0.15 * right) * np.array(gold) * 2
            scores.append(np.log(weights / weights.sum()))
        scores[0][:] = np.nan
        return np.array(scores)

    def answer(self, prompts, *, progress=None):
        for index, row in enumerate(self(prompts)):
            clean = index % 4 > 0
            told = [LabelAnswer(v, 1, clean, v, reason="no number" if np.isnan(v) else "") for v in row.tolist()]
            yield index, Answer.of(told)


def copy_of(
    run: RunFolder, path: Path, *, scores: pd.DataFrame, metrics: pd.DataFrame, task: str = "sentiment", **manifest
) -> RunFolder:
    """A run folder with other scores and their metrics, as if they had been run."""
    folder = create_run(path, replace(run.experiment, task=task))
    told = {name: value for name, value in run.manifest.items() if name != "stored"}  # of the other scores
    folder.write_manifest(told | {"task": task} | manifest)
    folder.add_scores(scores)
    folder.write_metrics(metrics)
    return folder


def with_fit(folder: RunFolder, tree: xr.DataTree, name: str = "drift-diffusion.counts") -> None:
    """Put a fit of the scores that a folder holds into it."""
    tree.attrs |= stamp_of_run(folder.path, "sum")
    (folder.path / "fits").mkdir(exist_ok=True)
    FIT.write(folder.path / "fits" / f"{name}.nc", tree)


def fitted(model: str, *, lengths: tuple = (None,), agree: bool = True, noise: float = 0.3) -> xr.DataTree:
    """A hand-made fit in the layout of `icl.concept.fit.fit`: gold labels, format qa, 0 and 4 shots."""
    rng = np.random.default_rng(1)
    num_draws, count = 1000, len(lengths)
    draws = ("chain", "draw")
    conditions = [f"gold | qa | k={length}" for length in lengths]
    coords = {"model": [model], "condition": conditions, "example_length": [str(n or "none") for n in lengths]}
    coords |= {"format": ["qa"]}

    def quantities(spread):
        signal = 1.3 + spread * rng.standard_normal((2, num_draws, 1, count))
        noisy = noise + spread * rng.standard_normal((2, num_draws, 1, count))
        signal[0] += 0 if agree else 5
        dims = (*draws, "model", "condition")
        start = (*draws, "model", "format", "example_length")
        return xr.Dataset(
            {"signal": (dims, signal), "noise": (dims, noisy), "drift": (dims, signal - noisy)}
            | {"start_log_odds": (start, rng.standard_normal((2, num_draws, 1, 1, count)))},
            coords=coords,
        )

    tokens = [float(n or 1) for n in lengths]
    cells = {
        "cell_model": ("cell", [model] * 2 * count),
        "cell_series": ("cell", [model] * 2 * count),
        "cell_condition": ("cell", [place for number in range(count) for place in (-1, number)]),
        "cell_demonstration_set": ("cell", ["every"] * 2 * count),
        "chance": ("cell", [0.5] * 2 * count),
        "cell_task": ("cell", ["sentiment"] * 2 * count),
        "cell_label_mode": ("cell", ["zero_shot", "gold"] * count),
        "cell_format": ("cell", ["qa"] * 2 * count),
        "cell_example_length": ("cell", [float(n or np.nan) for n in lengths for _ in range(2)]),
        "num_shots": ("cell", [0, 4] * count),
        "num_correct": ("cell", [10, 15] * count),
        "num_prompts": ("cell", [24, 24] * count),
        "condition_label_mode": ("condition", ["gold"] * count),
        "condition_format": ("condition", ["qa"] * count),
        "condition_example_length": ("condition", [float(n or np.nan) for n in lengths]),
        "condition_tokens": ("condition", tokens),
        "observed": (("model", "condition"), np.ones((1, count), dtype=bool)),
    }
    again = rng.binomial(24, 0.6, (2, num_draws, 2 * count))
    tree = xr.DataTree.from_dict(
        {
            "prior": quantities(1.0),
            "posterior": quantities(0.05),
            "posterior_predictive": xr.Dataset({"num_correct": ((*draws, "cell"), again)}),
            "sample_stats": xr.Dataset({"diverging": (draws, np.zeros((2, num_draws), dtype=bool))}),
            "observed_data": xr.Dataset({"num_correct": cells["num_correct"]}),
            "constant_data": xr.Dataset(cells, coords={"model": [model], "condition": conditions}),
        }
    )
    tree.attrs = {"account": "drift-diffusion", "observe": "counts", "models": json.dumps([model])}
    return tree


def row(metric: str, estimate: float, low: float, high: float, **columns) -> dict:
    return with_sides(
        {
            "model": "small",
            "task": "films",
            "metric": metric,
            "score": "accuracy",
            "contrast": "",
            "normalisation": "sum",
            "label_mode": "gold",
            "input_mode": "task",
            "balance": "balanced",
            "format": "qa",
            "num_shots": 4,
            "example_length": None,
            "estimate": estimate,
            "standard_error": (high - low) / 3.3,
            "low": low,
            "high": high,
            "degrees": 20.0,
            "unit": "share",
            "resolution": 0.01,
            "num_prompts": 100,
            "num_queries": 50,
            "num_demonstration_sets": 2,
            "reason": "",
        }
        | columns
    )


def made(gap: tuple, *extra: dict, **columns) -> pd.DataFrame:
    """A metrics table with one label gap."""
    levels = [row("accuracy", 0.7, 0.6, 0.8), row("accuracy", 0.7, 0.6, 0.8, label_mode="random")]
    levels.append(row("accuracy", 0.6, 0.5, 0.7, format="arrow"))
    names = {"label_mode": "random", "contrast": "gold − random"} | columns
    return metrics_table([*levels, row("gap", *gap, **names), *extra])


def said(metrics: pd.DataFrame, topic: str) -> str:
    [answer] = answers(metrics)
    return next(sentence.text for sentence in answer.sentences if sentence.topic == topic)


def assert_self_contained(html: str) -> None:
    for forbidden in ("http://", "https://", "<script", "@import", "<link", "url("):
        assert forbidden not in html
    sources = re.findall(r"""src\s*=\s*["']([^"']{0,30})""", html)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
