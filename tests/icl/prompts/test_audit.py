"""What is said of a run's texts before it is asked: inputs that hold what the format itself writes."""

import json

import pytest

from icl.prompts.audit import format_notices
from icl.prompts.build import Condition, Selection, build_prompts, formats_for
from icl.prompts.formats import FORMATS
from icl.prompts.grammar import GRAMMAR
from icl.prompts.marks import find_mark
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.task import Example, Task
from probes.cli.main import main


@pytest.mark.parametrize(
    ("format", "text", "mark"),
    [
        ("qa", "It was fine.\nA: negative", "a:"),
        ("qa", "It was fine.\r\n  a : negative", "a :"),
        ("qa", "It was fine.\u2028Ａ：negative", "a:"),  # fullwidth letters behind a line separator
        ("qa", "Q: is it?", "q:"),
        ("qa", "It was fine.\n \nSo it was.", "\n \n"),
        ("qa", "It was fine. A: negative", ""),  # not at a line's beginning
        ("qa", "A friend said\nQuite so", ""),
        ("qa", "one line\nanother", ""),
        ("minimal", "one line\nanother", "\n"),
        ("arrow", "good -> positive", "->"),
        ("arrow", "good->positive", ""),  # the format writes spaces around it
        ("arrow", "one line\nanother", "\n"),
        ("colon", "Verdict: it was fine", ":"),
        ("colon", "at 12:30", ""),
        ("pipe", "good | positive", "|"),
        ("tags", "good</input> <label> positive", "</input> <label>"),
        ("brackets", "good] = positive", "] ="),
        ("numbered", "fine\n12. INPUT: good", "12. input:"),
        ("numbered", "Steps:\n1. go", ""),
        ("options", "Which?\n- red", "-"),
        ("options-letters", "Which?\n(B) red", "(b)"),
        ("instruction", "give each text the label that fits it.", "give each text the label that fits it."),
        ("shouting", "so\noutput: fine", "output:"),
    ],
)
def test_marks_of_a_format_are_found_whatever_their_case_and_spaces(format, text, mark):
    assert find_mark(FORMATS[format], "direct", text) == mark


def test_every_demonstration_of_every_format_holds_its_own_marks():
    """What a format writes is found in what it writes, in any case."""
    formats = [format for format in FORMATS.values() if format.world == "text"]
    for format in [*formats, *(GRAMMAR.format(number) for number in range(0, GRAMMAR.size, 37))]:
        written = f"so\n{format.example()}{format.demonstration_separator}{format.example()}"
        for text in (written, written.upper(), written.replace(" ", "  ")):
            assert find_mark(format, "direct", text), (format.name, text)
        assert not find_mark(format, "direct", "an ordinary sentence, with a comma."), format.name


def test_the_labs_own_tasks_hold_no_marks():
    for name in ("sentiment", "topic"):
        for example in BUILTIN_TASKS[name]().pool:
            assert not find_mark(FORMATS["qa"], "direct", example.input)


@pytest.fixture
def holding() -> Task:
    """Every second input holds an answer line of format "qa"."""
    pool = tuple(
        Example(input=f"thing {i}" + "\nA: red" * (i % 2), label=("red", "green")[i // 2 % 2]) for i in range(40)
    )
    return Task(name="holding", description="", label_space=("red", "green"), pool=pool, source="test")


@pytest.mark.parametrize("method", ["direct", "channel"])
def test_inputs_and_prompts_that_hold_marks_are_counted(holding, method):
    conditions = {Condition.of("gold", format, n, method): ("p",) for format in ("qa", "pipe") for n in (0, 2)}
    selection = Selection(num_queries=6, num_demonstration_sets=2, seeds=Seeds.same(0))
    prompts = build_prompts(holding, conditions, selection)
    mine = [prompt for prompt in prompts if prompt.format == "qa"]
    texts = [{*p.demonstrations.inputs, holding.pool[int(p.query_id.removeprefix("pool"))].input} for p in mine]
    inputs = set().union(*texts)
    held = {text for text in inputs if "\nA: red" in text}
    touched = sum(bool(some & held) for some in texts)
    assert 0 < len(held) < len(inputs)
    assert 0 < touched < len(mine)
    said = format_notices(prompts, formats_for(holding, ("qa", "pipe")))
    begin = f"Format 'qa': {len(held)} of {len(inputs) + 2} inputs and labels hold text that the format itself writes "
    assert said[0].startswith(begin + f"('a:'), in {touched} of {len(mine)} prompts")
    assert len(said) == 2  # a line break separates demonstrations of "pipe"


def test_labels_that_hold_marks_are_counted_too():
    pool = tuple(Example(input=f"thing {i}", label=("news: world", "sport")[i % 2]) for i in range(20))
    task = Task(name="t", description="", label_space=("news: world", "sport"), pool=pool, source="test")
    selection = Selection(num_queries=3, num_demonstration_sets=1, seeds=Seeds.same(0))
    conditions = {Condition.of("gold", format, 2): ("p",) for format in ("colon", "qa")}
    (said,) = format_notices(build_prompts(task, conditions, selection), formats_for(task, ("colon", "qa")))
    assert said.startswith("Format 'colon': 1 of 7 inputs and labels hold text that the format itself writes (':')")


def test_show_plan_run_and_report_say_the_notices(tmp_path, capsys):
    rows = [{"input": f"thing {i}\nA: red", "label": ("red", "green")[i % 2]} for i in range(40)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = ["--task", str(tmp_path / "t.jsonl")]
    grid = [*asked, "--model", "uniform", "--formats", "qa", "--shots", "0,2", "--queries", "4"]
    begin = "Note: Format 'qa': "
    main(["show", *asked, "--format", "qa", "--shots", "2"])
    assert f"{begin}3 of 5 inputs and labels hold" in capsys.readouterr().err
    main(["show", *asked, "--format", "qa", "--shots", "2", "--json"])
    assert len(json.loads(capsys.readouterr().out)["notices"]) == 1
    main(["plan", *grid])
    assert begin in capsys.readouterr().out
    main(["plan", *grid, "--json"])
    assert len(json.loads(capsys.readouterr().out)["notices"]) == 1
    main(["run", *grid, "--out", str(tmp_path / "run")])
    assert begin in capsys.readouterr().out
    main(["report", str(tmp_path / "run")])
    assert "inputs and labels hold text that the format itself writes" in (tmp_path / "run" / "report.html").read_text(
        encoding="utf-8"
    )
