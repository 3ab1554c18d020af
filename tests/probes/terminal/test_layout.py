"""Printed text fits the terminal, whatever it holds."""

import re
import shlex

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.terminal.layout import entries, next_lines, paragraphs, table_lines, text_width, wrapped

_TEXT = st.text(st.sampled_from("abc de,.(=)模型é "), max_size=60)


@given(text=_TEXT, width=st.integers(40, 90), indent=st.integers(0, 8))
def test_wrapping_keeps_every_word_and_breaks_only_between_words(text, width, indent):
    lines = wrapped(text, indent=indent, hang=2, width=width)
    assert " ".join(lines).split() == text.split()
    may_break = re.compile("[^±=] [^%±=]")  # a number and its unit are one word
    assert all(text_width(line) <= width or not may_break.search(line.strip()) for line in lines)


def test_a_number_and_its_unit_that_are_longer_than_a_line_are_left_whole():
    long = f"{'a' * 23} ± {'型' * 5}"
    assert wrapped(f"so it {long} it is", width=30) == ["so it", long, "it is"]


def test_a_number_keeps_its_unit():
    text = "the interval covers 90 % of what 1.5 ± 0.2 promise"
    lines = [line for width in range(10, 50) for line in wrapped(text, width=width)]
    assert not any(line.startswith(("%", "±")) or line.endswith("±") for line in lines)


@given(
    cells=st.lists(st.lists(_TEXT, min_size=4, max_size=4), min_size=1, max_size=4),
    headers=st.lists(st.text(st.sampled_from("abc de"), min_size=1, max_size=30), min_size=4, max_size=4, unique=True),
    width=st.integers(40, 90),
    keys=st.integers(1, 2),
)
def test_no_table_passes_the_width_or_loses_a_cell(cells, headers, width, keys):
    lines = table_lines(pd.DataFrame(cells, columns=headers), keys=keys, width=width, indent=2)
    assert max(map(text_width, lines)) <= width
    letters = sorted("".join(lines).replace(" ", ""))
    for text in [cell for row in cells for cell in row]:
        for letter in text.replace(" ", ""):
            letters.remove(letter)


def test_a_wide_table_wraps_its_headers_then_its_text_then_itself():
    table = pd.DataFrame(
        {"condition": ["gold", "random"], "P(signal > noise)": ["0.91", "0.02"], "drift": ["1.2", "–3"]}
    )
    assert table_lines(table, width=40) == [
        "           P(signal",
        "condition  > noise)  drift",
        "gold           0.91    1.2",
        "random         0.02     –3",
    ]
    wide = pd.DataFrame({"name": ["a"]} | {f"column{i}": ["0.123 [0.100, 0.200]"] for i in range(4)})
    assert [line.split() for line in table_lines(wide, width=50)[:2]] == [
        ["name", "column0", "column1"],
        ["a", "0.123", "[0.100,", "0.200]", "0.123", "[0.100,", "0.200]"],
    ]
    assert table_lines(wide, width=50)[3].split() == ["name", "column2", "column3"]


def test_letters_that_take_two_columns_are_counted_so():
    lines = table_lines(pd.DataFrame({"label": ["正面", "b"], "n": ["1", "22"]}), width=40)
    assert [text_width(line) for line in lines] == [9, 9, 9]


def test_entries_hang_and_long_names_stand_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "48")
    lines = entries({"qa": "a question and an answer on a line of its own", "a-name-longer-than-a-third": "meaning"})
    assert lines == [
        "qa                a question and an answer on a",
        "                  line of its own",
        "a-name-longer-than-a-third",
        "                  meaning",
    ]


def test_paragraphs_keep_blank_lines_and_indentation(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert paragraphs(["\nprobe: a question", "  a line that is longer than forty columns are"]) == [
        "",
        "probe: a question",
        "  a line that is longer than forty",
        "    columns are",
    ]


@pytest.mark.parametrize(
    ("path", "written"),
    [("runs/a", "runs/a"), ("runs/my run (1)", "'runs/my run (1)'"), ("it's; rm", "'it'\"'\"'s; rm'")],
)
def test_commands_are_quoted_for_the_shell(path, written):
    assert next_lines("probe", "fit", path) == [f"Next: probe fit {written}"]


def test_a_long_command_goes_on_as_a_shell_takes_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = next_lines("probe", "fit", "runs/a", "--account", "drift-diffusion", "--draws", 4000, "--out", "my run")
    assert all(len(line) <= 40 for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])
    asked = shlex.split(" ".join(line.removesuffix("\\") for line in lines))
    assert asked[1:4] == ["probe", "fit", "runs/a"]
    assert asked[-4:] == ["--draws", "4000", "--out", "my run"]
