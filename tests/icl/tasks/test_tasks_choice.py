"""Multiple choice: tasks whose examples bring their options, from files and the Hub, and ways to get them wrong."""

import contextlib
import csv
import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl.errors import UserError
from icl.tasks.catalogue import load_task
from icl.tasks.cells import Options, read_options
from icl.tasks.hub import load_hub
from icl.tasks.label_readings import find_answers
from icl.tasks.local import load_file
from icl.tasks.rows import Rows, clean_rows, task_from_rows
from icl.tasks.task import Example, Task
from probes.cli.main import main

COLOURS = (
    Example(input="sky", label="blue", options=("blue", "red")),
    Example(input="blood", label="red", options=("blue green", "red")),
    Example(input="milk", label="white", options=("white", "whitest")),
)


def choice(*pool: Example, **fields) -> Task:
    return Task(**{"name": "t", "description": "", "label_space": (), "pool": pool, "source": "test"} | fields)


def rows(*records: tuple, **fields) -> Rows:
    """Rows of (input, options, label)."""
    inputs, options, labels = zip(*records)
    return Rows(
        **{"origin": "rows", "columns": ("question", "answer", "choices")} | fields,
        inputs=inputs,
        options=options,
        labels=labels,
    )


def answers(labels: list[str], options: list[Options], label_is: str | None = None) -> list[str]:
    return find_answers(
        labels, options, column="c", origin="o", where=lambda row: f"row {row + 1} of o", label_is=label_is
    )


# The record


def test_a_choice_has_options_and_no_label_space():
    task = choice(*COLOURS)
    assert (task.is_multiple_choice, task.num_options, task.answers) == (True, 2, ())


def test_a_classification_has_labels_and_no_options():
    task = load_task("topic")
    assert (task.is_multiple_choice, task.num_options, task.answers) == (False, 4, task.label_space)
    assert all(example.options == () for example in task.pool)
    assert task.query_pool == ()


@pytest.mark.parametrize(
    ("options", "label", "message"),
    [
        (("blue", "red", "grey"), "red", "has 2 to 3 options for an example; give every example equally many"),
        (("red", " "), "red", "has an empty option at 'rose'; write every option out"),
        (("red", "red"), "red", "has the same option twice at 'rose'; make the options differ"),
        (("red", "blue"), "Red", r"label 'Red' at 'rose' of task 't' is none of its options \(red / blue\); give"),
        ((), "red", "mixes multiple choice and classification: 1 of its 4 examples have no options; give options"),
    ],
)
def test_options_that_are_no_choice_are_refused(options, label, message):
    rose = Example(input="rose", label=label, options=options)
    with pytest.raises(UserError, match=message):
        choice(*COLOURS, rose)
    with pytest.raises(UserError, match=message):
        choice(*COLOURS, query_pool=(rose,))


def test_one_option_and_a_label_space_beside_options_are_refused():
    with pytest.raises(UserError, match="has one option for an example; a choice needs at least two"):
        choice(Example(input="rose", label="red", options=("red",)))
    with pytest.raises(UserError, match=r"options and a label space \(blue / red\); leave the label space empty"):
        choice(*COLOURS, label_space=("blue", "red"))


def test_query_pool_shares_no_input_with_the_pool():
    words = [Example(input=text, label=label) for text, label in zip("abcd", ("yes", "no", "yes", "no"))]
    task = choice(*words[:2], label_space=("no", "yes"), query_pool=tuple(words[2:]))
    assert [example.input for example in task.query_pool] == ["c", "d"]
    with pytest.raises(UserError, match="1 inputs of task 't' are both in its pool and in its query pool; take"):
        replace(task, query_pool=(words[0], words[2]))
    with pytest.raises(UserError, match="1 inputs of task 't' are in its query pool more than once; keep one"):
        replace(task, query_pool=(words[2], words[2]))
    with pytest.raises(UserError, match=r"has examples labelled \['maybe'\], not in its label space"):
        replace(task, query_pool=(replace(words[2], label="maybe"),))
    with pytest.raises(UserError, match="mixes multiple choice and classification"):
        replace(task, query_pool=COLOURS)


