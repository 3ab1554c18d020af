"""The 26 data sets of Min et al. 2022: rows as the Hub has them, inputs and labels as the paper writes them."""

import re
import sys
from string import Formatter

import numpy as np
import pytest

from icl.errors import UserError
from icl.prompts.formats import Format
from icl.tasks.catalogue import load_task
from icl.tasks.min2022 import DERIVATIONS, get_min_set, load_min_task, min_task
from icl.tasks.min2022_sets import MIN_SETS
from icl.tasks.task import Example, Task

datasets = pytest.importorskip("datasets", reason="optional extra hub")

from min_samples import MANUAL, NUMBER, SAMPLES, TEXT, choices, classes


def make_splits(name: str, rows: list[dict] | None = None) -> list:
    """One split with all rows, or one with the first and one with the others."""
    features, samples, _ = SAMPLES[name]
    rows = rows or samples
    full = [{column: row.get(column) for column in features} for row in rows]
    parts = [full] if MIN_SETS[name].test_split is None else [full[:1], full[1:]]
    return [datasets.Dataset.from_list(part, features=datasets.Features(features)) for part in parts]


def as_examples(samples: list[tuple]) -> set[Example]:
    return {Example(input=s[0], label=s[1], options=s[2] if len(s) > 2 else ()) for s in samples}


# The catalogue


def test_the_paper_has_16_sets_of_classification_and_10_of_multiple_choice():
    kinds = [record.is_multiple_choice for record in MIN_SETS.values()]
    assert kinds == [False] * 16 + [True] * 10
    assert set(SAMPLES) == set(MIN_SETS)
    assert {name for name, record in MIN_SETS.items() if record.manual} == set(MANUAL)


@pytest.mark.parametrize("record", MIN_SETS.values(), ids=MIN_SETS)
def test_templates_name_only_columns_that_the_set_has(record):
    features = SAMPLES[record.name][0]
    assert set(record.columns) <= set(features)
    assert record.label in record.columns
    row = {column: "x" for column in record.columns} | {"option": "x", "continuation": "x"}
    fields = set(DERIVATIONS[record.derive](row))
    templates = [record.input, record.option]
    if record.manual:
        templates += [record.manual.input, record.manual.option]
    named = {field for template in templates for _, field, _, _ in Formatter().parse(template) if field is not None}
    assert named <= fields
    assert set(record.options) <= fields


@pytest.mark.parametrize("record", MIN_SETS.values(), ids=MIN_SETS)
def test_label_words_compete(record):
    minimal = record.label_words
    manual = tuple(record.manual.words.get(word, word) for word in minimal) if record.manual else ()
    assert record.manual is None or set(record.manual.words) <= set(minimal)
    for words in (minimal, tuple(dict.fromkeys(manual))):
        assert len(set(words)) == len(words)
        assert not any(a != b and b.startswith(a) for a in words for b in words)
    assert bool(minimal) != record.is_multiple_choice


@pytest.mark.parametrize("record", [r for r in MIN_SETS.values() if not r.is_multiple_choice], ids=lambda r: r.name)
def test_classes_are_those_of_the_hub_in_their_order(record):
    assert list(record.classes) == SAMPLES[record.name][0][record.label].names


def test_manual_templates_are_formats():
    fields = ("instruction", "input_prefix", "field_separator", "label_prefix", "demonstration_separator")
    written = {}
    for name in MANUAL:
        record = MIN_SETS[name]
        style = Format(name=name, **{field: getattr(record.manual, field) for field in fields})
        example = min_task(record, make_splits(name), template="manual").pool[0]
        written[name] = style.input_prefix + example.input + style.field_separator + style.label_prefix + example.label
    # Table 3 of the paper, with the sentences of the samples in place of its own.
    assert written["sick"] == (
        "A man is screaming.\nThe question is: A man is scared. True or False?\nThe answer is: False"
    )
    assert written["tweet_eval-hate"] == "Tweet: The truth about #Immigration\nSentiment: against"
    assert written["poem_sentiment"] == "willis sneered:\nThe sentiment is: negative"
    assert written["openbookqa"] == "The question is: What creates a valley?\nThe answer is: water"
    assert written["superglue-copa"] == "I coughed because I inhaled smoke."


# Rows made into tasks


