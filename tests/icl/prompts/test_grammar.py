"""Numbered formats: numerals, options, and the grammar as a bijection between numbers and what is written."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl.errors import UserError
from icl.prompts.formats import FORMATS, Format, get_format
from icl.prompts.grammar import GRAMMAR, Grammar
from icl.prompts.numbering import letters, roman

numbers = st.integers(0, GRAMMAR.size - 1)
PARTS = [field.name for field in fields(Format) if field.name != "name"]


def small(**changes) -> Grammar:
    return Grammar(
        **{
            "descriptors": (("input", "output"),),
            "separators": (": ",),
            "spacings": ("\n",),
            "casings": ("lower",),
            "items": ("",),
            "demonstration_separators": ("\n\n",),
        }
        | changes
    )


@given(st.integers(1, 10_000))
def test_letters_count_without_gap(position):
    value = 0
    for letter in letters(position):
        value = value * 26 + ord(letter) - ord("a") + 1
    assert value == position


@given(st.integers(1, 3999))
def test_roman_numerals_add_up(position):
    worth = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}[numeral] for numeral in roman(position)]
    assert sum(-a if a < b else a for a, b in zip(worth, [*worth[1:], 0])) == position
    assert not any(numeral * 4 in roman(position) for numeral in "ivxlcd")


@pytest.mark.parametrize(
    ("item", "written"),
    [
        ("", ["", "", ""]),
        ("* ", ["* ", "* ", "* "]),
        ("{1}. ", ["1. ", "4. ", "28. "]),
        ("({a}) ", ["(a) ", "(d) ", "(ab) "]),
        ("{A}) ", ["A) ", "D) ", "AB) "]),
        ("[{i}] ", ["[i] ", "[iv] ", "[xxviii] "]),
        ("No. {I}: ", ["No. I: ", "No. IV: ", "No. XXVIII: "]),
    ],
)
def test_a_format_numbers_its_demonstrations(item, written):
    format = Format(name="f", item=item)
    assert [format.number(position) for position in (1, 4, 28)] == written


def test_options_are_listed_with_their_marks():
    format = Format(name="f", option="({A}) {option}\n", answer="mark", label_casing="upper")
    assert format.write_option(2, "a {1} or {option}") == "(B) A {1} OR {OPTION}\n"
    assert [format.option_mark(position) for position in (1, 2, 27)] == ["A", "B", "AA"]
    bullets = Format(name="f", option="- {option}\n")
    assert bullets.write_option(3, "x") == "- x\n"
    assert bullets.option_mark(3) == ""
    assert Format(name="f").write_option(1, "x") == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"item": "{n}. "},
            r"the item of format 'f' has the field '\{n\}'; it can have \{1\}, \{A\}, \{I\}, \{a\}, \{i\}",
        ),
        ({"item": "{1}{a} "}, r"the item '\{1\}\{a\} ' of format 'f' repeats a field or has two numbers; keep one"),
        ({"option": "({A})\n"}, r"does not show the option; put \{option\} into it"),
        ({"option": "{option} {option}"}, "repeats a field"),
        (
            {"option": "- {option}", "answer": "mark"},
            "is to be answered by an option's mark, but its option .* has none",
        ),
        ({"answer": "mark"}, r"has none; put a number such as \{A\} into it"),
    ],
)
def test_templates_that_cannot_be_written_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        Format(name="f", **changes)


@pytest.mark.parametrize("position", [0, -1])
def test_lists_are_counted_from_one(position):
    format = FORMATS["options-letters"]
    for write in (FORMATS["numbered"].number, format.option_mark, lambda p: format.write_option(p, "x")):
        with pytest.raises(UserError, match=f"there is no position {position} in a list; count from 1"):
            write(position)


def test_formats_that_add_one_thing_add_nothing_else():
    assert replace(FORMATS["numbered"], name="input-output", item="") == FORMATS["input-output"]
    assert replace(FORMATS["options"], name="qa", option="") == FORMATS["qa"]
    assert replace(FORMATS["options-letters"], name="qa", option="", answer="text") == FORMATS["qa"]


@settings(max_examples=30)
@given(numbers)
def test_number_and_format_belong_to_each_other(number):
    format = GRAMMAR.format(number)
    assert format.name == f"g{number}"
    assert GRAMMAR.index(format) == GRAMMAR.index(replace(format, name="mine")) == number
    assert get_format(f"g{number}", world="text") == format


def two_shots(format: Format) -> str:
    demonstrations = [
        format.number(i) + format.input_prefix + f"in{i}" + format.field_separator + format.label_prefix + f"out{i}"
        for i in (1, 2)
    ]
    return format.demonstration_separator.join(demonstrations)


def test_every_format_is_written_differently():
    formats = list(GRAMMAR.enumerate())
    assert len(formats) == GRAMMAR.size == np.prod(GRAMMAR.shape)
    assert 300 <= len(formats) <= 5000
    assert len({two_shots(format) for format in formats}) == len(formats)
    assert len({format.name for format in formats}) == len(formats)


def test_every_format_shows_where_a_label_ends_and_which_field_is_asked():
    for format in GRAMMAR.enumerate():
        assert "\n" in format.demonstration_separator
        assert format.demonstration_separator != format.field_separator
        assert format.label_prefix.strip().lower() != format.input_prefix.strip().lower()
        assert two_shots(format).count(format.field_separator + format.label_prefix) == 2


@given(numbers)
def test_casing_touches_descriptors_alone(number):
    format = GRAMMAR.format(number)
    assert format.input_casing == format.label_casing == "keep"
    alike = [GRAMMAR.format(other) for other in GRAMMAR.neighbours(number)]
    cased = [other for other in alike if other.input_prefix.lower() == format.input_prefix.lower()]
    cased = [other for other in cased if other.input_prefix != format.input_prefix]
    assert len(cased) == len(GRAMMAR.casings) - 1
    for other in cased:
        assert replace(other, name=format.name, input_prefix="", label_prefix="") == replace(
            format, input_prefix="", label_prefix=""
        )


@settings(max_examples=30)
@given(numbers)
def test_neighbours_differ_in_exactly_one_component(number):
    neighbours = GRAMMAR.neighbours(number)
    digits = np.unravel_index(number, GRAMMAR.shape)
    assert len(set(neighbours)) == len(neighbours) == sum(GRAMMAR.shape) - len(GRAMMAR.shape)
    for other in neighbours:
        assert sum(a != b for a, b in zip(digits, np.unravel_index(other, GRAMMAR.shape))) == 1
        assert number in GRAMMAR.neighbours(other)
        changed = {
            part for part in PARTS if getattr(GRAMMAR.format(number), part) != getattr(GRAMMAR.format(other), part)
        }
        assert len(changed) == 1 or changed == {"input_prefix", "label_prefix"}


def test_neighbours_reach_every_format():
    seen, waiting = {0}, [0]
    while waiting:
        new = set(GRAMMAR.neighbours(waiting.pop())) - seen
        seen |= new
        waiting += new
    assert len(seen) == GRAMMAR.size


@given(st.integers(0, 50), st.integers(0, 2**31))
def test_samples_are_different_reproducible_and_nested(count, seed):
    sample = GRAMMAR.sample(count, rng=np.random.default_rng(seed))
    assert len(sample) == len(set(sample)) == count
    assert sample == GRAMMAR.sample(50, rng=np.random.default_rng(seed))[:count]


def test_a_whole_sample_is_the_grammar(rng):
    grammar = small(separators=(": ", " = "), items=("", "{1}. "), spacings=("\n", " "))
    assert set(grammar.sample(8, rng=rng)) == set(grammar.enumerate())
    with pytest.raises(UserError, match="the grammar has 8 formats, but 9 were asked for; ask for 0 to 8"):
        grammar.sample(9, rng=rng)


def test_a_catalogue_format_is_found_in_the_grammar():
    assert GRAMMAR.index(FORMATS["input-output"]) == 0
    with pytest.raises(
        UserError, match=f"format 'arrow' is not one of the grammar's formats; .* g0 to g{GRAMMAR.size - 1}"
    ):
        GRAMMAR.index(FORMATS["arrow"])


@pytest.mark.parametrize("name", [f"g{GRAMMAR.size}", "g" + "9" * 30])
def test_numbers_beyond_the_grammar_are_refused(name):
    with pytest.raises(
        UserError, match=f"there is no format '{name}': the grammar has {GRAMMAR.size}; choose one of g0"
    ):
        get_format(name, world="text")


@pytest.mark.parametrize("name", ["g017", "g-1", "g", "g1.5", "g١"])
def test_only_plain_numbers_name_a_format(name):
    with pytest.raises(UserError, match=f"no format '{name}'. Known: .*g0 to g{GRAMMAR.size - 1}"):
        get_format(name, world="text")


def test_grammar_formats_are_for_text():
    with pytest.raises(UserError, match="format 'g1' is not for ginc tasks; use one of ginc"):
        get_format("g1", world="ginc")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"separators": ()}, "a component of the grammar has no values"),
        ({"separators": (": ", ": ")}, "1 of the grammar's 2 formats are repeats as written"),
        ({"casings": ("keep", "lower")}, "are repeats as written"),
        ({"descriptors": (("text", "Text"),)}, "do not tell input from label"),
        ({"descriptors": (("", "label"),)}, "do not tell input from label"),
        ({"demonstration_separators": ("; ",)}, "does not show where a label ends"),
        ({"demonstration_separators": ("\n",)}, "does not show where a label ends"),
        ({"items": ("{n}",)}, "has the field"),
    ],
)
def test_grammars_that_write_unclear_formats_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        small(**changes)