# Files and the Hub

QUESTIONS = [
    {"question": "sky?", "choices": ["blue", "red", "grey"], "answer": "blue"},
    {"question": "blood?", "choices": ["blue", "red", "none, at all"], "answer": "red"},
    {"question": "milk?", "choices": ["black", "grey", "white"], "answer": "white"},
]
COLUMNS = {"input_column": "question", "label_column": "answer", "options_column": "choices"}


def write_three_kinds(folder, records):
    lines = folder / "q.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(records[0])
    writer.writerows([[json.dumps(v) if isinstance(v, list) else v for v in record.values()] for record in records])
    (folder / "q.csv").write_text(table.getvalue(), encoding="utf-8")
    pd.DataFrame(records).to_parquet(folder / "q.parquet")
    return [lines, folder / "q.csv", folder / "q.parquet"]


@pytest.mark.parametrize(
    "answers", [("blue", "red", "white"), (0, 1, 2), ("A", "B", "C"), ("a", "b", "c"), (1, 2, 3), ("1", "2", "3")]
)
def test_three_kinds_of_file_read_texts_positions_and_letters(tmp_path, answers):
    records = [question | {"answer": answer} for question, answer in zip(QUESTIONS, answers)]
    for path in write_three_kinds(tmp_path, records):
        task = load_task(str(path), **COLUMNS)
        assert task.pool == (
            Example(input="sky?", label="blue", options=("blue", "red", "grey")),
            Example(input="blood?", label="red", options=("blue", "red", "none, at all")),
            Example(input="milk?", label="white", options=("black", "grey", "white")),
        )
        assert (task.label_space, task.num_options) == ((), 3)
        assert task.description == (
            "Which of 3 options? 3 inputs from the columns question, answer and choices of "
            f"'{path.name}'; of 3 rows none dropped."
        )


def test_numbers_as_options_are_meant_before_positions():
    task = task_from_rows(rows(("1+1", [1, 2, 3], 2), ("2+1", [1, 2, 3], 3)), name="t", source="s")
    assert [(example.options, example.label) for example in task.pool] == [
        (("1", "2", "3"), "2"),
        (("1", "2", "3"), "3"),
    ]


def test_positions_that_fit_both_ways_are_refused():
    with pytest.raises(
        UserError,
        match="labels 1, 2 in column 'answer' of rows can be read as a position counted from 0 and as a posit",
    ):
        clean_rows(rows(("p", ["a", "b", "c"], 1), ("q", ["a", "b", "c"], 2)))


def test_a_label_that_is_no_option_names_its_row():
    with pytest.raises(
        UserError,
        match=r"row 3 of rows has the label 'E' in column 'answer', which is none of its options \(a / b\); give",
    ):
        clean_rows(rows((" ", ["a", "b"], "A"), ("p", ["a", "b"], "B"), ("q", ["a", "b"], "E")))


@given(st.data())
def test_every_way_of_naming_an_answer_finds_it(data):
    number = data.draw(st.integers(2, 5))
    texts = st.lists(st.text("pqrs", min_size=2, max_size=4), min_size=number, max_size=number, unique=True)
    options = data.draw(st.lists(texts.map(tuple), min_size=1, max_size=6))
    # The first and last position occur, so that counting from 0 and from 1 differ.
    options = [*options, options[0], options[0]]
    right = [data.draw(st.integers(0, number - 1)) for _ in options[2:]] + [0, number - 1]
    keys = tuple(f"({i})" for i in range(number))
    for labels in (
        [row[i] for row, i in zip(options, right)],
        [keys[i] for i in right],
        [str(i) for i in right],
        [str(i + 1) for i in right],
        ["ABCDE"[i] for i in right],
    ):
        found = answers(labels, [Options(texts=row, keys=keys) for row in options])
        assert found == [row[i] for row, i in zip(options, right)]


