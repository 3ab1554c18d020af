"""Ask every experiment of every model into a folder, part by part, resuming where an earlier start stopped."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from icl.errors import UserError
from icl.ginc.family import GincFamily, default_family
from icl.ginc.sampling import GincExamples
from probes import disk
from probes.reproduction.claims import Verdict, judge_all
from probes.reproduction.experiments import (
    EXAMPLE_LENGTHS,
    EXPERIMENTS,
    ORDERS,
    SETS,
    SHOTS,
    Experiment,
    Reproduction,
    asked_at,
    draw_examples,
    num_order_queries,
    zoo,
)
from probes.reproduction.judges import ABLATED
from probes.reproduction.orders import order_accuracies, order_spreads
from probes.reproduction.outcomes import OUTCOME_KEYS, cells, order_outcomes, shot_outcomes
from probes.reproduction.store import open_folder, read_part, start_record, store_results
from probes.runs.folder import RunFolder
from probes.scorers.ginc import ExactPredictor, GincPredictor
from probes.scorers.huggingface_source import find_model, shipped_models

__all__ = ["Results", "missing_models", "reproduce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that came of it: tables, verdicts, and the record of how they were made."""

    cells: pd.DataFrame
    orders: pd.DataFrame
    spreads: pd.DataFrame
    verdicts: list[Verdict]
    record: dict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    experiment: Experiment
    predictor: GincPredictor
    example_length: int

    @property
    def file(self) -> str:
        return f"{self.experiment.name}_{self.predictor.name}_k{self.example_length}.parquet"

    def num_tokens(self, asked: Reproduction) -> int:
        """Tokens that the model reads: what the parts are weighed by."""
        if self.experiment.asks == "orders":
            return SETS * len(ORDERS) * num_order_queries(asked.prompts) * self.example_length
        return asked.prompts * (SHOTS[-1] + 1) * (self.example_length + 1)


def missing_models() -> list[str]:
    """List the models of the experiments that do not come with this lab."""
    return [name for name in zoo() if name not in shipped_models()]


def reproduce(asked: Reproduction, out: Path, *, progress: Callable[[str, int, int], None] | None = None) -> Results:
    """Run what `out` does not hold yet, judge the claims, and store tables and scorecard there.

    Parameters
    ----------
    progress
        Called with (what is under way, tokens done, tokens in all).

    Raises
    ------
    UserError
        If a model cannot be asked, or `out` holds a reproduction with other settings, weights, or something else.
    """
    predictors = _predictors(asked)
    parts = _parts(predictors, asked)
    folder = open_folder(out, asked, predictors)
    with RunFolder(folder).locked():
        record = start_record(folder, asked, predictors, missing_models())
        began = time.perf_counter()
        _run(folder, parts, asked, progress)
        stored = {part.file: read_part(folder / "parts" / part.file) for part in parts}
        results = _judge(parts, stored, record | {"seconds": round(record["seconds"] + time.perf_counter() - began, 1)})
        tables = {"cells": results.cells, "orders": results.orders, "spreads": results.spreads}
        store_results(folder, tables, results.verdicts, results.record)
    return results


def _predictors(asked: Reproduction) -> list[GincPredictor]:
    """Open every model; each is checked against the prompts that it will be asked."""
    from probes.scorers.huggingface_ginc import HuggingFacePredictor

    names = asked.models or tuple(name for name in zoo() if name in shipped_models())
    if not names:
        raise UserError("no GINC model is shipped with this lab; name a GINC checkpoint with --models.")
    predictors = [HuggingFacePredictor(name) for name in dict.fromkeys(names)]
    for name in dict.fromkeys(names):
        _check_documents(name)
    longest = (SHOTS[-1] + 1) * (EXAMPLE_LENGTHS[-1] + 1) - 2
    for predictor in predictors:
        predictor.check_length(longest)
        own = any(e.own_family and predictor.name in e.models for e in EXPERIMENTS.values())
        if not own and not predictor.family.is_same(default_family()):
            raise UserError(
                f"model '{predictor.name}' was trained on a different GINC family ({predictor.family.fingerprint}) "
                f"than the lab's own ({default_family().fingerprint}), which is asked here; use `probe run` with "
                "--family."
            )
    if len({predictor.name for predictor in predictors}) < len(predictors):
        raise UserError("two of --models have the same name; rename one of the folders.")
    return [*predictors]