@pytest.mark.parametrize("name", SAMPLES)
def test_rows_become_the_papers_examples(name):
    record = MIN_SETS[name]
    task = min_task(record, make_splits(name))
    assert len(task.pool) == len(task.query_pool) == 1
    assert {*task.pool, *task.query_pool} == as_examples(SAMPLES[name][2])
    assert task.label_space == tuple(sorted(record.label_words))
    assert (task.name, task.is_multiple_choice) == (name, record.is_multiple_choice)
    assert re.fullmatch(rf"hub:{re.escape(str(record.hub))}#[0-9a-f]{{12}}(\+[0-9a-f]{{12}})?", task.source)
    if record.test_split is not None:
        assert set(task.pool) == as_examples(SAMPLES[name][2][:1])


@pytest.mark.parametrize("name", MANUAL)
def test_rows_become_the_papers_manual_examples(name):
    task = min_task(MIN_SETS[name], make_splits(name), template="manual")
    assert {*task.pool, *task.query_pool} == as_examples(MANUAL[name])
    assert task.name == f"{name}@manual"
    assert {example.label for example in task.pool} <= set(task.label_space) or task.is_multiple_choice


@pytest.mark.parametrize("record", [r for r in MIN_SETS.values() if r.test_split is None], ids=lambda r: r.name)
def test_sets_of_one_split_are_cut_into_the_papers_numbers(record):
    texts = [f"row {i}" for i in range(sum(record.num_rows))]
    text_column = next(field for _, field, _, _ in Formatter().parse(record.input) if field)
    columns = {column: ["same"] * len(texts) for column in record.columns}
    columns |= {text_column: texts, record.label: [next(iter(record.classes))] * len(texts)}
    task = min_task(record, [datasets.Dataset.from_dict(columns)])
    assert (len(task.pool), len(task.query_pool)) == record.num_rows
    # The paper's preparation shuffles a list of rows by NumPy's global generator.
    np.random.seed(42)  # noqa: NPY002
    np.random.shuffle(texts)  # noqa: NPY002
    shown = [re.search(r"row \d+", example.input)[0] for example in (*task.pool, *task.query_pool)]
    assert shown == texts


def test_classes_that_the_paper_leaves_out_are_left_out():
    rows = [
        *SAMPLES["hate_speech18"][1],
        {"text": "What ?", "label": 2},
        {"text": "As he said .", "label": 3},
        {"text": "Hello .", "label": 0},
    ]
    task = min_task(MIN_SETS["hate_speech18"], make_splits("hate_speech18", rows))
    assert {example.input for example in (*task.pool, *task.query_pool)} == {"Good morning .", "Go away .", "Hello ."}
    assert task.description.endswith("2 rows of idk/skip and relation left out; the paper has 8562 and 2141 rows.")


def test_an_input_of_both_splits_is_only_a_query():
    shared, other = SAMPLES["glue-rte"][1]
    features = SAMPLES["glue-rte"][0]
    train, validation = (
        datasets.Dataset.from_list([row | {"idx": 0} for row in rows], features=datasets.Features(features))
        for rows in ([shared, other, {**other, "sentence2": "A man sang."}], [shared])
    )
    task = min_task(MIN_SETS["glue-rte"], [train, validation])
    start = "sentence 1: A girl sang. [SEP] sentence 2: "
    assert [example.input for example in task.pool] == [start + "A boy sang.", start + "A man sang."]
    assert [example.label for example in task.query_pool] == ["entailment"]
    assert task.description == (
        "glue-rte of Min et al. 2022 (entailment / not_entailment): for demonstrations of 3 rows none dropped, then 1 "
        "that are queries too; for queries of 1 rows none dropped; the paper has 2490 and 277 rows."
    )


def test_questions_with_another_number_of_options_are_dropped():
    rows = SAMPLES["ai2_arc"][1]
    five = {"question": "Which?", "choices": choices(*"vwxyz"), "answerKey": "E"}
    task = min_task(MIN_SETS["ai2_arc"], make_splits("ai2_arc", [rows[0], rows[1], {**rows[0], "question": "?"}, five]))
    assert (len(task.pool), len(task.query_pool), task.num_options) == (1, 2, 4)
    assert "for queries of 3 rows dropped 1 with another number of options than 4" in task.description


# Sets that changed, and names


def test_a_set_that_lost_a_column():
    splits = [split.remove_columns("sentence2") for split in make_splits("glue-rte")]
    with pytest.raises(
        UserError,
        match=r"'nyu-mll/glue:rte@train' has no column 'sentence2' any more, only 'sentence1', 'idx', 'label'; save ",
    ):
        min_task(MIN_SETS["glue-rte"], splits)