def test_dropped_rows_are_counted_by_reason():
    clean = clean_rows(
        rows(
            ("p", ["a", "b"], "a"),
            ("", ["a", "b"], "a"),
            ("three", ["a", "b", "c"], "c"),
            ("none", None, "c"),
            ("empty", ["a", None], "a"),
            ("twice", ["a", " a"], "a"),
            ("p", ["c", "d"], "d"),
            ("q", ["a", "b"], "a"),
            ("q", ["b", "a"], "b"),
        )
    )
    assert clean.examples == (Example(input="p", label="a", options=("a", "b")),)
    assert clean.account() == (
        "of 9 rows dropped 1 with an empty input, 2 with another number of options than 2, 2 with an empty option or "
        "one twice, 1 repeating an input, 2 with one input under different labels"
    )


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (["a", 2, 1.0], Options(texts=("a", "2", "1"))),
        ('["a", "b"]', Options(texts=("a", "b"))),
        ({"text": ["a", "b"], "label": ["A", "B"]}, Options(texts=("a", "b"), keys=("A", "B"))),
        ({"text": ["a", "b"], "label": [1, 2]}, Options(texts=("a", "b"), keys=("1", "2"))),
        ({"text": ["a", "b"]}, Options(texts=("a", "b"))),
        (None, Options()),
        (float("nan"), Options()),
        (" ", Options()),
    ],
)
def test_cells_of_options(cell, options):
    assert read_options(lambda row: f"row {row + 1} of o", "c", [cell]) == [options]


@pytest.mark.parametrize("cell", ["a, b", "7", '"ab"', 7, {"texts": ["a", "b"]}, {"text": "ab"}, [["a"], ["b"]]])
def test_cells_that_are_no_list_name_their_row(cell):
    with pytest.raises(
        UserError, match=r"row 2 of o has .* in column 'c', which is not a list of options; write them as"
    ):
        read_options(lambda row: f"row {row + 1} of o", "c", [["a", "b"], cell])


def test_options_that_are_mostly_none_or_one():
    with pytest.raises(UserError, match="most rows of rows have no options in column 'choices'; a choice needs"):
        clean_rows(rows(("p", None, "a"), ("q", [], "a")))
    with pytest.raises(UserError, match="most rows of rows have 1 option in column 'choices'; a choice needs"):
        clean_rows(rows(("p", ["a"], "a"), ("q", ["a"], "a"), ("r", ["a", "b"], "a")))


def test_nothing_left_is_said():
    with pytest.raises(UserError, match=r"no row of rows can be used \(of 1: 1 with an empty option or one twice\)"):
        clean_rows(rows(("p", ["a", "a"], "a")))


def test_missing_answers_are_counted():
    with pytest.raises(
        UserError, match="1 of 2 rows of rows has an empty label in column 'answer', the first in row 2"
    ):
        clean_rows(rows(("p", ["a", "b"], "a"), ("q", ["a", "b"], "")))


def test_columns_of_options_are_checked(tmp_path):
    path = write_three_kinds(tmp_path, QUESTIONS)[0]
    with pytest.raises(UserError, match=r"has no column 'choice', .* to --options-column \(did you mean 'choices'\?\)"):
        load_file(path, **COLUMNS | {"options_column": "choice"})
    with pytest.raises(
        UserError,
        match="the options of 'q.jsonl' would be column 'answer' too; pass different names to --options-column and --l",
    ):
        load_file(path, **COLUMNS | {"options_column": "answer"})


