"""The command line: parse, call, print. Heavy libraries are imported by the command that needs them."""

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NoReturn

from icl.errors import UserError, unknown_name
from probes import flag_values as values
from probes.concept_flags import add_calibrate, add_compare, add_fit
from probes.opening import open_phases
from probes.output import prepare_output
from probes.places import folders_in_place_of_home
from probes.progress import phase, say, showing
from probes.stopping import Stopped, stoppable

__all__ = ["main"]

_DESCRIPTION = "Probe why in-context learning works in a language model: labels, formats, shots, signal and noise."

EXIT_STATUSES = (
    "exit status: 0 done; 1 the self-test found a wrong number; 2 the command, a file or a server is at fault, as one "
    "sentence says; 3 a fit did not converge (what it computed is stored); 130 interrupted."
)
"""What the status says; the end of every help text."""


_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
"""Threads that wait sleep: spinning, they take twice the time of a machine that has other work to do. The matrices that
NumPy multiplies here are too small to be shared among threads; PyTorch has threads of its own."""

_BARS = {"TQDM_DISABLE": "1"}
"""Bars of other libraries, such as that of Transformers converting GGUF, stay away: phases tell what takes time."""

_AFTER_AN_INTERRUPT = dict.fromkeys(
    ("run", "demo", "reproduce", "calibrate"), "what was scored is stored, the same command goes on from there"
) | {"pretrain": "the same command goes on from the last saved state (three a minute at most), if there is one yet"}
"""What a command that was interrupted has kept, if it does not say more itself; the others keep nothing."""

_OF_A_FULL_DISK = (errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))

_CLOSED_PIPE = errno.EINVAL if os.name == "nt" else errno.EPIPE
"""What writing to a reader that has gone ends in, where it is no `BrokenPipeError`."""

_NOTHING_KEPT = "the same command starts anew"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, see `EXIT_STATUSES`.

    Called with arguments, as from Python, it prints results and tells no phases.
    """
    command = ""
    warnings.showwarning = _say
    prepare_output()
    if arguments is None:  # before anything heavy is imported
        for name, value in (_THREADS | _BARS | folders_in_place_of_home()).items():
            os.environ.setdefault(name, value)
    try:
        options = _parser().parse_args(arguments)
        command = options.command
        prepare_output(as_json=getattr(options, "json", False))
        shown = open_phases(options) if arguments is None else None
        with stoppable() if arguments is None else nullcontext(), showing(shown):
            with phase("importing libraries"):
                from probes import commands
            status = commands.COMMANDS[command](options) or 0
            sys.stdout.flush()  # where that fails it is said, and not by Python's last breath
            return status
    except UserError as error:
        _end(" ".join([str(error), *getattr(error, "__notes__", ())]))
        return 2
    except KeyboardInterrupt as error:
        kept = " ".join(getattr(error, "__notes__", ())) or f"{_AFTER_AN_INTERRUPT.get(command, _NOTHING_KEPT)}."
        _end(f"interrupted; {kept}")
        return error.status if isinstance(error, Stopped) else 130
    except BrokenPipeError:
        _close_quietly()
        return 0
    except OSError as error:
        if error.filename is None and error.errno == _CLOSED_PIPE:
            _close_quietly()
            return 0
        if error.filename is None and error.errno not in _OF_A_FULL_DISK:
            raise
        what = "the output" if error.filename is None else error.filename
        _close_quietly()
        _end(f"{what} cannot be used ({error.strerror}); check that it exists, may be read and written, and has space.")
        return 2


def _end(sentence: str) -> None:
    """Say why a command ends; where nobody listens any more, such as a terminal that was closed, that is all right."""
    with suppress(OSError, ValueError):
        print(f"probe: {sentence}", file=sys.stderr, flush=True)


def _close_quietly() -> None:
    """Whoever read the output has gone: let nothing be written to it at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: Warning | str, category: type[Warning], filename: str, lineno: int, file=None, line=None) -> None:
    """Print a warning of the lab's own as a note, any other as usual."""
    own = Path(filename).is_relative_to(Path(__file__).parent)
    text = f"probe: {message}" if own else warnings.formatwarning(message, category, filename, lineno, line)
    say(text.rstrip("\n"))


_ALSO = {
    "--formats": "--format",
    "--format": "--formats",
    "--label-modes": "--label-mode",
    "--label-mode": "--label-modes",
    "--input-modes": "--input-mode",
    "--input-mode": "--input-modes",
    "--balances": "--balance",
    "--balance": "--balances",
    "--methods": "--method",
    "--method": "--methods",
    "--probe": "--probes",
    "--normalisation": "--normalization",
    "--colour": "--color",
}
"""Flag → its other spelling: one or several, British or American."""

