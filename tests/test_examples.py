"""What README and the documentation show of commands is what these print."""

from pathlib import Path

import numpy as np
import pytest
import readme_figure
from examples import Example, differences, examples_of

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
EXAMPLES = [
    example
    for page in PAGES
    if not {"_build", "generated"} & set(page.relative_to(ROOT).parts)
    for example in examples_of(page, ROOT)
]

QUICK = {"show", "plan", "list", "import"}
SAMPLED = {"fit": (0.15, 0.08)}
"""Command → how far its numbers may move, relative and absolute: draws differ between processors."""


def named(example: Example) -> str:
    return f"{example.source}: {example.command}"


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.name in QUICK], ids=named)
def test_quick_examples_print_what_is_shown(example, tmp_path):
    assert differences(example.shown, example.run(tmp_path)) == ""


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> dict[str, list[str]]:
    """Long commands → what they print, run in the order of the pages, since a fit is of the run before it."""
    folder = tmp_path_factory.mktemp("examples")
    slow = dict.fromkeys(example for example in EXAMPLES if example.name not in QUICK)
    found: dict[str, list[str]] = {"folder": [str(folder)]}
    for example in slow:
        if example.command not in found:
            found[example.command] = example.run(folder)
    return found


@pytest.mark.slow
def test_slow_examples_print_what_is_shown(printed):
    wrong = {}
    for example in EXAMPLES:
        if example.name not in QUICK:
            relative, absolute = SAMPLED.get(example.name, (0.0, 0.0))
            now = printed[example.command]
            wrong[named(example)] = differences(example.shown, now, relative=relative, absolute=absolute)
    assert not any(wrong.values()), "\n\n".join(f"{name}\n{text}" for name, text in wrong.items() if text)


@pytest.mark.slow
def test_the_figure_of_readme_is_of_the_demo(printed):
    now = readme_figure.curves(readme_figure.learning_curves(Path(printed["folder"][0]) / "runs" / "demo"))
    drawn = readme_figure.drawn_curves(ROOT / "docs" / "demo.png")
    assert now.keys() == drawn.keys()
    for panel, lines in drawn.items():
        np.testing.assert_allclose(now[panel], lines, atol=0.011, err_msg=panel)


def test_there_are_examples_of_each_kind():
    assert {"show", "plan", "demo", "fit", "selftest"} <= {example.name for example in EXAMPLES}


SHOWN = ("accuracy 14.0 [7.7, 20.3]", "[…]", "took … s", "done")


@pytest.mark.parametrize(
    ("printed", "agrees"),
    [
        (["accuracy 14.0 [7.7, 20.3]", "between", "took 3 s", "done"], True),
        (["accuracy  14.1 [7.7, 20.3]", "took 3.1 s", "done"], True),
        (["accuracy 14.2 [7.7, 20.3]", "took 3 s", "done"], False),
        (["accuracy 14.0 [7.7, 20.3]", "took 3 s"], False),
        (["accuracy 14.0 [7.7, 20.3]", "took 3 s", "done", "and more"], False),
        (["precision 14.0 [7.7, 20.3]", "took 3 s", "done"], False),
        (["accuracy -14.0 [7.7, 20.3]", "took 3 s", "done"], False),
        (["before", "accuracy 14.0 [7.7, 20.3]", "took 3 s", "done"], False),
    ],
)
def test_lines_agree_where_words_are_the_same_and_numbers_near(printed, agrees):
    assert (differences(SHOWN, printed) == "") == agrees


def test_a_count_must_be_exact_unless_its_command_samples():
    assert differences(("30 of 36",), ["29 of 36"])
    assert not differences(("30 of 36",), ["29 of 36"], relative=0.1)
