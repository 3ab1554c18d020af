"""The command line as a user meets it: help, names, files, bad input."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from probes.cli.command import Group
from probes.cli.main import COMMANDS, main, make_parser
from probes.cli.opening import lab_version
from probes.runs.opening import open_run


def run(*arguments: str) -> int:
    return main(list(arguments))


def test_every_command_has_help(capsys):
    for command in COMMANDS:
        with pytest.raises(SystemExit) as stop:
            run(command, "--help")
        assert stop.value.code == 0
        assert command in capsys.readouterr().out


def test_help_and_readme_say_what_the_exit_status_means(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    for said in (capsys.readouterr().out, readme):
        statuses = re.search(r"[Ee]xit status: (.*?)interrupted", " ".join(said.split()))[1]
        assert re.findall(r"(?:^|; )(\d+) ", statuses) == ["0", "1", "2", "3", "130"]
        assert "3 a fit did not converge" in statuses


def test_commands_and_parser_agree():
    actions = [action for action in make_parser()._actions if action.dest == "command"]
    assert set(actions[0].choices) == set(COMMANDS)


def test_help_loads_nothing_heavy():
    code = (
        "import sys, icl, probes, probes.cli.main\n"
        "try: probes.cli.main.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pymc', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_first_line_comes_before_anything_heavy():
    code = (
        "import sys\n"
        "from probes.cli.main import COMMANDS, make_parser\n"
        "from probes.cli.opening import open_phases\n"
        "asked = ['fit', 'runs/a', '--seed', '3']\n"
        "open_phases(COMMANDS['fit'].COMMAND, make_parser().parse_args(asked))\n"
        "heavy = {'torch', 'transformers', 'pymc', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert re.fullmatch(r"probe [\d.]+\S* fit, seed 3, output in runs/a\n", done.stderr)


def test_a_command_numbers_as_many_phases_as_it_has(tmp_path):
    asked = ["--model", "uniform", "--model", "majority", "--task", "parity", "--shots", "0,2", "--queries", "4"]
    command = [sys.executable, "-m", "probes", "run", *asked, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if not re.search(r"… (\d+ % of .*, )?\d+ s", line)]
    shown = [re.match(r"\[(\d)/(\d)\] (.*?) …", line) for line in lines]
    names = ["importing libraries", "planning", "uniform: reading", "majority: reading", "measuring"]
    assert [found.groups() for found in shown if found] == [(str(n), "5", name) for n, name in enumerate(names, 1)]
    assert "\r" not in done.stderr


def test_python_m_probes_is_probe():
    done = subprocess.run([sys.executable, "-m", "probes", "shw"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("probe: no command 'shw'.")
    assert "Did you mean 'show'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--task", "parity", "--out", "x"], "--model is missing"),
        (["run", "--model", "uniform", "--out", "x"], "--task is missing"),
        (["run", "--model", "uniform", "--task", "parity"], "required: --out"),
        (["run", "--model", "unifrm", "--task", "parity", "--queries", "4", "--out", "x"], "no model 'unifrm'"),
        (["run", "--model", "uniform", "--task", "partiy", "--out", "x"], "no task 'partiy'"),
        (
            ["run", "--model", "uniform", "--task", "parity", "--probe", "format,labels", "--out", "x"],
            "no probe 'labels'",
        ),
        (["run", "--model", "uniform", "--task", "parity", "--formats", "qq", "--out", "x"], "no format 'qq'"),
        (
            ["run", "--model", "uniform", "--task", "parity", "--label-modes", "god", "--out", "x"],
            "no label mode 'god'",
        ),
        (["run", "--model", "uniform", "--task", "parity", "--shots", "a,b", "--out", "x"], "takes whole numbers"),
        (["run", "--model", "uniform", "--task", "parity", "--shots", "-1", "--out", "x"], "cannot be negative"),
        (["run", "--model", "uniform", "--task", "parity", "--queries", "590", "--out", "x"], "600 examples, but 590"),
        (
            ["run", "--model", "uniform", "--task", "parity", "--queries", "0", "--out", "x"],
            "queries must be at least 1",
        ),
        (["run", "--model", "uniform", "--task", "parity", "--seed", "-1", "--out", "x"], "seed cannot be negative"),
        (["show", "--task", "parity", "--seed", "-3"], "seed cannot be negative"),
        (["show", "--task", "parity", "--shots", "x"], "--shots: takes a whole number, got 'x'"),
        (
            ["run", "--model", "uniform", "--task", "parity", "--smoothing", "x", "--out", "x"],
            "takes a number, got 'x'",
        ),
        (["run", *["--model", "majority"] * 2, "--task", "parity", "--out", "x"], "'majority' is named 2 times"),
        (
            ["run", "--model", "ginc-small", "--task", "ginc", "--queries", "4", "--device", "foo", "--out", "x"],
            "device 'foo' cannot be used",
        ),
        (
            ["run", "--model", "ginc-small", "--task", "ginc", "--queries", "4", "--dtype", "int7", "--out", "x"],
            "no dtype 'int7'",
        ),
        (["run", "--model", "uniform", "--task", "parity", "--formats", ",", "--out", "x"], "takes one or more names"),
        (["ledger", "--models", ",", "--out", "x"], "takes one or more names, separated by commas, got ','"),
        (["pretrain", "--out", "y", "--tokens", "-5"], "tokens must be at least 1"),
        (["pretrain", "--out", "tests/file"], "tests/file is not empty"),
        (["run", "--model", "oracle", "--task", "parity", "--queries", "4", "--out", "x"], "knows GINC only"),
        (
            ["run", "--model", "uniform", "--task", "parity", "--family", "f.npz", "--out", "x"],
            "belongs to --task ginc",
        ),
        (["run", "--model", "uniform", "--task", "ginc", "--family", "f.npz", "--out", "x"], "no GINC family at f.npz"),
        (["run", "e.toml", "--out", "x"], "experiment e.toml cannot be read"),
        (["fit", "nowhere"], "nowhere is not a run folder"),
        (["report", "nowhere"], "nowhere is not a run folder"),
        (["list", "taks"], "Did you mean 'tasks'"),
        (["show", "--task", "sentiment", "--shots", "2000"], "600 examples"),
        (["pretrain", "--out", "tests"], "tests is not empty"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "file").touch()
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("probe: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["run", "--out", "x"], "rerun the same command to resume"),
        (["reproduce", "--out", "x"], "rerun the same command to resume"),
        (["pretrain", "--out", "x"], "from the last saved state"),
        (["ledger", "--out", "x"], "rerun the command to start over"),
        (["family", "--out", "x.npz"], "rerun the command to start over"),
    ],
)
def test_an_interrupt_says_what_the_command_keeps(arguments, kept, monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS[arguments[0]], "run", interrupted)
    assert run(*arguments) == 130
    error = capsys.readouterr().err
    assert kept in error
    assert error.count("\n") == 1


def test_show_prints_exactly_what_a_model_sees(capsys):
    assert run("show", "--task", "parity", "--format", "arrow", "--shots", "2", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert run("show", "--task", "parity", "--format", "arrow", "--shots", "2") == 0
    assert capsys.readouterr().out == shown["text"] + "\n"
    assert shown["text"].count(" -> ") == 2
    assert shown["text"].endswith(" ->")
    assert run("show", "--task", "parity", "--format", "arrow", "--shots", "2", "--colour", "always") == 0
    assert "\x1b[32m" in capsys.readouterr().out


def test_list_names_everything_a_run_can_ask_for(capsys):
    assert run("list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    kinds = {
        "tasks",
        "labels",
        "inputs",
        "balances",
        "formats",
        "probes",
        "models",
        "metrics",
        "normalisations",
        "accounts",
        "priors",
        "fields",
    }
    assert set(found) == kinds
    assert {"min:glue-rte", "min:openbookqa"} <= set(found["tasks"])
    assert {"ginc", "sentiment", "topic", "parity"} <= set(found["tasks"])
    assert {"ginc-small", "oracle", "uniform"} <= set(found["models"])
    assert len(found["formats"]) >= 8


def test_plan_counts_prompts_and_runs_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--model", "uniform", "--task", "parity", "--label-modes", "gold,random", "--shots", "0,4"]
    assert run("plan", *arguments, "--queries", "10", "--demonstration-sets", "2", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["prompts"] == 10 * 2 * 3
    assert not list(tmp_path.iterdir())


def test_run_on_a_users_file_and_resume(capsys, tmp_path):
    file = tmp_path / "mine.csv"
    rows = "\n".join(f"sentence number {i},{'good' if i % 2 else 'bad'}" for i in range(40))
    file.write_text(f"text,mood\n{rows}\n")
    arguments = ["run", "--model", "copy-last-label", "--task", str(file), "--out", str(tmp_path / "run")]
    arguments += ["--shots", "0,4", "--queries", "8", "--label-modes", "gold,flipped"]
    assert run(*arguments) == 2
    assert "no column 'input'" in capsys.readouterr().err
    arguments += ["--input-column", "text", "--label-column", "mood"]
    assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert "gold − flipped" in out
    assert run(*arguments, "--json") == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["model"] == "copy-last-label"
    assert {"num_parameters", "training_tokens", "is_tuned"} <= set(first)


def test_a_plan_says_what_does_not_fit_and_a_run_refuses_or_skips_it(tiny_lm, tmp_path, capsys):
    grid = ["--model", str(tiny_lm), "--task", "topic", "--label-modes", "gold", "--shots", "0,2,40", "--queries", "2"]
    grid += ["--demonstration-sets", "1"]
    assert run("plan", *grid) == 0
    said = capsys.readouterr().out
    assert "does not fit: gold, input-output, 40 shots: 2 prompts, the longest has " in said
    assert "tokens, but model 'tiny-lm' reads 512" in said
    assert run("plan", *grid, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["models"]["tiny-lm"]["too_long"]) == 1
    assert found["models"]["tiny-lm"]["num_parameters"] > 0
    assert run("run", *grid, "--out", str(tmp_path / "refused")) == 2
    error = capsys.readouterr().err
    assert "2 of 6 prompts are too long for model 'tiny-lm': one of 40 shots, has" in error
    assert "(prompts of 2 shots fit); ask for fewer with --shots" in error
    assert not (tmp_path / "refused").exists()
    assert run("run", *grid, "--skip-too-long", "--out", str(tmp_path / "skipped")) == 0
    assert "questions do not fit its context and were left out" in capsys.readouterr().out
    scores = open_run(tmp_path / "skipped").scores()
    long = (scores["num_shots"] == 40).astype(bool)
    assert ((scores["status"] == "unscorable") == long).all()
    assert scores.loc[long, "reason"].str.contains("tokens, but model 'tiny-lm' reads 512").all()


def test_another_normalisation_needs_no_model(tiny_lm, tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    grid = ["--model", str(tiny_lm), "--task", "topic", "--label-modes", "gold", "--shots", "0,2", "--queries", "4"]
    assert run("run", *grid, "--methods", "direct,channel", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "tiny-lm (channel)" in said
    assert "(1.00 each)" in said
    assert "candidates are tokenised differently when joined" in said or "begin at a token boundary" in said
    monkeypatch.setattr("probes.scorers.huggingface.HuggingFaceScorer.answer", None)  # whoever asks a model fails
    for how in ("per-token", "per-byte", "pmi", "calibrated", "sum"):
        assert run("measure", str(out), "--normalisation", how) == 0
        assert f"metrics under normalisation '{how}'" in capsys.readouterr().out
        metrics = open_run(out).metrics()
        assert set(metrics.loc[metrics["metric"] == "gap", "normalisation"]) <= {how}
    assert run("measure", str(out), "--normalisation", "nats") == 2
    assert "no normalisation 'nats'" in capsys.readouterr().err


def test_a_curve_is_a_run_like_any_other(tmp_path, capsys):
    curve = ["run", "--model", "majority", "--task", "parity", "--label-modes", "gold", "--shots", "3", "--curve"]
    assert run(*curve, "--queries", "5", "--out", str(tmp_path / "a")) == 2
    assert "--queries does not go with --curve" in capsys.readouterr().err
    assert run(*curve, "--demonstration-sets", "6", "--out", str(tmp_path / "a")) == 0
    scores = open_run(tmp_path / "a").scores()
    assert sorted(scores["num_shots"].unique()) == [0, 1, 2, 3]
    assert scores["prompt_id"].nunique() == 6 * 4
    assert run(*curve, "--demonstration-sets", "6", "--out", str(tmp_path / "a")) == 0  # the same command resumes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "chanel"], r"no method 'chanel'.*Did you mean 'channel'"),
        (["--memory", "nan"], "--memory must be positive, got nan"),
        (["--memory", "0"], r"--memory must be positive, got 0; give a number such as 4"),
        (["--batch-tokens", "-3"], "--batch-tokens must be positive, got -3"),
    ],
)
def test_bad_options_of_scoring_are_one_sentence(arguments, message, tmp_path, capsys):
    assert run("run", "--model", "majority", "--task", "parity", *arguments, "--out", str(tmp_path / "r")) == 2
    assert re.search(message, capsys.readouterr().err)


def test_show_turns_a_prompt_round(capsys):
    assert run("show", "--task", "sentiment", "--format", "qa", "--shots", "1", "--method", "channel") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("A: ")
    assert " then " in shown.err
    assert run("show", "--task", "sentiment", "--chat") == 2
    assert "add --model" in capsys.readouterr().err


def test_help_lists_every_command_in_its_group(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    shown = capsys.readouterr().out
    for group in Group:
        section = shown.split(f"\n{group}:\n", 1)[1].split("\n\n", 1)[0]
        listed = re.findall(r"^  (\w+)", section, flags=re.MULTILINE)
        assert set(listed) == {name for name, file in COMMANDS.items() if file.COMMAND.group == group}


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--version")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"probe {lab_version()}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("probe ru", "run"),
        ("probe list form", "formats"),
        ("probe run --label-modes gold,random_m", "gold,random_marginal"),
        ("probe show --task senti", "sentiment"),
    ],
)
def test_the_shell_completes_commands_and_names(typed, offered, tmp_path):
    written = tmp_path / "offered"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(written)}
    asked |= {"COMP_LINE": typed, "COMP_POINT": str(len(typed))}
    subprocess.run([sys.executable, "-m", "probes"], env=os.environ | asked, check=True)
    assert written.read_text().strip() == offered