_METAVARS = {
    int: "N",
    float: "X",
    Path: "PATH",
    values.names: "A,B",
    values.whole_numbers: "N,N",
    values.count: "N",
    values.orders: "N",
}
"""What a flag takes → its name in the help; others are called after the flag."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def add_argument(self, *names, **options):
        """Take the other spellings of a flag as well, and name its value in one word."""
        names += tuple(other for name in names if (other := _ALSO.get(name)))
        takes_value = options.get("action", "store") in ("store", "append") and "choices" not in options
        if takes_value and names[0].startswith("-") and "metavar" not in options:
            options["metavar"] = _METAVARS.get(options.get("type", str)) or names[0].rpartition("-")[2].upper()
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message.rstrip('.')}; see `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            raise unknown_name(action.dest, str(value), action.choices)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="probe", description=_DESCRIPTION, epilog=EXIT_STATUSES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    demo = commands.add_parser("demo", help="the whole lab offline: GINC, the shipped model, fit and report")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder (default: %(default)s)")
    demo.add_argument("--queries", type=int, default=None, help="prompts a condition (default: 100)")

    list_ = commands.add_parser("list", help="what there is: tasks, labels, formats, probes, models")
    list_.add_argument("what", nargs="?", metavar="WHAT", help="tasks, labels, inputs, formats, probes, …")
    _add_json(list_)

    show = commands.add_parser("show", help="the exact text that a model would see for one condition")
    _add_task(show)
    show.add_argument("--label-mode", default="gold", help="how shown labels are made (default: %(default)s)")
    show.add_argument("--format", default=None, help="how the prompt is written down (default: the probe's)")
    show.add_argument("--shots", type=int, default=4, help="demonstrations (default: %(default)s)")
    show.add_argument("--model", default=None, help="also show this model's tokens")
    show.add_argument("--colour", choices=("auto", "always", "never"), default="auto", help="colour the prompt's parts")
    show.add_argument("--input-mode", default="task", help="task, ood or none (default: %(default)s)")
    show.add_argument("--corpus", default=None, help="sentences for input mode ood (default: the built-in corpus)")
    show.add_argument("--balance", default="balanced", help="balanced, as-drawn or skewed(p) (default: %(default)s)")
    show.add_argument("--order", type=int, default=0, help="number of the order of the demonstrations (default: 0)")
    show.add_argument("--option-order", type=int, default=0, help="places by which listed options are rotated")
    show.add_argument("--method", default="direct", help="direct, or channel: the input scored behind each label")
    show.add_argument("--chat", action="store_true", help="with --model: its chat template around the prompt")
    _add_json(show)

    plan = commands.add_parser("plan", help="grid, prompts, tokens, time and power of a run; nothing is run")
    _add_run(plan)
    plan.add_argument("--effect", type=float, default=None, help="difference of accuracies to find, e.g. 0.03")
    plan.add_argument("--pilot", type=Path, default=None, help="run folder that tells how much differences vary")
    _add_json(plan)

    run = commands.add_parser("run", help="run probes, or an experiment file, on models and a task")
    _add_run(run)
    run.add_argument("--out", type=Path, required=True, help="run folder; the same command resumes it")
    run.add_argument("--no-cache", dest="use_cache", action="store_false", help="neither use nor keep answers")
    _add_json(run)

    measure = commands.add_parser("measure", help="the metrics of a run folder anew, under another normalisation")
    measure.add_argument("run", type=Path, metavar="RUN", help="run folder")
    measure.add_argument(
        "--normalisation",
        default=None,
        help="sum, per-token, per-byte, pmi or calibrated (default: show the metrics as they are)",
    )
    _add_json(measure)

    fit = commands.add_parser("fit", help="fit the signal-versus-noise account, or a rival, to a run folder")
    add_fit(fit)
    _add_json(fit)

    compare = commands.add_parser("compare", help="rival accounts by what they predict of cells they have not seen")
    add_compare(compare)
    _add_json(compare)

    calibrate = commands.add_parser("calibrate", help="accounts on data whose truth is known: is it recovered?")
    add_calibrate(calibrate)
    _add_json(calibrate)

    selftest = commands.add_parser("selftest", help="every probe on every control: does each read what it must?")
    _add_json(selftest)

    variance = commands.add_parser("variance", help="what share of the variance of answers is the prompt's, by part")
    variance.add_argument("run", type=Path, metavar="RUN", help="run folder, best of probe prompt-variance")
    variance.add_argument("--score", default="gold_log_odds", help="gold_log_odds or accuracy (default: %(default)s)")
    variance.add_argument("--model", default=None, help="which of the run's models (default: the only one)")
    variance.add_argument("--draws", type=int, default=2000, help="draws a chain (default: %(default)s)")
    variance.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    variance.add_argument("--anyway", action="store_true", help="print shares of a fit that did not converge as well")
    _add_json(variance)

    report = commands.add_parser("report", help="figures and one self-contained HTML page")
    report.add_argument("run", type=Path, metavar="RUN", help="run folder")
    report.add_argument("--out", type=Path, default=None, help="folder of figures and page (default: the run folder)")

    _add_ledger(commands.add_parser("ledger", help="GINC: exact signal and noise, and the concepts that models act on"))
    _add_family(commands.add_parser("family", help="draw a GINC family into an .npz file, for --family"))
    _add_reproduce(commands.add_parser("reproduce", help="the experiments of Xie et al. 2022 on the shipped models"))
    _add_pretrain(commands.add_parser("pretrain", help="train a language model on GINC"))
    return parser


def _add_task(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--task",
        required=required,
        help="built-in name, .jsonl/.csv/.parquet file, package.module:name of a Task in Python, or Hub data set",
    )
    parser.add_argument("--input-column", default=None, help="column of the inputs (default: input)")
    parser.add_argument("--label-column", default=None, help="column of the labels (default: label)")
    parser.add_argument("--options-column", default=None, help="column of the options, for multiple choice")
    parser.add_argument(
        "--label-words", type=values.names, default=None, help="what labels are called in prompts, e.g. 1=bad,5=good"
    )
    parser.add_argument(
        "--template", action="append", default=None, help="a format of your own: 'Review: {input}\\nMood: {label}'"
    )
    parser.add_argument(
        "--label-is", default=None, help="what a label of multiple choice is: text, key, letter, index0 or index1"
    )
    parser.add_argument("--seed", type=int, default=None, help="seed of every source without its own (default: 0)")
    for source in ("selection", "labels", "order", "format"):
        parser.add_argument(f"--seed-{source}", type=int, default=None, help=f"seed of {source}")
    parser.add_argument(
        "--example-lengths", type=values.whole_numbers, default=None, help="GINC: tokens an example, e.g. 3,10"
    )
    parser.add_argument("--family", default=None, help="GINC: .npz of a family (default: the lab's own)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "experiment", nargs="?", type=Path, help="experiment file (.toml); flags take the place of its entries"
    )
    _add_task(parser, required=False)
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=None,
        help="shipped name, Hub id, folder, .gguf file, URL#name of a completions server, vllm:NAME, oracle or a "
        "control; may be given several times",
    )
    parser.add_argument("--probe", dest="probes", type=values.names, default=None, help="probes, comma-separated")
    parser.add_argument("--label-modes", type=values.names, default=None, help="e.g. gold,random,fraction_correct(0.5)")
    parser.add_argument(
        "--formats", type=values.names, default=None, help="e.g. qa,arrow, or sampled(16) of the grammar"
    )
    parser.add_argument("--shots", type=values.whole_numbers, default=None, help="e.g. 0,4,16")
    parser.add_argument("--queries", type=int, default=None, help="queries a demonstration set (default: 32)")
    parser.add_argument("--demonstration-sets", type=int, default=None, help="drawn sets (default: 6)")
    parser.add_argument("--balances", type=values.names, default=None, help="balanced, as-drawn, skewed(0.75)")
    parser.add_argument(
        "--input-modes", type=values.names, default=None, help="inputs of demonstrations: task, ood, none"
    )
    parser.add_argument("--corpus", default=None, help="file of sentences for input mode ood (default: built in)")
    parser.add_argument(
        "--orders", type=values.orders, default=None, help="orders of the demonstrations: a number, or all"
    )
    parser.add_argument("--label-draws", type=int, default=None, help="how often labels that are drawn are drawn")
    parser.add_argument("--option-orders", type=int, default=None, help="multiple choice: rotations of listed options")
    parser.add_argument("--budget", type=int, default=None, help="prompts that a format search may ask of a model")
    parser.add_argument(
        "--curve", action="store_true", default=None, help="ask each demonstration behind those before it; no --queries"
    )
    parser.add_argument("--methods", type=values.names, default=None, help="direct, channel or both (default: direct)")
    parser.add_argument(
        "--no-calibration",
        dest="calibrate",
        action="store_false",
        default=None,
        help="do not ask what normalisations pmi and calibrated compare with",
    )
    parser.add_argument(
        "--skip-too-long", action="store_true", default=None, help="leave out prompts beyond a model's context"
    )
    parser.add_argument("--smoothing", type=float, default=None, help="ε of exact Bayes (default: 0.01)")
    parser.add_argument("--dtype", default=None, help="float32, bfloat16 or float16 (default: float32)")
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, … (default: auto)")
    parser.add_argument("--revision", default=None, help="revision of a Hub model")
    parser.add_argument("--chat", action="store_true", default=None, help="put prompts into the model's chat template")
    parser.add_argument("--memory", type=float, default=None, help="GB beside the weights (default: half the free)")
    parser.add_argument(
        "--batch-tokens", type=int, default=None, help="tokens in one forward pass at most (default: by device)"
    )
    parser.add_argument("--concurrency", type=int, default=8, help="servers: requests under way (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="servers: seconds a request may take (default: %(default)s)"
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true", default=None, help="let the model's repository run its code"
    )


def _add_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and figures")
    parser.add_argument(
        "--models", type=values.names, default=("ginc-small",), help="shipped names or folders (default: ginc-small)"
    )
    parser.add_argument("--family", type=Path, default=None, help=".npz of the prompts' family (default: the models')")
    parser.add_argument("--example-lengths", type=values.whole_numbers, default=None, help="k (default: 3,5,8,10)")
    parser.add_argument("--shots", type=values.whole_numbers, default=None, help="n, at most 64 (default: 0,1,2,…,64)")
    parser.add_argument("--prompts", type=int, default=None, help="prompts for each k (default: 300)")
    parser.add_argument("--smoothing", type=float, default=None, help="ε of exact Bayes (default: 0.01)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the prompts (default: 0)")
    _add_json(parser)


def _add_family(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    parser.add_argument("--seed", type=int, default=None, help="seed (default: that of the lab's own family)")
    for name, kind, meaning in (
        ("--vocab-size", int, "tokens, the delimiter included (default: 50; the paper also takes 100 and 150)"),
        ("--num-entities", int, "rows of the memory (default: 10)"),
        ("--num-properties", int, "columns of the memory (default: 10)"),
        ("--num-concepts", int, "concepts, unseen ones included (default: 10)"),
        ("--num-pretraining-concepts", int, "how many of them make up the pretraining mixture (default: 5)"),
        ("--start-temp", float, "temperature of the start distributions (default: 10)"),
        ("--transition-temp", float, "temperature of the transitions: near 0, deterministic (default: 0.1)"),
        ("--entity-identity", float, "c: 0 for fast-changing entities (default: 0.9)"),
    ):
        parser.add_argument(name, type=kind, default=None, help=meaning)
    parser.add_argument(
        "--entity-transition-per-concept", action="store_true", default=None, help="entities move by concept, too"
    )


def _add_reproduce(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder; the same command goes on where it stopped")
    parser.add_argument(
        "--models", type=values.names, default=(), help="shipped names or folders (default: all shipped)"
    )
    parser.add_argument(
        "--experiments",
        type=values.names,
        default=(),
        help="e.g. seen-concepts,orders; the others are not asked (default: all)",
    )
    parser.add_argument("--prompts", type=int, default=500, help="prompts a cell (default: %(default)s; paper: 2500)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all prompts (default: %(default)s)")
    _add_json(parser)


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint; the same command resumes")
    parser.add_argument("--family", type=Path, default=None, help=".npz of a GINC family (default: the lab's own)")
    parser.add_argument("--architecture", default=None, help="llama, gpt2 or lstm (default: llama)")
    parser.add_argument("--layers", dest="num_layers", type=int, default=None, help="layers (default: 4)")
    parser.add_argument("--width", type=int, default=None, help="width (default: 128)")
    parser.add_argument("--heads", dest="num_heads", type=int, default=None, help="attention heads (default: 4)")
    parser.add_argument("--documents", default=None, help="mixture, single-concept or random (default: mixture)")
    parser.add_argument(
        "--corpus", type=values.corpus, default=None, help="fixed documents, e.g. 1000x10240 (default: fresh)"
    )
    parser.add_argument("--tokens", type=values.count, default=None, help="training tokens, e.g. 12e6")
    parser.add_argument(
        "--windows", type=values.windows, default=None, help="length:share of each phase, e.g. 128:0.5,768:0.5"
    )
    parser.add_argument("--batch-tokens", type=values.count, default=None, help="tokens in one step")
    parser.add_argument("--muon-learning-rate", type=float, default=None, help="peak rate of hidden matrices")
    parser.add_argument("--adam-learning-rate", type=float, default=None, help="peak rate of everything else")
    parser.add_argument("--weight-decay", type=float, default=None, help="decay of hidden matrices")
    parser.add_argument("--warmup", type=float, default=None, help="share of the steps with a growing rate")
    parser.add_argument("--decay", type=float, default=None, help="share of the steps with a falling rate")
    parser.add_argument("--seed", type=int, default=None, help="seed of initialisation and documents")
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, … (default: auto)")
    parser.add_argument("--dtype", default=None, help="of matrix products: auto, float32, bfloat16 (default: auto)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable output")
