"""Reading files: separators, quotes, encodings, characters that no model can be given; each said with its line."""

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl.errors import UserError
from icl.tasks.corpus import Corpus, load_corpus
from icl.tasks.local import load_file
from icl.tasks.remarks import task_notices
from icl.tasks.rows import Rows, task_from_rows
from icl.tasks.separated import read_separated
from icl.tasks.task import Example, Task

REVIEWS = [("A fine, long film", "good"), ("A dull, flat film", "bad"), ("so, so", "good")]
BODY = "".join(f"{text};{label}\n" for text, label in REVIEWS)


def read(folder: Path, name: str, content: str | bytes, **columns) -> Task:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_file(path, **columns)


def pairs(task: Task) -> list[tuple[str, str]]:
    return [(example.input, example.label) for example in task.pool]


def refused(folder: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(folder, name, content)
    str(caught.value).encode()


# Separators


@pytest.mark.parametrize(("separator", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_other_separators_are_found_and_said(tmp_path, separator, called, ends):
    text = f"input;label\n{BODY}".replace(";", separator).replace("\n", ends)
    task = read(tmp_path, "a.csv", text)
    assert pairs(task) == REVIEWS
    assert task.notes == (f"'a.csv' is read as separated by {called}.",)


@pytest.mark.parametrize(
    ("above", "notes"),
    [
        ("sep=;\n", 1),
        ('\ufeff"sep=;"\r\n', 1),
        ("# collected in May, 2024\n", 2),
        ("# one\n// two\n\n", 2),
        ("My survey\n", 2),
        ("My survey; no comma\n  \n", None),
    ],
)
def test_lines_above_the_header_are_left_out(tmp_path, above, notes):
    text = f"{above}input;label\n{BODY}"
    if notes is None:  # as many fields as the header: it could be the header
        refused(tmp_path, "a.csv", text, "has no column 'input', only 'My survey', 'no comma'")
        return
    task = read(tmp_path, "a.csv", text)
    assert pairs(task) == REVIEWS
    assert len(task.notes) == notes


def test_a_separator_that_the_file_names_is_taken(tmp_path):
    assert pairs(read(tmp_path, "a.csv", "sep=^\ninput^label\n" + BODY.replace(";", "^"))) == REVIEWS
    assert pairs(read(tmp_path, "b.csv", "SEP=\\t\ninput\tlabel\n" + BODY.replace(";", "\t"))) == REVIEWS


def test_a_title_in_a_padded_row_is_no_header(tmp_path):
    task = read(tmp_path, "a.csv", "Survey,,\nid,input,label\n1,a,x\n2,b,y\n")
    assert pairs(task) == [("a", "x"), ("b", "y")]


def test_decimal_commas_and_thousands_stay_as_they_are_between_semicolons(tmp_path):
    assert pairs(read(tmp_path, "a.csv", "input;label\n1,5;0,1\n2,5;0,2\n")) == [("1,5", "0,1"), ("2,5", "0,2")]
    assert pairs(read(tmp_path, "b.csv", "input;label\na;1.000\nb;2.000\n")) == [("a", "1.000"), ("b", "2.000")]
    assert pairs(read(tmp_path, "c.csv", "input;label\na;1.0\nb;2.0\n")) == [("a", "1"), ("b", "2")]


def test_rows_of_other_lengths_are_said_with_the_separator_of_the_header(tmp_path):
    refused(tmp_path, "a.csv", "input,label\na,x\nb, c,y\n", "line 3 of 'a.csv' has 3 fields .* text that has commas")
    refused(tmp_path, "a.csv", "input;label\na;x\n\nb; c;y\n", "line 4 of 'a.csv' has 3 fields .* that has semicolons")
    refused(tmp_path, "a.csv", "input\tlabel\na\n", "line 2 of 'a.csv' has 1 field separated by tabs .* complete")
    refused(tmp_path, "a.csv", "text;mood\na, b;x\n", "has no column 'input', only 'text', 'mood'")


def test_lines_of_separators_only_are_blank(tmp_path):
    assert pairs(read(tmp_path, "a.csv", "input,label\na,x\n,,,\n   \nb,y\n")) == [("a", "x"), ("b", "y")]


def test_separators_that_end_every_row_add_no_field(tmp_path):
    assert pairs(read(tmp_path, "a.csv", "input,label\n,,,\na,x,\nb,y,\n")) == [("a", "x"), ("b", "y")]
    refused(tmp_path, "a.csv", "input,label\na,x,\nb, c,y\n", "line 3 of 'a.csv' has 3 fields")
    refused(tmp_path, "a.csv", "input,label\na,x,\nb,y\n", "line 3 of 'a.csv' has 2 fields")


def test_tsv_files_and_a_separator_line_that_is_wrong(tmp_path):
    task = read(tmp_path, "a.tsv", "input\tlabel\na\tx\nb\ty\n")
    assert (pairs(task), task.notes) == ([("a", "x"), ("b", "y")], ())
    assert pairs(read(tmp_path, "a.csv", "sep=;\ninput,label\na,x\nb,y\n")) == [("a", "x"), ("b", "y")]


def test_json_lines_under_another_ending_are_named(tmp_path):
    refused(tmp_path, "a.csv", '{"input": "a", "label": "x"}\n', "'a.csv' holds JSON, .*give it the ending .jsonl")


def test_a_header_alone_is_an_empty_file(tmp_path):
    refused(tmp_path, "a.csv", "input;label\n", "'a.csv' is empty; give it rows")


def test_one_column_may_hold_any_separator_but_one(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("text\nWell, fine.\nSo so\n", encoding="utf-8")
    corpus = load_corpus(path)
    assert (corpus.sentences, corpus.notes) == (("Well, fine.", "So so"), ())
    path.write_text("id;text\n1;Well, fine.\n", encoding="utf-8")
    assert load_corpus(path).notes == ("'c.csv' is read as separated by semicolons.",)


# The last letter keeps a field from being blank or a number, which are read as such.
FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8).map(lambda text: text + "x")


@settings(max_examples=60)
@given(
    table=st.lists(st.tuples(FIELDS, FIELDS), max_size=6),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_standard_library_writes_is_read(table, separator, quoting, ends):
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, quoting=quoting, lineterminator=ends)
    writer.writerows([("input", "label"), *table])
    found = read_separated("a.csv", written.getvalue(), ("input", "label"))
    assert list(zip(found.column("input"), found.column("label"))) == table
    assert len(found.lines) == len(table)


# Quotes


def test_quotes_behind_spaces_are_no_part_of_a_label(tmp_path):
    text = 'input, label\n"a, b", "positive"\n"c" , "negative" \nd , negative\n'
    task = read(tmp_path, "a.csv", text)
    assert pairs(task) == [("a, b", "positive"), ("c", "negative"), ("d", "negative")]


def test_quotes_inside_text_are_text(tmp_path):
    text = 'input,label\nHe said "hi" there,good\n"a ""b"" c",bad\n'
    assert pairs(read(tmp_path, "a.csv", text)) == [('He said "hi" there', "good"), ('a "b" c', "bad")]
    text = 'input,x,label\na, "b" c,good\nd,e,bad\n'  # only as text does every row have three fields
    assert pairs(read(tmp_path, "b.csv", text)) == [("a", "good"), ("d", "bad")]
    task = read(tmp_path, "c.csv", 'input\tlabel\n"Hi" he said\tgood\n5" nails\tbad\n')
    assert pairs(task) == [('"Hi" he said', "good"), ('5" nails', "bad")]
    assert "Quotes in 'c.csv' do not enclose its fields and are read as text." in task.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,x\n"b,y\nc,x\nd,y\n', "the quote that opens in line 3 of 'a.csv' is never closed; close it"),
        ('"a\nb",x\n"b,y\n', "the quote that opens in line 4 of 'a.csv' is never closed"),
        ('a,x\n"b,y\nc,x\n"d, e",y\n', "opens in line 3 of 'a.csv' is not closed .* text follows the next quote, in l"),
        ('"Hi" he said,x\n', "opens in line 2 of 'a.csv' is not closed .* text follows the next quote; close it"),
        ('"say \\"hi\\"",x\n', "opens in line 2 of 'a.csv' is not closed .*double the quotes inside quoted text"),
    ],
)
def test_a_stray_quote_is_said_where_it_opens(tmp_path, text, message):
    refused(tmp_path, "a.csv", "input,label\n" + text, message)


def test_rows_inside_a_quoted_text_are_said(tmp_path):
    task = read(tmp_path, "a.csv", 'input,label\na,good\n"b,bad\nc,good\nd",bad\n')
    assert "A quoted text of 'a.csv' that begins in line 3 runs over 3 lines" in task.notes[0]
    assert read(tmp_path, "b.csv", 'input,label\na,good\n"Dear all,\nfine, thanks",bad\n').notes == ()


def test_a_field_may_have_any_length(tmp_path):
    assert len(read(tmp_path, "a.csv", f"input,label\n{'x' * 200_000},good\nb,bad\n").pool[0].input) == 200_000


# Bytes


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(tmp_path, encoding):
    named = "UTF-32" if encoding == "utf-32" else "UTF-16"
    refused(tmp_path, "a.csv", f"input;label\n{BODY}".encode(encoding), f"'a.csv' is {named} text, not UTF-8; save it")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_bytes_that_are_no_utf8_are_said_with_their_line(tmp_path, ends):
    content = ends.join(["input,label", "", "a,x", "café,y"]).encode("cp1252")
    place = content.index(b"\xe9") + 1
    message = (
        rf"line 4 of 'a.csv' .* byte 4 of the line \(byte {place} of the file\) is 0xe9, 'é' in Windows-1252; save"
    )
    refused(tmp_path, "a.csv", content, message)
    refused(
        tmp_path, "b.csv", b"input,label\na,x\xed\xa0\xbd\n", "line 2 of 'b.csv' is not UTF-8 text: byte 4 of the li"
    )
    refused(tmp_path, "c.csv", "input,label\ncafé".encode()[:-1], "ends in the middle of a character, so it is cut off")


def test_files_of_other_kinds_are_named(tmp_path):
    refused(tmp_path, "a.csv", gzip.compress(b"input,label\na,x\n"), "'a.csv' is compressed by gzip, .*decompress it")
    refused(tmp_path, "a.jsonl", b"PK\x03\x04....", r"'a.jsonl' is a zip archive \(as an Excel workbook is\), not text")
    refused(tmp_path, "a.jsonl", b"%PDF-1.7", "'a.jsonl' is a PDF document, not text; correct its ending")
    refused(tmp_path, "a.csv", b"input,label\na,x\nb\0,y\n", "line 3 of 'a.csv' holds a NUL byte")


def test_parquet_text_that_is_no_utf8_is_said_with_its_row(tmp_path):
    as_bytes = pyarrow.array([b"fine", b"caf\xe9"], pyarrow.binary())
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 2, as_bytes.buffers())  # takes the bytes unchecked
    pyarrow.parquet.write_table(pyarrow.table({"input": broken, "label": ["x", "y"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="row 2 of 'a.parquet' has text in column 'input' that is not UTF-8"):
        load_file(tmp_path / "a.parquet")


# JSON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"input": "a", "label": %s}' % ("1" * 5000), "line 1 of 'a.jsonl' holds a number that is too long to read"),
        ('{"input": "a", "label": %s}' % ("[" * 200_000), "line 1 of 'a.jsonl' is nested too deeply"),
        ('\n\n{"input": "a", "label": "x", "label": "y"}', "line 3 of 'a.jsonl' has 'label' more than once"),
        ('[{"input": "a", "label": "x"},\n{"input": "b", "label": "y"}]', "'a.jsonl' is one JSON document; write each"),
        ('{"rows": [\n{"input": "a", "label": "x"}]}', "'a.jsonl' is one JSON document; write each"),
        (
            '{"input": "a", "label": "x"}\n\n{"input": Infinity, "label": "y"}',
            r"row 2 \(line 3\) .* an infinite number",
        ),
        ('{"input": {"t": "a"}, "label": "x"}', "row 1 of 'a.jsonl' has an object in column 'input'; an input or"),
        ('{"input": "a", "label": NaN}', "has a missing label in column 'label', the first in row 1; fill"),
        ('{"input": "a", "label": "x"}\n# end', r"line 2 of 'a.jsonl' is not JSON \(Expecting value at column 1\)"),
    ],
)
def test_json_that_cannot_serve_is_said_with_its_line(tmp_path, text, message):
    refused(tmp_path, "a.jsonl", text, message)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\n \n", "\n\ufeff"])
def test_lines_of_json_may_end_in_any_way(tmp_path, ends):
    lines = ['{"input": "a\\u2028b", "label": 1.0}', '{"input": "c", "label": 2}', ""]
    assert pairs(read(tmp_path, "a.jsonl", "\ufeff" + ends.join(lines))) == [("a\u2028b", "1"), ("c", "2")]


# Characters


@pytest.mark.parametrize("half", ["\\ud83d", "\\udc00", "\\ud83dx\\udc00"])
@pytest.mark.parametrize("column", ["input", "label", "options"])
def test_half_characters_are_said_with_row_and_column(tmp_path, half, column):
    cells = {"input": '"b"', "label": '"y"', "options": '["y", "z"]'}
    cells[column] = f'"b{half}"' if column != "options" else f'["y", "z{half}"]'
    bad = "{" + ", ".join(f'"{name}": {cell}' for name, cell in cells.items()) + "}"
    good = '{"input": "a \\ud83d\\ude00", "label": "x", "options": ["x", "y"], "other": "\\ud83d"}'
    path = tmp_path / "a.jsonl"
    path.write_text(f"{good}\n\n{bad}\n", encoding="utf-8")
    message = (
        rf"row 2 \(line 3\) of 'a.jsonl' holds half a character \(an unpaired surrogate, U\+D...\) in column '{column}'"
    )
    with pytest.raises(UserError, match=message):
        load_file(path, options_column="options")


def test_half_characters_in_names_can_be_printed(tmp_path):
    refused(tmp_path, "a.jsonl", '{"inp\\ud83d": "a", "label": "x"}', r"only 'inp\\ud83d', 'label'")
    with pytest.raises(UserError, match=r"the path '.*caf\\udce9\.csv' is not UTF-8; rename the file or folder"):
        load_file(str(tmp_path / "caf\udce9.csv"))


def test_half_characters_in_a_corpus_are_said_with_their_row(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b \\ud83d"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2 of 'c.jsonl' holds half a character .* in column 'text'"):
        load_corpus(path)
    with pytest.raises(UserError, match="sentence 2 of corpus 'c' holds half a character"):
        Corpus(name="c", sentences=("a", "b \ud83d"), source="test")


@pytest.mark.parametrize("bad", ["b\ud83d", "b\0"])
def test_tasks_in_memory_are_checked_alike(bad):
    pool = (Example(input="a", label="x"), Example(input=bad, label="y"))
    with pytest.raises(UserError, match=r"the input of example 2 in the pool of task 't' holds (half|a NUL)"):
        Task(name="t", description="", label_space=("x", "y"), pool=pool, source="test")
    rows = Rows(origin="rows", columns=("input", "label"), inputs=["a", "b"], labels=["x", bad])
    with pytest.raises(UserError, match="row 2 of rows holds (half|a NUL) .* in column 'label'"):
        task_from_rows(rows, name="t", source="test")


def test_characters_that_nobody_sees_are_said(tmp_path):
    lines = [{"input": "a\ufeffb", "label": "x"}, {"input": "c\x07\ufffd", "label": "y"}, {"input": "d", "label": "x"}]
    task = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    (note,) = task_notices(task)
    assert note.startswith("2 of 3 inputs hold characters that are not text (U+FEFF, U+0007, U+FFFD)")
    assert task_notices(read(tmp_path, "b.csv", "input,label\ntabs\tand 👩‍🔬 and نیم‌فاصله,x\nb,y\n")) == []


# Labels that hardly differ


def labelled(*labels: str) -> Task:
    pool = tuple(Example(input=f"text {number}", label=label) for number, label in enumerate(labels))
    return Task(name="t", description="", label_space=tuple(sorted(set(labels))), pool=pool, source="test")


def test_labels_that_differ_in_case_spaces_or_quotes_are_said():
    (note,) = task_notices(labelled("Positive", "positive", "positive", '"positive"', "negative"))
    assert note.startswith(
        "Labels 'Positive' (1), 'positive' (2), '\"positive\"' (1) differ only in case, spaces or sig"
    )
    assert "very  good" in task_notices(labelled("very good", "very  good"))[0]
    assert "1.0" in task_notices(labelled("1", "1.0", "2"))[0]
    assert task_notices(labelled("positive", "negative", "neutral", "1", "10", "<", ">")) == []


def test_labels_that_all_stand_in_quotes_are_said():
    assert task_notices(labelled("'yes'", "'no'"))[0].startswith("All labels are in quotes, such as 'no', and")


@pytest.mark.parametrize("twin", ["cafe\u0301", "caf\u200bé", "ca\u00adfé", "caf\u034fé", "café\ufe0f", "café\u3164"])
def test_labels_that_look_the_same_are_refused(twin):
    with pytest.raises(UserError, match=r"labels '.*' and '.*' of task 't' look the same on a screen"):
        labelled("café", twin)


@pytest.mark.parametrize("unseen", ["\u200b", "\u3164", "\u2060 \u2800", "\ufe0f"])
def test_a_label_of_invisible_characters_is_empty(unseen, tmp_path):
    with pytest.raises(UserError, match="task 't' has an empty label"):
        labelled("yes", unseen)
    rows = [{"input": "a", "label": "yes"}, {"input": "b", "label": unseen}, {"input": unseen, "label": "no"}]
    with pytest.raises(UserError, match="1 of 3 rows of 'a.jsonl' has an empty label in column 'label', the first in"):
        read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))


def test_spaces_and_marks_around_labels_are_no_part_of_them(tmp_path):
    text = (
        '{"input": "a", "label": " yes"}\n{"input": "b", "label": "yes\\ufeff"}\n{"input": "c", "label": "\\u00a0no"}'
    )
    assert pairs(read(tmp_path, "a.jsonl", text)) == [("a", "yes"), ("b", "yes"), ("c", "no")]


def test_options_that_hardly_differ_are_said():
    pool = [Example(input="p", label="Red", options=("Red", "red")), Example(input="q", label="a", options=("a", "b"))]
    task = Task(name="t", description="", label_space=(), pool=tuple(pool), source="test")
    assert task_notices(task)[0].startswith("1 of 2 questions have options that differ only in case, spaces or signs")


def test_parquet_decimals_are_numbers(tmp_path):
    frame = pd.DataFrame({"input": ["a", "b"], "label": [1, 2]})
    table = pyarrow.Table.from_pandas(frame).set_column(
        1, "label", pyarrow.array([1, 2], pyarrow.int64()).cast(pyarrow.decimal128(21, 2))
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert pairs(load_file(tmp_path / "a.parquet")) == [("a", "1"), ("b", "2")]