def test_a_set_that_renumbered_its_classes():
    features = datasets.Features(SAMPLES["glue-rte"][0] | {"label": classes("not_entailment", "entailment")})
    splits = [split.cast(features) for split in make_splits("glue-rte")]
    with pytest.raises(
        UserError,
        match="has the classes not_entailment, entailment in column 'label', where task 'min:glue-rte' knows entai",
    ):
        min_task(MIN_SETS["glue-rte"], splits)


@pytest.mark.parametrize(("kind", "value"), [(NUMBER, 7), (NUMBER, -1), (TEXT, "maybe"), (NUMBER, None)])
def test_a_label_out_of_the_classes(kind, value):
    features = datasets.Features({"sentence": TEXT, "label": kind})
    split = datasets.Dataset.from_list([{"sentence": "a", "label": value}], features=features)
    with pytest.raises(
        UserError, match=r"row 1 of .* has the label .* in column 'label', where task 'min:fin.* knows neg"
    ):
        min_task(MIN_SETS["financial_phrasebank"], [split])


@pytest.mark.parametrize("kind", ["numbers", "names"])
def test_classes_without_names_are_read_too(kind):
    features, rows, samples = SAMPLES["climate_fever"]
    names = features["claim_label"].names
    plain = [
        {"claim": row["claim"], "claim_label": row["claim_label"] if kind == "numbers" else names[row["claim_label"]]}
        for row in rows
    ]
    task = min_task(MIN_SETS["climate_fever"], [datasets.Dataset.from_list(plain)])
    assert {*task.pool, *task.query_pool} == as_examples(samples)


def test_names_and_templates():
    assert get_min_set("min:sick") is get_min_set("sick") is MIN_SETS["sick"]
    with pytest.raises(UserError, match=r"no task 'min:glue-rt'\. Known: min:ai2_arc, .*Did you mean 'min:glue-rte'\?"):
        load_task("min:glue-rt")
    with pytest.raises(UserError, match=r"no task 'glue-rte'\. Known: .*Did you mean 'min:glue-rte'\?"):
        load_task("glue-rte")
    with pytest.raises(UserError, match="no template 'manuel'. Known: manual, minimal. Did you mean 'manual'"):
        load_task("min:glue-rte@manuel")
    with pytest.raises(
        UserError, match="Min et al. have no manual template for 'qasc', only for .*, superglue-copa; load"
    ):
        load_task("min:qasc@manual")


# Loading


@pytest.fixture
def asked(monkeypatch):
    """Answer `load_dataset` with the samples, and remember what was asked for."""
    calls = []

    def load_dataset(path, **where):
        calls.append((path, where))
        record = next(r for r in MIN_SETS.values() if r.hub.path == path)
        return make_splits(record.name)[0 if where["split"] == record.hub.split else 1]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def test_both_splits_are_loaded(asked):
    task = load_task("min:openbookqa")
    assert isinstance(task, Task)
    assert len(task.pool) == len(task.query_pool) == 1
    assert asked == [("allenai/openbookqa", {"name": "main", "split": split}) for split in ("train", "validation")]
    assert load_task("min:openbookqa@manual").name == "openbookqa@manual"


def test_loading_scripts_are_read_from_the_parquet_export(asked):
    load_min_task("sick")
    load_min_task("ethos-national_origin")
    export = {"revision": "refs/convert/parquet"}
    assert asked == [
        ("RobZamp/sick", export | {"data_dir": "default", "split": "train"}),
        ("RobZamp/sick", export | {"data_dir": "default", "split": "validation"}),
        ("iamollas/ethos", export | {"data_dir": "multilabel", "split": "train"}),
    ]


def test_offline_is_one_sentence_that_says_what_to_do(monkeypatch):
    def load_dataset(*args, **kwargs):
        raise ConnectionError("Couldn't reach 'nyu-mll/glue' on the Hub (OfflineModeIsEnabled)")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(
        UserError,
        match=r"^Hub data set 'nyu-mll/glue:rte@train' of task 'min:glue-rte' could not be reached: Couldn't reach "
        r".*; run where there is a network, or save it as a \.jsonl and name that file\.$",
    ):
        load_task("min:glue-rte")


def test_without_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        UserError, match=r"of task 'min:sick' needs the package datasets.*`pip install icl-probe-lab\[hub"
    ):
        load_task("min:sick")
