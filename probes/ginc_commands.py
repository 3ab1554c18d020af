"""What the commands of the synthetic world do: `reproduce`, `ledger`, `family`, `pretrain`."""

import json
import sys
from argparse import Namespace

from icl.errors import UserError
from probes import disk
from probes.layout import print_lines
from probes.progress import duration, phase
from probes.shell import shell_join

__all__ = ["family", "ledger", "pretrain", "reproduce"]


def reproduce(options: Namespace) -> None:
    """Ask the published experiments again, print the scorecard and write figures."""
    with phase("importing PyTorch and Transformers"):
        from probes.report.reproduction_figures import write_figures
        from probes.reproduction.execute import reproduce as ask
        from probes.reproduction.experiments import Reproduction
        from probes.reproduction.words import scorecard_lines

    asked = Reproduction(
        models=tuple(options.models),
        experiments=tuple(options.experiments),
        prompts=options.prompts,
        seed=options.seed,
    )
    with phase("asking models", unit="token") as told:

        def progress(what: str, done: int, total: int) -> None:
            told.note(what)
            told(done, total)

        results = ask(asked, options.out, progress=progress)
    with phase("drawing figures"):
        write_figures(results, options.out)
    if options.json:
        print(json.dumps([verdict.as_dict() for verdict in results.verdicts], indent=1, ensure_ascii=False))
        return
    print("\n".join(scorecard_lines(results)))
    print_lines([f"Tables and figures: {options.out}"])


def ledger(options: Namespace) -> None:
    """Book the prompts of a GINC family exactly, and say what models infer from them."""
    with phase("importing PyTorch and Transformers"):
        from icl.ginc.family import load_family
        from probes.ledger.measure import LedgerQuestion, check_predictors, measure_ledger
        from probes.ledger.store import open_folder, write_ledger
        from probes.ledger.words import ledger_lines
        from probes.scorers.huggingface_ginc import HuggingFacePredictor

    fields = LedgerQuestion.__dataclass_fields__
    question = LedgerQuestion(
        **{name: value for name, value in vars(options).items() if name in fields and value is not None}
    )
    with phase("loading models"):
        predictors = [HuggingFacePredictor(name) for name in dict.fromkeys(options.models)]
        world = load_family(options.family) if options.family else predictors[0].family
        check_predictors(world, predictors)
        for predictor in predictors:
            predictor.check_length(question.longest_prompt)
        open_folder(options.out, question, world, predictors)
    total = len(question.example_lengths) * (len(predictors) + 2)
    with phase("measuring") as told:

        def progress(what: str) -> None:  # called before each part
            told(told.done + bool(told.details), total)
            told.note(what)

        results = measure_ledger(world, predictors, question, progress=progress)
    with phase("drawing figures"), disk.rescued():
        write_ledger(options.out, results)
    if options.json:
        names = ("books", "competitors", "behaviour", "temperatures", "scores")
        print(json.dumps({name: json.loads(getattr(results, name).to_json(orient="records")) for name in names}))
        return
    print("\n".join(ledger_lines(results, question)))
    print_lines([f"Tables and figures: {options.out}"])


def family(options: Namespace) -> None:
    """Draw a GINC family and save it; without options that is the lab's own."""
    import numpy as np

    from icl.ginc.family import DEFAULT_FAMILY_SEED, default_family, sample_family

    chosen = {name: value for name, value in vars(options).items() if value is not None}
    seed, out = chosen.pop("seed", DEFAULT_FAMILY_SEED), chosen.pop("out")
    del chosen["command"]
    if out.suffix != ".npz":
        raise UserError(f"a family is saved as an .npz file, got --out {out}; let it end in .npz.")
    if seed < 0:
        raise UserError(f"--seed cannot be negative, got {seed}; use 0 or more.")
    is_own = not chosen and seed == DEFAULT_FAMILY_SEED
    drawn = default_family() if is_own else sample_family(rng=np.random.default_rng(seed), **chosen)
    disk.make_folder(out.parent)
    disk.write_whole(out, drawn.npz())
    said = (
        f"{out}: family {drawn.fingerprint} of {drawn.num_concepts} concepts, the first "
        f"{drawn.num_pretraining_concepts} in the pretraining mixture; {drawn.num_entities} × {drawn.num_properties} "
        f"states, {drawn.vocab_size} tokens."
    )
    print_lines([said])


def pretrain(options: Namespace) -> None:
    """Train a model on GINC and write its checkpoint; goes on with a training that was killed."""
    with phase("importing PyTorch and Transformers"):
        from icl.ginc.family import default_family, load_family
        from probes.pretrain.checkpoint import RECORD_FILE, save_checkpoint
        from probes.pretrain.options import PretrainOptions
        from probes.pretrain.train import pretrain as train
        from probes.pretrain.unfinished import UNFINISHED
        from probes.runs.folder import RunFolder

    fields = PretrainOptions.__dataclass_fields__
    chosen = {name: value for name, value in vars(options).items() if name in fields and value is not None}
    training, out = PretrainOptions(**chosen), options.out
    state = out / UNFINISHED
    goes_on = state.exists() and not (out / RECORD_FILE).exists()
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not goes_on):
        raise UserError(f"{out} is not empty; choose another --out, or delete it first.")
    family = load_family(options.family) if options.family else default_family()
    if goes_on:
        print_lines(
            [f"{out} holds an unfinished training: it goes on from its last saved state, if it came to save one."]
        )
    disk.make_folder(state)
    with RunFolder(state).locked():
        with phase("training", unit="token") as told:

            def progress(point) -> None:
                told(point.tokens, training.tokens)
                told.note(f"loss {point.validation_loss:.3f}")

            model, record = train(family, training, progress=progress, folder=out)
        save_checkpoint(out, model, family, {"command": shell_join(["probe", *sys.argv[1:]])} | record)
    last = record["curve"][-1]
    said = (
        f"{out}: {record['parameters']:,} parameters, {last['tokens']:,} tokens in "
        f"{duration(last['seconds'])}; validation loss {last['validation_loss']:.4f} nats a token, exact Bayes "
        f"{record['bayes_validation_loss']:.4f}."
    )
    print_lines([said])
