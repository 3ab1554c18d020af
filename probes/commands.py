"""What each command does: call the rooms, print what came of it."""

import json
import sys
import time
from argparse import Namespace
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from icl.errors import UserError, unknown_name
from icl.prompts.formats import FORMATS
from icl.prompts.label_modes import LABEL_MODE_MEANINGS
from icl.tasks.builtin import BUILTIN_TASKS
from probes.designs.catalogue import PROBES
from probes.runs.execute import execute
from probes.runs.experiment import Experiment, read_experiment
from probes.runs.folder import RunFolder, create_run, open_run
from probes.runs.plan import GINC, Plan, make_plan
from probes.scorers.catalogue import ORACLE, REFERENCES
from probes.scorers.controls import CONTROLS
from probes.scorers.huggingface_source import shipped_models
from probes.show import show

__all__ = ["COMMANDS", "DEMO"]

DEMO = Experiment(
    models=("ginc-small", ORACLE),
    task=GINC,
    probes=("shots", "label-correctness", "format"),
    queries=100,
    demonstration_sets=1,
)
"""The experiment of `probe demo`: everything in it comes with the lab."""

_KINDS = ("tasks", "labels", "formats", "probes", "models")


def demo(options: Namespace) -> None:
    """Run, fit and report the embedded experiment."""
    began = time.perf_counter()
    experiment = DEMO if options.queries is None else replace(DEMO, queries=options.queries)
    folder = _run(experiment, options.out)
    print()
    _fit(folder, draws=2000, tune=1000, chains=4, seed=0)
    print()
    _report(folder)
    print(f"The whole lab took {time.perf_counter() - began:.0f} s. Look at what a model saw: probe show --task ginc")


def list_(options: Namespace) -> None:
    """Print what there is, one line each."""
    kinds = [options.what] if options.what else list(_KINDS)
    if options.what and options.what not in _KINDS:
        raise unknown_name("kind of thing to list", options.what, _KINDS)
    found = {kind: _catalogue(kind) for kind in kinds}
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for kind, entries in found.items():
        if not options.what:
            print(f"\n{kind}")
        width = max(map(len, entries))
        for name, meaning in entries.items():
            print(f"  {name:{width}}  {meaning}" if not options.what else f"{name:{width}}  {meaning}")


def plan(options: Namespace) -> None:
    """Print the grid of a run and what it would cost."""
    experiment = _experiment(options)
    planned = make_plan(experiment)
    cells = Counter((p.demonstrations.label_mode, p.format, len(p.demonstrations)) for p in planned.prompts)
    questions = list({prompt.prompt_id: prompt for prompt in planned.prompts}.values())  # each is asked once
    costs = {
        scorer.name: (scorer.num_tokens(questions), scorer.estimated_seconds(questions)) for scorer in planned.scorers
    }
    if options.json:
        grid = [{"label_mode": m, "format": f, "shots": n, "prompts": count} for (m, f, n), count in cells.items()]
        models = {name: {"tokens": tokens, "seconds": seconds} for name, (tokens, seconds) in costs.items()}
        print(json.dumps({"prompts": len(planned.prompts), "grid": grid, "models": models}, indent=1))
        return
    print(f"{planned.task.name}: {planned.task.description}")
    print(f"{len(planned.prompts):,} prompts for each model:")
    grid = pd.Series(cells).rename_axis(["label mode", "format", "shots"]).unstack("shots").fillna(0).astype(int)
    print(grid.to_string())
    for name, (tokens, seconds) in costs.items():
        print(f"{name}: {tokens:,} tokens to read, roughly {_duration(seconds)}" if tokens else f"{name}: seconds")
    print("Nothing was run; use `probe run` with the same flags and --out.")


def run(options: Namespace) -> None:
    """Score a plan into a run folder and print its main numbers."""
    folder = _run(_experiment(options), options.out, quiet=options.json)
    if options.json:
        print(folder.metrics().to_json(orient="records", indent=1))
    else:
        print(f"Next: probe fit {folder.path}; probe report {folder.path}")


