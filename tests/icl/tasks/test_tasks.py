"""Tasks: the built-in pools, files of three kinds, Hub data sets, and every way to get them wrong."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl.errors import UserError
from icl.tasks.builtin import BUILTIN_TASKS, POOL_SIZE
from icl.tasks.catalogue import load_task
from icl.tasks.cells import as_text
from icl.tasks.hub import HubName, load_hub, parse_hub_name, task_from_dataset
from icl.tasks.local import load_file
from icl.tasks.rows import Rows, task_from_rows
from icl.tasks.task import Task
from icl.tasks.wordlists import KINDS, PLACES, REVIEW_ADJECTIVES, REVIEW_FEELINGS, REVIEW_VERDICTS

ROWS = [("a fine film", "good"), ("a dull film", "bad"), ("the best of all, she said", "good")]


def write_lines(folder: Path, records: list, name: str = "reviews.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_text(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def pairs(task: Task) -> list[tuple[str, str]]:
    return [(example.input, example.label) for example in task.pool]


def as_records(rows: list) -> list[dict]:
    return [{"input": text, "label": label} for text, label in rows]


@pytest.fixture
def records() -> list[dict]:
    return as_records(ROWS)


# Built-in tasks


@pytest.mark.parametrize("name", BUILTIN_TASKS)
def test_builtin_pool_is_large_distinct_balanced_and_repeatable(name):
    task = BUILTIN_TASKS[name]()
    assert 400 <= len({example.input for example in task.pool}) == len(task.pool) <= POOL_SIZE
    if not task.is_multiple_choice:
        assert len(set(Counter(example.label for example in task.pool).values())) == 1
        assert set(task.label_space) == {example.label for example in task.pool}
    assert (task.name, task.source) == (name, "built-in")
    assert task.description == BUILTIN_TASKS[name].__doc__
    assert task == BUILTIN_TASKS[name]()
    assert len({example.label for example in task.pool[:20]}) >= len(task.label_space), "labels come in blocks"


def test_the_right_option_of_the_choice_task_stands_in_every_place_alike_and_is_one_of_the_kind_that_is_named():
    pool = BUILTIN_TASKS["kinds"]().pool
    kind_of = {word: kind for kind, words in KINDS.items() for word in words}
    for example in pool:
        named = example.input.removeprefix("Which belongs with ").removesuffix("?").replace(" and", ",").split(", ")
        assert {kind_of[word] for word in named} == {kind_of[example.label]}
        assert len({kind_of[option] for option in example.options}) == len(example.options) == 4
        assert example.label not in named
    places = Counter(example.options.index(example.label) for example in pool)
    assert all(abs(places[place] - 150) < 4.5 * np.sqrt(600 * 3 / 16) for place in range(4))


@pytest.mark.parametrize("name", BUILTIN_TASKS)
def test_builtin_inputs_never_hold_a_label_word(name):
    task = BUILTIN_TASKS[name]()
    for example in task.pool:
        assert not any(label.lower() in example.input.lower() for label in task.label_space), example


@pytest.mark.parametrize("name", ["sentiment", "topic", "continent"])
def test_builtin_sentences_are_well_formed(name):
    for example in BUILTIN_TASKS[name]().pool:
        assert re.fullmatch(r"[A-Z][^.]*[^. ]\.", example.input), example
        assert "  " not in example.input
        assert not re.search(r"\ba (?!uni)[aeiou]|\ban [^aeiou]", example.input), example


def test_parity_is_right_by_arithmetic():
    for example in BUILTIN_TASKS["parity"]().pool:
        assert example.label == ("even" if int(example.input) % 2 == 0 else "odd")


def test_sentiment_words_point_one_way():
    words = {
        label: {*REVIEW_ADJECTIVES[label], *REVIEW_FEELINGS[label], REVIEW_VERDICTS[label]}
        for label in ("positive", "negative")
    }
    assert not words["positive"] & words["negative"]
    for example in BUILTIN_TASKS["sentiment"]().pool:
        held = {label for label in words for word in words[label] if re.search(rf"\b{word}\b", example.input)}
        assert held == {example.label}, example


def test_each_place_stands_on_one_continent_and_in_one_sentence():
    places = [place for names in PLACES.values() for place in names]
    assert len(set(places)) == len(places)
    continent_of = {place: label for label, names in PLACES.items() for place in names}
    shown = []
    for example in BUILTIN_TASKS["continent"]().pool:
        place = re.search(r" in (.*?)( for ten years)?\.$", example.input)[1]
        assert continent_of[place] == example.label
        shown.append(place)
    assert len(set(shown)) == len(shown)


def test_builtin_pools_do_not_depend_on_hash_seed():
    code = "from icl.tasks.builtin import BUILTIN_TASKS as B; print([t().pool[7].input for t in B.values()])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


# Files


def test_three_kinds_of_file_give_equal_pools(tmp_path, records):
    frame = pd.DataFrame(records)
    frame.to_csv(tmp_path / "reviews.csv", index=False)
    frame.to_parquet(tmp_path / "reviews.parquet")
    tasks = [
        load_file(path)
        for path in (
            write_lines(tmp_path, records), tmp_path / "reviews.csv", str(tmp_path / "reviews.parquet")
        )
    ]  # fmt: skip
    for task in tasks:
        assert pairs(task) == ROWS
        assert task.label_space == ("bad", "good")
        assert task.name == "reviews"
        assert re.fullmatch(r"file:reviews\.(jsonl|csv|parquet)#[0-9a-f]{12}", task.source)
        assert "none dropped" in task.description
    assert len({task.source for task in tasks}) == 3


@pytest.mark.parametrize("labels", [[1, 0, 1], [1.0, 0.0, 1.0], ["1", " 0", "1 "]])
def test_numbers_become_the_same_words_in_all_kinds(tmp_path, labels):
    frame = pd.DataFrame({"input": [12, 7, 30], "label": labels})
    frame.to_csv(tmp_path / "n.csv", index=False)
    frame.to_parquet(tmp_path / "n.parquet")
    frame.to_json(tmp_path / "n.jsonl", orient="records", lines=True)
    for ending in ("csv", "parquet", "jsonl"):
        assert pairs(load_file(tmp_path / f"n.{ending}")) == [("12", "1"), ("7", "0"), ("30", "1")]


def test_csv_text_stays_text(tmp_path):
    path = write_text(tmp_path, "t.csv", '\ufeffinput,label\nNA,yes\n007,no\n\n"two\nlines, one cell",yes\n1.50,no\n')
    assert pairs(load_file(path)) == [("NA", "yes"), ("007", "no"), ("two\nlines, one cell", "yes"), ("1.50", "no")]


def test_other_columns_and_truth_values(tmp_path):
    path = write_lines(tmp_path, [{"text": "a\u2028b", "ok": True}, {"text": "c", "ok": False, "note": 1}])
    task = load_file(path, input_column="text", label_column="ok")
    assert pairs(task) == [("a\u2028b", "True"), ("c", "False")]
    assert "columns text and ok" in task.description


def test_dropped_rows_are_counted_by_reason(tmp_path):
    rows = [*ROWS, ROWS[0], (" a fine film ", "good"), ("so so", "good"), ("so so", "bad"), ("  ", "bad"), (None, None)]
    task = load_file(write_lines(tmp_path, as_records(rows)))
    assert pairs(task) == ROWS
    assert "of 9 rows dropped 2 with an empty input, 2 repeating an input with the same label" in task.description
    assert "2 with one input under different labels." in task.description


def test_a_label_lost_with_its_rows_is_said(tmp_path):
    rows = [*ROWS, ("so so", "good"), ("so so", "mixed")]
    task = load_file(write_lines(tmp_path, as_records(rows)))
    assert task.label_space == ("bad", "good")
    assert task.description.endswith("and with them every row labelled mixed.")


@given(
    st.lists(
        st.tuples(st.sampled_from(["u", " u", "v", "w", "", None]), st.sampled_from(["yes", "no"])),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_is_kept_or_counted(rows):
    inputs, labels = zip(*rows)
    try:
        task = task_from_rows(
            Rows(origin="rows", columns=("input", "label"), inputs=inputs, labels=labels), name="t", source="s"
        )
    except UserError as error:
        assert re.search("only one class|no row of rows can be used", str(error))  # noqa: PT017
        return
    dropped = sum(map(int, re.findall(r"(\d+) (?:with|repeating)", task.description)))
    assert len(task.pool) + dropped == len(rows)
    truth = {text: {label for other, label in rows if (other or "").strip() == text} for text in "uvw"}
    assert dict(pairs(task)) == {text: next(iter(seen)) for text, seen in truth.items() if len(seen) == 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), (float("nan"), None), (2, "2"), (2.0, "2"), (2.5, "2.5"), (True, "True"), (" x ", "x"), ("", "")],
)
def test_cells_as_text(value, text):
    assert as_text(value) == text


# Files that cannot serve


def test_missing_file_names_the_nearest(tmp_path, records):
    write_lines(tmp_path, records)
    with pytest.raises(UserError, match=r"there is no file .*reviws\.jsonl'; did you mean '.*reviews\.jsonl'\?$"):
        load_file(tmp_path / "reviws.jsonl")
    with pytest.raises(UserError, match=r"there is no file .*zzz\.csv'; check the path\.$"):
        load_file(tmp_path / "zzz.csv")
    with pytest.raises(UserError, match=r"there is no file .*; check the path\.$"):
        load_file(tmp_path / "no" / "such" / "folder.csv")


def test_unknown_ending(tmp_path):
    with pytest.raises(
        UserError, match=r"'a\.xlsx' has the ending '\.xlsx', not \.csv, \.tsv, \.jsonl, \.parquet; save it"
    ):
        load_file(write_text(tmp_path, "a.xlsx", "x"))
    with pytest.raises(UserError, match=r"'a' has no ending, so it could be anything; save it as \.csv"):
        load_file(write_text(tmp_path, "a", "x"))


def test_folder_instead_of_file(tmp_path):
    with pytest.raises(UserError, match=r"is a folder; name one \.csv, \.tsv, \.jsonl, \.parquet file in it"):
        load_file(tmp_path)


def test_unreadable_file(tmp_path, monkeypatch, records):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    path = write_lines(tmp_path, records)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserError, match="could not be read: Permission denied; check"):
        load_file(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_empty_file(tmp_path, name):
    with pytest.raises(UserError, match=f"'{name}' is empty; give it rows"):
        load_file(write_text(tmp_path, name, "\n"))


def test_file_without_rows(tmp_path):
    with pytest.raises(UserError, match=r"'a\.csv' is empty; give it rows"):
        load_file(write_text(tmp_path, "a.csv", "input,label\n"))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_missing_column_names_the_others(tmp_path, ending):
    frame = pd.DataFrame({"text": ["a", "b"], "labels": ["x", "y"]})
    if ending == "jsonl":
        frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    elif ending == "csv":
        frame.to_csv(tmp_path / "a.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "a.parquet")
    path = tmp_path / f"a.{ending}"
    with pytest.raises(UserError, match=r"has no column 'input', only 'text', 'labels'; pass .* to --input-column\.$"):
        load_file(path)
    with pytest.raises(UserError, match=r"no column 'label', .* to --label-column \(did you mean 'labels'\?\)\.$"):
        load_file(path, input_column="text")


def test_same_column_twice(tmp_path, records):
    with pytest.raises(UserError, match="both be column 'input', which gives every answer away"):
        load_file(write_lines(tmp_path, records), label_column="input")
    with pytest.raises(UserError, match="more than one column 'label'; rename one"):
        load_file(write_text(tmp_path, "a.csv", "input,label,label\na,x,y\n"))


@pytest.mark.parametrize(("label", "kind"), [(None, "a missing"), (float("nan"), "a missing"), (" ", "an empty")])
def test_absent_labels_are_counted(tmp_path, label, kind):
    records = as_records([*ROWS, ("more", label), ("and more", label)])
    path = write_lines(tmp_path, records)
    with pytest.raises(UserError, match=f"2 of 5 rows of .* have {kind} label in column 'label', the first in row 4;"):
        load_file(path)
    with pytest.raises(UserError, match=r"1 of 4 rows .* has a missing label"):
        load_file(write_lines(tmp_path, [*as_records(ROWS), {"input": "more"}]))


def test_one_class_only(tmp_path):
    with pytest.raises(UserError, match="only one class"):
        load_file(write_lines(tmp_path, as_records(ROWS[::2])))


def test_labels_may_begin_one_another(tmp_path):
    task = load_file(write_lines(tmp_path, as_records([("a", 1), ("b", 10)])))
    assert task.label_space == ("1", "10")


def test_swapped_columns(tmp_path):
    rows = [("good", "a"), ("bad", "b"), ("good", "c"), ("bad", "d")]
    with pytest.raises(UserError, match=r"no row of .* can be used .*4 with one input under different labels.*; check"):
        load_file(write_lines(tmp_path, as_records(rows)))


def test_json_errors_have_their_line(tmp_path):
    good = '{"input": "a", "label": "x"}\n'
    with pytest.raises(UserError, match=r"line 3 of 'a\.jsonl' is not JSON \(.* at column 1\d\); write one object"):
        load_file(write_text(tmp_path, "a.jsonl", good + '\n{"input": "b" "label": "y"}\n'))
    with pytest.raises(UserError, match=r"line 2 of 'a\.jsonl' is a JSON list, not an object; write one object"):
        load_file(write_text(tmp_path, "a.jsonl", good + '["b", "y"]\n'))


def test_nested_cell(tmp_path):
    records = [{"input": "a", "label": "x"}, {"input": ["b"], "label": "y"}]
    with pytest.raises(UserError, match=r"row 2 of 'reviews\.jsonl' has a list in column 'input'; an input or label"):
        load_file(write_lines(tmp_path, records))


def test_file_that_is_not_what_its_ending_says(tmp_path, records):
    pd.DataFrame(records).to_parquet(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"'a\.csv' is a Parquet file, not text; correct its ending"):
        load_file(tmp_path / "a.csv")
    with pytest.raises(
        UserError, match=r"line 2 of 'b\.csv' holds a NUL byte, so the file is binary or damaged; save it as UTF-8"
    ):
        load_file(write_text(tmp_path, "b.csv", "input,label\n\0\0,x\n"))
    (tmp_path / "c.jsonl").write_bytes(b'{"input": "caf\xe9", "label": "x"}')
    with pytest.raises(
        UserError, match=r"line 1 of 'c\.jsonl' is not UTF-8 text: byte 15 of the line .* is 0xe9, 'é' in W"
    ):
        load_file(tmp_path / "c.jsonl")
    with pytest.raises(UserError, match=r"'d\.parquet' is not a Parquet file \(.*\); save it again"):
        load_file(write_text(tmp_path, "d.parquet", "input,label\na,x\n"))


def test_csv_errors_have_their_line(tmp_path):
    with pytest.raises(
        UserError, match=r"line 3 of 'a\.csv' has 3 fields separated by commas where the header has 2; put text"
    ):
        load_file(write_text(tmp_path, "a.csv", "input,label\na,x\nb, c,y\n"))
    with pytest.raises(UserError, match=r"the quote that opens in line 3 of 'a\.csv' is never closed; close it"):
        load_file(write_text(tmp_path, "a.csv", 'input,label\na,x\n"b,y\n'))


# Hub


def test_hub_names():
    assert parse_hub_name("nyu-mll/glue:sst2@test") == HubName(path="nyu-mll/glue", config="sst2", split="test")
    assert parse_hub_name("imdb") == HubName(path="imdb", config=None, split="train")
    assert parse_hub_name("imdb", split="test").split == "test"
    assert str(parse_hub_name("a/b:c@d")) == "a/b:c@d"
    with pytest.raises(UserError, match="is not the name of a Hub data set; write it as owner/name:config@split"):
        parse_hub_name("a/b/c")
    with pytest.raises(UserError, match="names another split than 'test'; give the split once"):
        parse_hub_name("a/b@train", split="test")


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("datasets", reason="optional extra hub")


@pytest.fixture
def dataset(datasets):
    features = datasets.Features(
        {"text": datasets.Value("string"), "class": datasets.ClassLabel(names=["bad", "good"])}
    )
    return datasets.Dataset.from_dict(
        {"text": [*(text for text, _ in ROWS), ROWS[0][0]], "class": [1, 0, 1, 1]}, features=features
    )


def test_class_numbers_become_names(dataset):
    task = task_from_dataset(
        dataset, parse_hub_name("someone/reviews:short"), input_column="text", label_column="class"
    )
    assert pairs(task) == ROWS
    assert task.name == "reviews-short"
    assert re.fullmatch(r"hub:someone/reviews:short@train#[0-9a-f]{12}", task.source)
    assert "dropped 1 repeating an input" in task.description


def test_source_carries_the_hub_revision(dataset):
    commit = "0123456789abcdef" * 2 + "01234567"
    dataset.info.download_checksums = {f"hf://datasets/someone/reviews@{commit}/train.parquet": {}}
    task = task_from_dataset(dataset, parse_hub_name("someone/reviews"), input_column="text", label_column="class")
    assert task.source == "hub:someone/reviews@train#0123456789ab"


def test_hub_columns_and_hidden_labels(datasets, dataset):
    name = parse_hub_name("someone/reviews")
    with pytest.raises(
        UserError, match=r"Hub data set 'someone/reviews@train' has no column 'input', only 'text', 'cl"
    ):
        task_from_dataset(dataset, name, input_column="input", label_column="class")
    hidden = datasets.Dataset.from_dict({"text": ["a", "b"], "class": [0, -1]}, features=dataset.features)
    with pytest.raises(UserError, match=r"1 of 2 rows .* has a missing label in column 'class', the first in row 2"):
        task_from_dataset(hidden, name, input_column="text", label_column="class")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), "could not be reached: .*; run where there is a network"),
        (
            ValueError("Config name is missing.\nPick one of ['x']"),
            r"could not be loaded: .*\['x'\]; check its name",
        ),
        (FileNotFoundError(), "could not be loaded: FileNotFoundError; check"),
    ],
)
def test_hub_errors_are_one_sentence(datasets, monkeypatch, error, message):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(UserError, match=f"^Hub data set 'a/b' {message}.*$"):
        load_hub("a/b")


def test_hub_offline(datasets, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        UserError, match=r"'no-one/nothing' could not be reached: .*; run where .* or save it as a \.jsonl"
    ):
        load_task("no-one/nothing")


def test_hub_without_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"`pip install icl-probe-lab\[hub\]`"):
        load_hub("a/b")


# Catalogue


def test_load_task_finds_each_kind(tmp_path, monkeypatch, records):
    asked = []

    def load_hub(name, **columns):
        asked.append((name, columns))
        return load_task("parity")

    monkeypatch.setattr("icl.tasks.catalogue.load_hub", load_hub)
    assert load_task("parity").name == "parity"
    assert pairs(load_task(str(write_lines(tmp_path, records)))) == ROWS
    columns = {"input_column": "text", "label_column": "y", "options_column": "z", "label_is": "text"}
    load_task("owner/data-v1.0:config@test", **columns)
    assert asked == [("owner/data-v1.0:config@test", columns)]


@pytest.mark.parametrize(
    "name",
    ["absent.csv", "data/absent.jsonl", "./absent", "../a/b", "/a/b/c", "a/b/c", "~/x.parquet", "a.foo", "a/b.tsv"],
)
def test_what_looks_like_a_file_is_never_sought_elsewhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there is no file"):
        load_task(name)


def test_unknown_task_names_the_nearest():
    with pytest.raises(UserError, match=r"no task 'sentimnt'\. Known: .*ginc.*\. Did you mean 'sentiment'\?"):
        load_task("sentimnt", also_known=("ginc",))
    with pytest.raises(
        UserError, match=r"no task 'sst2'\. Known: .* on the Hugging Face Hub is written owner/name, such"
    ):
        load_task("sst2")
    with pytest.raises(UserError, match="no task ''"):
        load_task("")


def test_the_room_loads_without_heavy_packages():
    code = (
        "import sys, icl.tasks.catalogue; "
        "print(sorted({'torch', 'transformers', 'datasets', 'pymc', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout.strip() == "[]"
