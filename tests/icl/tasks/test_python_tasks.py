"""Tasks from Python: named as package.module:name, or given as objects; stored, resumed, and refused once changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_runs import run_experiment

from icl.errors import UserError
from icl.tasks.catalogue import load_task, names_code, names_file
from icl.tasks.stored import load_stored, stored_form, task_digest
from icl.tasks.task import Example, Task
from probes.cli.main import main
from probes.runs.asked_task import load_named_task
from probes.runs.experiment import Experiment
from probes.runs.experiment_file import read_experiment, write_experiment
from probes.runs.opening import open_run
from probes.runs.plan import make_plan

CODE = """
from icl.tasks.task import Example, Task

def make(word, labels=("cold", "warm")):
    pool = tuple(Example(input=f"{word} number {i}", label=labels[i % 2]) for i in range(24))
    return Task(name="weather", description="Cold or warm?", label_space=labels, pool=pool, source="by hand")

def weather(word=WORD):
    print("making the task")
    return make(word)

TASK = make(WORD)
NUMBERS = [1, 2]

def nothing():
    return None

def fails():
    return {}["warm"]

def leaves():
    raise SystemExit("bye")

def twins():
    return make("same", labels=("cold", "cold"))
"""

ASKED = {"models": "uniform", "shots": (0, 2), "queries": 4, "demonstration_sets": 2}
FLAGS = ("--model", "uniform", "--shots", "0,2", "--queries", "4", "--demonstration-sets", "2")

_number = iter(range(10_000))


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """A module in a package in the working folder, of a name that no test used before: imports are remembered."""
    monkeypatch.chdir(tmp_path)
    return write_module("day")


def write_module(word: str, code: str = CODE) -> str:
    package = Path(f"mine{next(_number)}")
    package.mkdir()
    (package / "tasks.py").write_text(f"WORD = {word!r}\n{code}", encoding="utf-8")
    return f"{package}.tasks"


def weather(word: str = "day") -> Task:
    examples = tuple(Example(input=f"{word} number {i}", label=("cold", "warm")[i % 2]) for i in range(24))
    return Task(
        name="weather", description="Cold or warm?", label_space=("cold", "warm"), pool=examples, source="by hand"
    )


def first_input(task) -> str:
    return task.pool[0].input


# Names


@pytest.mark.parametrize("name", ["weather", "TASK"])
def test_a_function_and_a_task_are_taken(module, name):
    task = load_task(f"{module}:{name}")
    assert (task.name, task.label_space, first_input(task)) == ("weather", ("cold", "warm"), "day number 0")
    assert task.source == f"python:{module}:{name}#{task_digest(weather())}"


def test_the_command_line_takes_them_and_keeps_its_output_clean(module, capsys):
    assert main(["show", "--task", f"{module}:weather", "--shots", "1", "--json"]) == 0
    printed = capsys.readouterr()
    assert "day number" in json.loads(printed.out)["text"]
    assert "making the task" in printed.err
    assert main(["plan", "--task", f"{module}:weather", *FLAGS]) == 0
    assert "weather: Cold or warm?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.tasks:weather", "there is no module 'missing' for task .* run the command where it is"),
        ("MODULE.more:weather", "there is no module '.*tasks.more' for task"),
        ("MODULE:wether", "no task or function in module '.*' named 'wether'.* Did you mean 'weather'"),
        ("MODULE:NUMBERS", "is a list, not a Task; name a Task, or a function without arguments"),
        ("MODULE:make", r"needs arguments \(word\); name a function that needs none"),
        ("MODULE:nothing", "returned None, not a Task"),
        ("MODULE:fails", r"raised KeyError: 'warm' \(tasks.py, line 20\); correct it"),
        ("MODULE:leaves", r"raised SystemExit: bye \(tasks.py, line 23\)"),
        ("MODULE:twins", r"task 'weather' has only one class \('cold'\)"),
    ],
)
def test_what_is_no_task_is_refused_in_one_sentence(module, capsys, name, message):
    name = name.replace("MODULE", module)
    with pytest.raises(UserError, match=message):
        load_task(name)
    assert main(["run", "--task", name, *FLAGS, "--out", "run"]) == 2
    assert not Path("run").exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import not_there_at_all",
            r"raised ModuleNotFoundError: No module named 'not_there_at_all' \(tasks.py, line 2\)",
        ),
        ("def weather(:", r"raised SyntaxError: [^()]* \(tasks.py, line 2\)"),
        ("x = 1 / 0", r"raised ZeroDivisionError: division by zero \(tasks.py, line 2\)"),
    ],
)
def test_modules_that_cannot_be_imported_are_refused(tmp_path, monkeypatch, code, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        load_task(f"{write_module('day', code)}:weather")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tasks.py", "tasks:NAME, from the working folder"),
        ("tasks.py:weather", "tasks:weather, from the working folder"),
        ("./mine/tasks.py:weather", "mine.tasks:weather, from the working folder"),
        ("../mine/tasks.py:weather", "tasks:weather, from the folder of that file"),
        (r"C:\mine\tasks.py:weather", "tasks:weather, from the folder of that file"),
    ],
)
def test_files_of_code_are_told_how_to_be_named(name, meant):
    with pytest.raises(UserError, match=f"names a file of Python code; .*: {meant}."):
        load_task(name)


def test_other_names_with_colons_are_not_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        r"C:\data\x.csv",
        "C:/x.csv",
        r"C:x.csv",
        "min:glue-rte",
        "owner/name:config@split",
        "a:b:c",
        "tasks:",
    ):
        assert not names_code(name), name
    for name in (r"C:\data\x.csv", "C:/x.csv", "C:x.csv"):
        assert names_file(name), name
    assert names_code("package.module:name")
    assert names_code("tâches:météo")
    rows = [{"input": f"row {number}", "label": "ab"[number % 2]} for number in range(8)]
    Path("tasks:weather").write_text("", encoding="utf-8")
    assert not names_code("tasks:weather")  # a file that exists wins
    with pytest.raises(UserError, match="'tasks:weather' has no ending"):
        load_task("tasks:weather")
    Path("a:b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert first_input(load_task("a:b.jsonl")) == "row 0"


# Files


def test_a_stored_task_is_read_as_it_was(tmp_path):
    queries = (Example(input="l'été — “là”", label="warm"),)
    choice = tuple(Example(input=f"q{n}", label="a", options=("a", "b")) for n in range(3))
    for task in (
        replace(weather(), query_pool=queries, notes=("n",)),
        replace(weather(), label_space=(), pool=choice, source="\udce9"),
    ):
        path = tmp_path / "x.task.json"
        path.write_bytes(stored_form(task))
        read = load_task(str(path))
        assert replace(read, source=task.source) == task
        assert read.source == f"python:weather#{task_digest(task)}"


def test_a_digest_tells_what_is_asked_apart():
    task = weather()
    others = [
        replace(task, name="other"),
        replace(task, label_space=("warm", "cold")),
        replace(task, pool=task.pool[::-1]),
        replace(task, pool=task.pool[1:], query_pool=task.pool[:1]),
    ]
    assert len({task_digest(one) for one in (task, *others)}) == 5
    assert task_digest(replace(task, source="elsewhere", notes=("read twice",))) == task_digest(task)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found.pop("pool"), "it lacks 'pool'"),
        (lambda found: found.update(name=3), "a text is wanted, got 3"),
        (lambda found: found.update(labels=["a"]), "'labels' is no entry of a task"),
        (lambda found: found["pool"][0].update(options="ab"), "options must be a list, got 'ab'"),
    ],
)
def test_files_that_hold_no_task_are_refused(tmp_path, change, message):
    found = json.loads(stored_form(weather()))
    change(found)
    path = tmp_path / "x.task.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(UserError, match=f"'x.task.json' is not a task file that a run wrote .{message}"):
        load_stored(path)


# Runs


def test_a_run_of_a_named_task_is_resumed_shown_and_reported(module, capsys, monkeypatch):
    name = f"{module}:weather"
    command = ["run", "--task", name, *FLAGS, "--label-words", "warm=hot", "--out", "run"]
    assert main(command) == 0
    record = read_experiment(Path("run/experiment.toml"))
    assert (record.task, record.digests) == (name, (f"{name}#{task_digest(weather())}",))
    assert open_run(Path("run")).manifest["source"] == f"python:{name}#{task_digest(weather())}"
    assert main(command) == 0
    assert main(["run", "run/experiment.toml", "--out", "again"]) == 0
    capsys.readouterr()
    monkeypatch.chdir(Path("run"))  # no module can be found from here
    assert main(["report", "."]) == 0
    assert main(["measure", "."]) == 0
    assert main(["show", "--task", "experiment.task.json", "--shots", "0", "--label-words", "warm=hot"]) == 0
    assert "' hot'" in capsys.readouterr().err


def test_a_named_task_that_has_changed_is_refused(module, capsys):
    name = f"{module}:weather"
    assert main(["run", "--task", name, *FLAGS, "--out", "run"]) == 0
    other = write_module("night")
    toml = Path("run/experiment.toml")
    toml.write_text(toml.read_text(encoding="utf-8").replace(module, other), encoding="utf-8")
    message = f"'{other}:weather' is not the task that was asked before: its contents have the digest"
    with pytest.raises(UserError, match=f"{message} .* put that task back, or take `digests` out"):
        make_plan(read_experiment(toml))
    capsys.readouterr()
    assert main(["run", "--task", f"{other}:weather", *FLAGS, "--out", "run"]) == 2
    assert f"{message} {task_digest(weather('night'))}, not {task_digest(weather())}" in capsys.readouterr().err


def test_experiment_files_name_code_of_the_working_folder(module):
    Path("sub").mkdir()
    Path("sub/e.toml").write_text(f'models = "uniform"\ntask = "{module}:weather"\n', encoding="utf-8")
    assert first_input(load_named_task(read_experiment(Path("sub/e.toml")))) == "day number 0"


def test_a_task_object_is_asked_resumed_and_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = Experiment(task=weather(), label_words="warm=hot", **ASKED)
    run = run_experiment(asked, Path("runs/a"))
    assert run.manifest["source"] == f"python:weather#{task_digest(weather())}"
    before = run.scores()
    assert set(before["task"]) == {"weather"}
    run_experiment(asked, Path("runs/a"))
    assert main(["run", "runs/a/experiment.toml", "--out", "runs/a"]) == 0  # by its record
    assert len(run.scores()) == len(before)
    assert load_named_task(run.experiment) == load_named_task(asked)
    assert main(["run", "runs/a/experiment.toml", "--out", "runs/b"]) == 0  # asked again from the file
    assert main(["report", "runs/a"]) == 0
    Path("runs/a").rename("moved")
    run_experiment(asked, Path("moved"))
    assert main(["show", "--task", "moved/experiment.task.json", "--shots", "1"]) == 0
    assert "day number" in capsys.readouterr().out


def test_another_task_object_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_experiment(Experiment(task=weather(), **ASKED), Path("a"))
    with pytest.raises(UserError, match=r"a holds answers to a different task 'weather' \(its contents had the digest"):
        run_experiment(Experiment(task=weather("night"), **ASKED), Path("a"))
    with pytest.raises(UserError, match="holds a different experiment .task was .*experiment.task.json, now parity"):
        run_experiment(Experiment(task="parity", **ASKED), Path("a"))
    changed = stored_form(weather("night"))
    Path("a/experiment.task.json").write_bytes(changed)
    with pytest.raises(UserError, match=r"'experiment\.task\.json' is not the file that was asked before"):
        make_plan(read_experiment(Path("a/experiment.toml")))


def test_a_run_that_was_stopped_before_its_record_was_written_starts(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "experiment.task.json").write_bytes(stored_form(weather())[:100])
    run = run_experiment(Experiment(task=weather(), **ASKED), tmp_path / "a")
    (tmp_path / "a" / "experiment.task.json").unlink()
    run_experiment(Experiment(task=weather(), **ASKED), tmp_path / "a")  # is written again
    assert load_named_task(run.experiment).pool == weather().pool


def test_each_experiment_file_has_its_own_task(tmp_path):
    for word in ("day", "night"):
        write_experiment(Experiment(task=weather(word), **ASKED), tmp_path / f"{word}.toml")
    for word in ("day", "night"):
        read = read_experiment(tmp_path / f"{word}.toml")
        assert (replace(read, digests=None).shots, first_input(load_named_task(read))) == ((0, 2), f"{word} number 0")