def fit(options: Namespace) -> None:
    """Fit the account to a run folder."""
    folder = open_run(options.run)
    folder.check_finished()
    if options.seed < 0:
        raise UserError(f"--seed cannot be negative, got {options.seed}; use 0 or more.")
    _fit(
        folder,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        seed=options.seed,
        as_json=options.json,
    )


def report(options: Namespace) -> None:
    """Write figures and page."""
    _report(open_run(options.run))


def ledger(options: Namespace) -> None:
    """Book the prompts of a GINC family exactly, and say what models infer from them."""
    from tqdm import tqdm

    from icl.ginc.family import default_family, load_family
    from probes.ledger.measure import LedgerQuestion, measure_ledger
    from probes.ledger.store import check_folder, write_ledger
    from probes.ledger.words import ledger_lines
    from probes.scorers.huggingface_ginc import HuggingFacePredictor

    check_folder(options.out)
    fields = LedgerQuestion.__dataclass_fields__
    question = LedgerQuestion(
        **{name: value for name, value in vars(options).items() if name in fields and value is not None}
    )
    world = load_family(options.family) if options.family else None
    predictors = [HuggingFacePredictor(name, family=world) for name in dict.fromkeys(options.models)]
    world = world or (predictors[0].family if predictors else default_family())
    total = len(question.example_lengths) * (len(predictors) + 2)
    with tqdm(total=total, unit="part", disable=options.json, mininterval=_progress_interval()) as bar:

        def progress(what: str) -> None:
            bar.set_description(what, refresh=False)
            bar.update()

        results = measure_ledger(world, predictors, question, progress=progress)
    write_ledger(options.out, results, question, predictors)
    if options.json:
        tables = (results.books, results.behaviour, results.temperatures, results.scores)
        names = ("books", "behaviour", "temperatures", "scores")
        print(json.dumps({name: json.loads(table.to_json(orient="records")) for name, table in zip(names, tables)}))
        return
    print("\n".join(ledger_lines(results, question)))
    print(f"Tables and figures: {options.out}")


def family(options: Namespace) -> None:
    """Draw a GINC family and save it."""
    import numpy as np

    from icl.ginc.family import DEFAULT_FAMILY_SEED, sample_family

    chosen = {name: value for name, value in vars(options).items() if value is not None}
    seed, out = chosen.pop("seed", DEFAULT_FAMILY_SEED), chosen.pop("out")
    del chosen["command"]
    if out.suffix != ".npz":
        raise UserError(f"a family is saved as an .npz file, got --out {out}; let it end in .npz.")
    if seed < 0:
        raise UserError(f"--seed cannot be negative, got {seed}; use 0 or more.")
    drawn = sample_family(rng=np.random.default_rng(seed), **chosen)
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(out)
    print(
        f"{out}: family {drawn.fingerprint} of {drawn.num_concepts} concepts, the first "
        f"{drawn.num_pretraining_concepts} in the pretraining mixture; {drawn.num_entities} × {drawn.num_properties} "
        f"states, {drawn.vocab_size} tokens."
    )


def pretrain(options: Namespace) -> None:
    """Train a model on GINC and write its checkpoint; goes on with a training that was killed."""
    from tqdm import tqdm

    from icl.ginc.family import default_family, load_family
    from probes.pretrain.checkpoint import save_checkpoint
    from probes.pretrain.options import PretrainOptions
    from probes.pretrain.train import pretrain as train
    from probes.pretrain.unfinished import UNFINISHED

    fields = PretrainOptions.__dataclass_fields__
    chosen = {name: value for name, value in vars(options).items() if name in fields and value is not None}
    training, out = PretrainOptions(**chosen), options.out
    if out.is_file() or (out.exists() and any(out.iterdir()) and not (out / UNFINISHED).exists()):
        raise UserError(f"{out} is not empty; choose another --out, or delete it first.")
    family = load_family(options.family) if options.family else default_family()
    with tqdm(total=training.tokens, unit="tok", unit_scale=True, mininterval=_progress_interval()) as bar:

        def progress(point) -> None:
            bar.update(point.tokens - bar.n)
            bar.set_postfix(loss=point.validation_loss)

        model, record = train(family, training, progress=progress, folder=out)
    command = "probe " + " ".join(sys.argv[1:])
    save_checkpoint(out, model, family, {"command": command} | record)
    last = record["curve"][-1]
    print(
        f"{out}: {record['parameters']:,} parameters, {last['tokens']:,} tokens in "
        f"{_duration(last['seconds'])}; validation loss {last['validation_loss']:.4f} nats a token, exact Bayes "
        f"{record['bayes_validation_loss']:.4f}."
    )