def test_hub_sets_with_nested_options(monkeypatch):
    datasets = pytest.importorskip("datasets", reason="optional extra hub")
    texts = {"text": ["a", "b"], "label": ["A", "B"]}
    dataset = datasets.Dataset.from_list(
        [
            {"question": "p", "choices": texts, "answer": "B"},
            {"question": "q", "choices": texts | {"label": ["1", "2"]}, "answer": "1"},
        ]
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **kwargs: dataset)
    task = load_hub("someone/quiz", **COLUMNS)
    assert task.pool == (
        Example(input="p", label="b", options=("a", "b")),
        Example(input="q", label="a", options=("a", "b")),
    )


# Which option a label means


def numbered(*records: tuple) -> Rows:
    """Rows of (options, label), each with an input of its own."""
    return rows(*((f"q{number}", options, label) for number, (options, label) in enumerate(records)))


INDICES = [(["1", "2", "0", "3"], 0), (["0", "3", "1", "2"], 1), (["3", "0", "1", "2"], 2), (["2", "3", "1", "0"], 3)]


def test_labels_that_fit_twice_are_refused_with_the_ways_to_choose():
    with pytest.raises(
        UserError,
        match=r"the labels 0, 1, 2, 3 in column 'answer' of rows can be read as an option's text and as a position "
        r"counted from 0, which name different options in 4 of 4 rows, the first in row 1 of rows; say what they are "
        r"with --label-is text or --label-is index0\.$",
    ):
        clean_rows(numbered(*INDICES))


@pytest.mark.parametrize(("label_is", "right"), [("text", "0123"), ("index0", "1310")])
def test_a_way_that_is_chosen_is_taken(label_is, right):
    examples = clean_rows(replace(numbered(*INDICES), label_is=label_is)).examples
    assert "".join(example.label for example in examples) == right


def test_a_way_that_is_chosen_but_fits_not_is_refused():
    with pytest.raises(
        UserError, match=r"row 1 of rows has the label '0' .* not a position counted from 1 \(1 / 2 / 0"
    ):
        clean_rows(replace(numbered(*INDICES), label_is="index1"))
    with pytest.raises(UserError, match=r"no reading of labels 'index'. Known: index0, index1, key, letter, text"):
        clean_rows(replace(numbered(*INDICES), label_is="index"))


@pytest.mark.parametrize(
    ("records", "ways"),
    [
        ([(["B", "A", "C"], "A"), (["A", "C", "B"], "B")], "text or --label-is letter"),
        ([(["b", "a"], "A"), (["a", "b"], "B")], "text or --label-is letter"),
        ([([2, 1, 3], 1), ([1, 3, 2], 3)], "text or --label-is index1"),
        ([([1.0, 2.0, 0.0], 1), ([0, 1, 2], 1)], "text or --label-is index0"),
        ([(["1.0", "2.0", "0.0"], 1), (["0.0", "1.0", "2.0"], 1)], "text or --label-is index0"),
        ([(["p", "q", "r"], 1), (["p", "q", "r"], 2)], "index0 or --label-is index1"),
        ([(["True", "False"], 1), (["False", "True"], 0)], "text or --label-is index0"),  # 1 is true, or a position
        ([(["yes", "no"], 1), (["no", "yes"], 0)], "text or --label-is index0"),
        # A text that is not among the options in one row: most likely an error there, no position.
        ([([4, 2, 1], 1), ([1, 0, 2], 0), ([2, 0, 1], 2), ([5, 6, 7], 1)], "index0 or --label-is text"),
        # The row's own keys come before positions, not before texts.
        (
            [({"text": ["2", "1"], "label": ["1", "2"]}, "1"), ({"text": ["1", "2"], "label": ["1", "2"]}, "2")],
            "text or",
        ),
    ],
)
def test_readings_that_disagree_are_refused(records, ways):
    with pytest.raises(UserError, match=f"say what they are with --label-is {ways}"):
        clean_rows(numbered(*records))