def _check_documents(model: str) -> None:
    """Refuse a checkpoint that would be judged as trained on the mixture of concepts and was not."""
    from probes.pretrain.checkpoint import RECORD_FILE

    source = find_model(model)
    record = Path(source.location) / RECORD_FILE
    try:
        # Records without the entry are older than the choice of documents.
        documents = json.loads(record.read_text(encoding="utf-8")).get("options", {}).get("documents", "mixture")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            f"{record} is missing or damaged ({error}); name a shipped model, or a folder that `probe pretrain` wrote."
        ) from error
    if source.name not in ABLATED and documents != "mixture":
        raise UserError(
            f"model '{source.name}' was trained on {documents} documents ({RECORD_FILE}) and cannot be judged as "
            "trained on the mixture of concepts; leave it out of --models."
        )


def _parts(predictors: list[GincPredictor], asked: Reproduction) -> list[_Part]:
    """List the parts, those that share prompts one after the other; orders are asked of exact Bayes as well."""
    by_name = {predictor.name: predictor for predictor in predictors}
    parts = []
    for experiment in EXPERIMENTS.values():
        if asked.experiments and experiment.name not in asked.experiments:
            continue
        chosen = [by_name[name] for name in experiment.models if name in by_name]
        if experiment.name == "seen-concepts":
            chosen += [predictor for predictor in predictors if predictor.name not in zoo()]
        if chosen and experiment.asks == "orders":
            chosen.append(ExactPredictor(chosen[0].family, smoothing=asked.smoothing))
        for length in EXAMPLE_LENGTHS:
            parts += [_Part(experiment=experiment, predictor=one, example_length=length) for one in chosen]
    return parts


def _run(
    folder: Path, parts: list[_Part], asked: Reproduction, progress: Callable[[str, int, int], None] | None
) -> None:
    store = disk.make_folder(folder / "parts")
    total, done = sum(part.num_tokens(asked) for part in parts), 0
    prompts = _Prompts(asked)
    for part, following in zip_longest(parts, parts[1:]):
        if progress:
            progress(f"{part.predictor.name}, {part.experiment.name}, k={part.example_length}", done, total)
        if not (store / part.file).exists():
            disk.write_whole(store / part.file, _ask(part, prompts).to_parquet())
        if following is None or following.predictor is not part.predictor:
            part.predictor.close()  # one model's weights at a time
        done += part.num_tokens(asked)
    if progress:
        progress("done", done, total)


def _ask(part: _Part, prompts: "_Prompts") -> pd.DataFrame:
    examples, bayes = prompts.draw(part.experiment, part.predictor.family, part.example_length)
    if bayes is None:
        return order_outcomes(part.predictor, examples)
    return shot_outcomes(part.predictor, examples, bayes)


class _Prompts:
    """Prompts and exact Bayes's answers of the latest draw, since models that share them are asked in a row."""

    def __init__(self, asked: Reproduction):
        self._asked = asked
        self._key: tuple = ()
        self._drawn: tuple[GincExamples, Float[ndarray, "num_prompts num_shots vocab_size"] | None]

    def draw(
        self, experiment: Experiment, family: GincFamily, example_length: int
    ) -> tuple[GincExamples, Float[ndarray, "num_prompts num_shots vocab_size"] | None]:
        key = (experiment, family.fingerprint, example_length)
        if key != self._key:
            asked = self._asked
            examples = draw_examples(
                experiment, family, example_length=example_length, num_prompts=asked.prompts, seed=asked.seed
            )
            bayes = None
            if experiment.asks != "orders":
                bayes = ExactPredictor(family, smoothing=asked.smoothing)(*asked_at(examples))
            self._key, self._drawn = key, (examples, bayes)
        return self._drawn


def _judge(parts: list[_Part], stored: dict[str, pd.DataFrame], record: dict) -> Results:
    def joined(asks_orders: bool, columns: list[str]) -> pd.DataFrame:
        chosen = [part for part in parts if (part.experiment.asks == "orders") == asks_orders]
        if not chosen:
            return pd.DataFrame(columns=[*OUTCOME_KEYS, *columns])
        frames = []
        for part in chosen:
            keys = (part.experiment.name, part.predictor.name, part.example_length)
            frames.append(stored[part.file].assign(**dict(zip(OUTCOME_KEYS, keys))))
        return pd.concat(frames, ignore_index=True)

    outcomes = joined(False, ["prompt", "num_shots", "correct", "ceiling_correct", "kl"])
    ordered = joined(True, ["set", "query", "order", "correct"])
    spreads = order_spreads(ordered)
    return Results(
        cells=cells(outcomes),
        orders=order_accuracies(ordered),
        spreads=spreads,
        verdicts=judge_all(outcomes, spreads),
        record=record,
    )