def reproduce(options: Namespace) -> None:
    """Ask the published experiments again, print the scorecard and write figures."""
    from tqdm import tqdm

    from probes.report.reproduction_figures import write_figures
    from probes.reproduction.execute import reproduce as ask
    from probes.reproduction.experiments import Reproduction
    from probes.reproduction.words import scorecard_lines

    asked = Reproduction(models=tuple(options.models), prompts=options.prompts, seed=options.seed)
    bars: list[tqdm] = []

    def progress(what: str, done: int, total: int) -> None:
        if not bars:
            interval = _progress_interval()
            bars.append(tqdm(total=total, unit="tok", unit_scale=True, disable=options.json, mininterval=interval))
        bars[0].set_description(what, refresh=False)
        bars[0].update(done - bars[0].n)

    try:
        results = ask(asked, options.out, progress=progress)
    finally:
        for bar in bars:
            bar.close()
    write_figures(results, options.out)
    if options.json:
        print(json.dumps([verdict.as_dict() for verdict in results.verdicts], indent=1, ensure_ascii=False))
        return
    print("\n".join(scorecard_lines(results)))
    print(f"Tables and figures: {options.out}")


COMMANDS = {
    "demo": demo,
    "list": list_,
    "show": show,
    "plan": plan,
    "run": run,
    "fit": fit,
    "report": report,
    "reproduce": reproduce,
    "ledger": ledger,
    "family": family,
    "pretrain": pretrain,
}
"""Command's name → function of the parsed options."""


def _experiment(options: Namespace) -> Experiment:
    """Read the experiment from its file, or from the flags."""
    flags: dict[str, Any] = {
        name: getattr(options, name) for name in Experiment.__slots__ if getattr(options, name, None) is not None
    }
    if options.experiment is not None:
        if flags:
            name = next(iter(flags)).rstrip("s").replace("_", "-")
            raise UserError(f"--{name} does not go with an experiment file; write it into {options.experiment}.")
        return read_experiment(options.experiment)
    for flag, name in (("--model", "models"), ("--task", "task")):
        if name not in flags:
            raise UserError(f"{flag} is missing; name one (`probe list {name.rstrip('s')}s`), or an experiment file.")
    return Experiment(**flags | {"models": tuple(flags["models"])})


def _run(experiment: Experiment, out: Path, *, quiet: bool = False) -> RunFolder:
    from tqdm import tqdm

    planned = make_plan(experiment)
    folder = create_run(out, experiment)
    bars: dict[str, tqdm] = {}

    def progress(model: str, done: int, total: int) -> None:
        if model not in bars:
            bars[model] = tqdm(total=total, desc=model, unit="prompt", disable=quiet, mininterval=_progress_interval())
        bars[model].update(done - bars[model].n)

    if not quiet:
        print(
            f"{len(planned.prompts):,} prompts of task '{planned.task.name}' for {_names(planned)} → {out}", flush=True
        )
    try:
        metrics = execute(folder, planned, progress=progress)
    finally:
        for bar in bars.values():
            bar.close()
    if not quiet:
        _print_metrics(metrics)
    return folder