@pytest.mark.parametrize(
    ("records", "right"),
    [
        ([(["A", "B", "C"], "A"), (["A", "B", "C"], "C")], "AC"),  # text and letter agree
        ([([1, 2, 3], 2), ([1, 2, 3], 3)], "23"),  # text and position from 1 agree
        ([([0, 1], 1), ([0, 1], 0)], "10"),  # text and position from 0 agree
        ([(["no", "yes"], "Yes"), (["yes", "no"], "NO")], ["yes", "no"]),  # a text in another case
        ([([1.0, 2.5], "1"), ([2.50, 1], "2.5")], ["1", "2.5"]),  # numbers spelt otherwise
        ([([True, False], True), ([False, True], False)], ["True", "False"]),
        ([(["yes", "no"], True), (["no", "yes"], False)], ["yes", "no"]),
        ([(["no", "yes"], 1), (["no", "yes"], 0)], ["yes", "no"]),
        ([(["p", "q", "r"], "(C)"), (["p", "q", "r"], "b.")], "rq"),
        ([(["I", "II", "III"], "II"), (["III", "I", "II"], "I")], ["II", "I"]),
        ([(["B) red", "A) blue"], "A"), (["A) one", "B) two"], "B")], ["A) blue", "B) two"]),  # their own marks
        ([({"text": ["p", "q"], "label": ["1", "2"]}, "1"), ({"text": ["p", "q"], "label": ["0", "1"]}, "1")], "pq"),
        ([(["p", "q", "r"], 3), (["p", "q", "r"], 1)], "rp"),
    ],
)
def test_readings_that_agree_or_stand_alone_are_taken(records, right):
    assert [example.label for example in clean_rows(numbered(*records)).examples] == list(right)


@pytest.mark.parametrize(
    "records",
    [
        [(["p", "q", "r"], 0), (["p", "q", "r"], 3)],  # from 0 in one row, from 1 in the other
        [(["p", "q", "r"], "p"), (["p", "q", "r"], 1)],  # a text and a position
        [(["p", "q"], "true"), (["p", "q"], "false")],
        [(["1,000", "2,000"], 1000), (["2,000", "1,000"], 2000)],
        [(["p", "q"], "II"), (["p", "q"], "I")],
        [(["Us", "US"], "us"), (["p", "q"], "p")],  # in another case it could be either
        [(["p", "q"], -1), (["p", "q"], 1)],
    ],
)
def test_labels_that_no_way_reads_are_refused(records):
    with pytest.raises(UserError, match="in column 'answer', which is none of its options"):
        clean_rows(numbered(*records))


@given(st.data())
def test_whatever_is_read_no_other_way_says_otherwise(data):
    number = data.draw(st.integers(2, 4))
    cell = st.sampled_from(["0", "1", "2", "3", "A", "B", "C"])
    options = data.draw(st.lists(st.lists(cell, min_size=number, max_size=number, unique=True), min_size=1, max_size=4))
    labels = data.draw(st.lists(cell, min_size=len(options), max_size=len(options)))
    table = [Options(texts=tuple(row)) for row in options]
    ways = {}
    for way in ("text", "letter", "index0", "index1"):
        with contextlib.suppress(UserError):
            ways[way] = answers(labels, table, way)
    try:
        found = answers(labels, table)
    except UserError:
        return
    assert ways
    assert all(other == found for other in ways.values())


def test_the_command_line_asks_how_labels_are_meant(tmp_path, capsys):
    path = tmp_path / "q.jsonl"
    records = [{"input": f"q{n}", "options": o, "label": label} for n, (o, label) in enumerate(INDICES * 2)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    show = ["show", "--task", str(path), "--options-column", "options", "--shots", "0"]
    assert main(show) == 2
    assert "--label-is text or --label-is index0." in capsys.readouterr().err
    assert main([*show, "--label-is", "index0", "--json"]) == 0
    assert main(["show", "--task", str(path), "--label-is", "text"]) == 2
    assert "no column of options is named" in capsys.readouterr().err