def _print_metrics(metrics: pd.DataFrame) -> None:
    """Print accuracy by condition, and how gold labels compare with the others."""
    accuracy = metrics[metrics["metric"] == "accuracy"]
    keys = ["model", "example_length", "format", "label_mode"]
    keys = [key for key in keys if accuracy[key].notna().any()]
    wide = accuracy.pivot(index=keys, columns="num_shots", values="estimate")
    order = accuracy[keys].drop_duplicates()
    print("\naccuracy in percent, by number of shots")
    print((100 * wide.loc[list(order.itertuples(index=False, name=None))]).round(1).to_string(na_rep=""))
    gaps = metrics[(metrics["metric"] == "gap") & (metrics["score"] == "accuracy")]
    if not gaps["model"].isin(REFERENCES).all():
        gaps = gaps[~gaps["model"].isin(REFERENCES)]
    for gap in gaps.itertuples():
        print(
            f"{gap.model}, {gap.format}, {gap.num_shots} shots: {gap.contrast} = {100 * gap.estimate:+.1f} points "
            f"(90 % interval {100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
        )


def _fit(folder: RunFolder, *, draws: int, tune: int, chains: int, seed: int, as_json: bool = False) -> None:
    from icl.concept.counts import counts_from_scores
    from icl.concept.diagnose import diagnose, posterior_predictive_check
    from icl.concept.fit import fit as fit_account
    from icl.concept.summary import summarise

    counts = counts_from_scores(folder.scores())
    if not as_json:
        print(f"Fitting the signal-versus-noise account to {len(counts)} cells …", flush=True)
    tree = fit_account(counts, draws=draws, tune=tune, chains=chains, seed=seed, progress=False)
    folder.write_posterior(tree)
    summary, diagnosis = summarise(tree), diagnose(tree)
    inside = posterior_predictive_check(tree)
    if as_json:
        print(summary.to_json(orient="records", indent=1))
        return
    print("\nnats per demonstration: median and 90 % interval")
    print(_readable(summary).to_string(index=False))
    for sentence in diagnosis.sentences:
        print(sentence)
    print(inside.attrs["sentence"])


def _readable(summary: pd.DataFrame) -> pd.DataFrame:
    """Write a fit's summary for people: one column a quantity, with its interval."""
    table = summary[["model", "condition"]].copy()
    for name in ("signal", "noise", "drift"):
        ends = zip(summary[name], summary[f"{name}_lower"], summary[f"{name}_upper"])
        table[name] = [f"{middle:.2f} [{low:.2f}, {high:.2f}]" for middle, low, high in ends]
    table["P(signal > noise)"] = summary["prob_signal_exceeds_noise"].map("{:.3f}".format)
    table["signal and noise told apart"] = summary["separately_identified"].map({True: "yes", False: "no: read drift"})
    return table


def _report(folder: RunFolder) -> None:
    from probes.report.page import write_report

    print(f"Report: {write_report(folder)}")


def _catalogue(kind: str) -> dict[str, str]:
    if kind == "tasks":
        tasks = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in BUILTIN_TASKS.items()}
        return {GINC: "continue a sequence of a hidden Markov concept (Xie et al. 2022)"} | tasks
    if kind == "labels":
        return dict(LABEL_MODE_MEANINGS)
    if kind == "formats":
        return {name: repr(format.example()) for name, format in FORMATS.items()}
    if kind == "probes":
        return {name: probe.question for name, probe in PROBES.items()}
    shipped = {name: "a small decoder trained on the lab's GINC family" for name in shipped_models()}
    controls = {name: (rule.__doc__ or "").splitlines()[0] for name, rule in CONTROLS.items()}
    return shipped | {ORACLE: "exact Bayes on GINC, the ceiling of every GINC plot"} | controls


def _progress_interval() -> float:
    """Seconds between two states of a progress bar: few lines where they go to a log."""
    return 0.5 if sys.stderr.isatty() else 20.0


def _names(planned: Plan) -> str:
    return ", ".join(scorer.name for scorer in planned.scorers)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
