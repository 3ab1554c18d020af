"""What each generator of conditions keeps and what it changes: inputs, orders, draws, balances, options."""

from collections import Counter
from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl.errors import UserError
from icl.ginc.family import default_family
from icl.ginc.task import GincTask, read_tokens
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.label_modes import known_label_mode, parse_label_mode, relabel
from icl.prompts.mode_columns import with_label_mode
from icl.prompts.render import Prompt
from icl.seeds import Seeds
from icl.tasks.builtin import kinds, sentiment, topic
from icl.tasks.corpus import Corpus, builtin_corpus
from icl.tasks.demonstrations import draw_orders
from icl.tasks.draw import draw_episodes
from icl.tasks.task import Example, Task


def build(task, *conditions: Condition, queries: int = 3, sets: int = 2, **selection) -> list[Prompt]:
    chosen = Selection(num_queries=queries, num_demonstration_sets=sets, seeds=Seeds.same(0), **selection)
    return build_prompts(task, {condition: ("p",) for condition in conditions}, chosen)


def of(mode: str, num_shots: int = 6, format: str = "qa", **others) -> Condition:
    return Condition.of(mode, format, num_shots, **others)


def inputs_of(prompt: Prompt) -> list[str]:
    return [part.text for part in prompt.parts if part.kind == "input"]


def labels_of(prompt: Prompt) -> list[str]:
    return [part.text for part in prompt.parts if part.kind == "label"]


# Inputs


def test_other_inputs_keep_labels_query_and_lengths_and_come_from_the_corpus():
    own, other = build(sentiment(), of("random"), of("random", input_mode="ood"), queries=1, sets=1)
    assert labels_of(own) == labels_of(other)
    assert inputs_of(own)[-1] == inputs_of(other)[-1]
    replaced = inputs_of(other)[:-1]
    assert set(replaced) <= set(builtin_corpus().sentences)
    assert len(set(replaced)) == 6
    assert not set(replaced) & set(inputs_of(own))
    assert other.demonstrations.num_wrong_shown is None
    lengths = [(len(a.split()), len(b.split())) for a, b in zip(inputs_of(own), replaced)]
    assert all(abs(a - b) <= 15 for a, b in lengths)


def test_other_inputs_are_nested_and_alike_for_every_label_mode():
    few, many, flipped = build(
        sentiment(),
        of("gold", 2, input_mode="ood"),
        of("gold", 6, input_mode="ood"),
        of("flipped", 6, input_mode="ood"),
        queries=1,
        sets=1,
    )
    assert inputs_of(many)[:2] == inputs_of(few)[:2]
    assert inputs_of(flipped) == inputs_of(many)


def test_labels_only_shows_every_label_and_no_input():
    (prompt,) = build(topic(), of("gold", 4, input_mode="none"), queries=1, sets=1)
    (query,) = inputs_of(prompt)
    shown = "".join(f"A: {label}\n\n" for label in prompt.demonstrations.shown_labels)
    assert prompt.text == f"{shown}Q: {query}\nA:"


def test_inputs_only_shows_every_input_and_no_label():
    (prompt,) = build(topic(), of("none", 4), queries=1, sets=1)
    assert len(inputs_of(prompt)) == 5
    assert not labels_of(prompt)
    assert prompt.text.count("A:") == 1


def test_inputs_from_elsewhere_on_ginc_are_tokens_of_the_family(tiny_family):
    task = GincTask(family=tiny_family, example_length=3)
    own, other = build(task, of("gold", 2, "ginc"), of("gold", 2, "ginc", input_mode="ood"), queries=1, sets=1)
    assert len(read_tokens(own.text, tiny_family)) == len(read_tokens(other.text, tiny_family))
    emitted = set(np.unique(tiny_family.emission).tolist()) - {0}
    assert {int(word) for text in inputs_of(other)[:-1] for word in text.split()} <= emitted


def test_demonstrations_that_would_show_nothing_are_refused():
    with pytest.raises(UserError, match="leaves demonstrations empty"):
        of("none", input_mode="none")
    with pytest.raises(UserError, match="no input mode 'odd'.*Did you mean 'ood'"):
        of("gold", input_mode="odd")


def test_a_corpus_that_cannot_serve_is_refused_in_a_sentence():
    few = Corpus(name="few", sentences=("One sentence of a few words.", "Another one."), source="test")
    with pytest.raises(UserError, match="'few'"):
        build(sentiment(), of("random", 6, input_mode="ood"), corpus=few)
    long = Corpus(name="long", sentences=tuple(f"{i} " + "word " * 60 for i in range(30)), source="test")
    with pytest.raises(UserError, match="'long'"):
        build(sentiment(), of("random", 6, input_mode="ood"), corpus=long)


# Orders


@given(st.integers(1, 5), st.integers(0, 2**31))
def test_all_orders_of_few_demonstrations_are_all_permutations_by_rank(num_shots, seed):
    orders = draw_orders(num_shots, 0, rng=np.random.default_rng(seed))
    assert list(orders.values()) == list(permutations(range(num_shots)))
    assert list(orders) == list(range(factorial(num_shots)))


@given(st.integers(2, 9), st.integers(1, 24), st.integers(0, 2**31))
def test_sampled_orders_are_distinct_permutations_with_the_drawn_order_first(num_shots, count, seed):
    count = min(count, factorial(num_shots))
    orders = draw_orders(num_shots, count, rng=np.random.default_rng(seed))
    assert len(set(orders.values())) == len(orders) == count
    assert orders[0] == tuple(range(num_shots))
    assert all(sorted(order) == list(range(num_shots)) for order in orders.values())
    if num_shots <= 5:
        every = list(permutations(range(num_shots)))
        assert all(every[number] == order for number, order in orders.items())


def test_orders_keep_every_pair_of_input_and_label():
    prompts = build(topic(), of("random", 4, orders=0), queries=1, sets=1)
    assert len(prompts) == len({prompt.text for prompt in prompts}) == 24
    pairs = [Counter(zip(inputs_of(prompt), labels_of(prompt))) for prompt in prompts]
    assert all(pair == pairs[0] for pair in pairs)
    assert sorted(prompt.demonstrations.order for prompt in prompts) == list(range(24))


def test_labels_that_flip_after_some_flip_by_place_in_every_order():
    for prompt in build(topic(), of("flip_after(2)", 4, orders=6), queries=1, sets=1):
        shown = prompt.demonstrations
        assert shown.shown_labels[:2] == shown.gold_labels[:2]
        assert all(a != b for a, b in zip(shown.shown_labels[2:], shown.gold_labels[2:]))


@pytest.mark.parametrize(
    ("num_shots", "count", "message"),
    [
        (3, 7, "7 orders were asked for, but 3 demonstrations have only 6"),
        (1, 2, "1 demonstration has only 1"),
        (6, 0, "6 demonstrations have 720 orders, too many to ask all"),
    ],
)
def test_orders_that_do_not_exist_are_refused(num_shots, count, message):
    with pytest.raises(UserError, match=message):
        build(topic(), of("gold", num_shots, orders=count))


# Labels drawn anew, and mappings


def test_labels_drawn_anew_change_labels_alone():
    first, again = build(topic(), of("random"), of("random", label_draw=1), queries=1, sets=1)
    assert inputs_of(first) == inputs_of(again)
    assert labels_of(first) != labels_of(again)
    assert of("gold", label_draw=3) == of("gold")  # nothing is drawn


@given(st.permutations(range(3)).filter(lambda p: all(i != j for i, j in enumerate(p))))
def test_a_given_permutation_is_the_mapping_that_is_shown(permutation):
    space = ("red", "green", "blue")
    mode = parse_label_mode(f"permuted({'-'.join(map(str, permutation))})")
    demonstrations = draw_episodes(
        colour_task(space), num_queries=1, num_demonstration_sets=1, num_demonstrations=6, seeds=Seeds.same(0)
    )[0].demonstrations
    rng = np.random.default_rng(0)
    made = relabel(demonstrations, mode, label_space=space, label_frequencies={}, rng=rng)
    for gold, shown in zip(made.gold_labels, made.shown_labels):
        assert shown == space[permutation[space.index(gold)]] == made.shown_for(gold)
    assert made.label_mode == str(mode)


def colour_task(space: tuple[str, ...]) -> Task:
    pool = tuple(Example(input=f"thing {i}", label=space[i % len(space)]) for i in range(30))
    return Task(name="colours", description="", label_space=space, pool=pool, source="test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("permuted(0)", "permutes one label"),
        ("permuted(0-2-1)", "leaves label 0 as it is"),
        ("permuted(1-1)", "is not a permutation"),
        ("permuted(a)", "is not a permutation"),
    ],
)
def test_bad_permutations_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_label_mode(text)


def test_a_permutation_of_another_number_of_labels_is_refused():
    with pytest.raises(UserError, match="permutes 2 labels, but the task has 4"):
        build(topic(), of("permuted(1-0)"))


def test_only_a_mapping_says_what_the_gold_label_is_called():
    modes = ("gold", "flipped", "permuted", "symbols", "random", "shuffled", "none")
    found = {}
    for prompt in build(topic(), *(of(mode) for mode in modes), queries=1, sets=1):
        found[prompt.demonstrations.label_mode] = prompt.demonstrations.shown_for("sports")
    assert found["gold"] == found["symbols"] == "sports"
    assert found["flipped"] not in (None, "sports")
    assert found["permuted"] not in (None, "sports")
    assert found["random"] is found["shuffled"] is found["none"] is None
    (other,) = build(topic(), of("flipped", input_mode="ood"), queries=1, sets=1)
    assert other.demonstrations.shown_for("sports") is None


# Balances


def test_skewed_draws_show_one_label_most_and_another_one_in_each_set():
    task = topic()
    prompts = build(task, of("gold", 8, balance="skewed(0.75)"), queries=1, sets=4)
    most = [Counter(prompt.demonstrations.gold_labels).most_common(1)[0] for prompt in prompts]
    assert [count for _, count in most] == [6] * 4
    assert {label for label, _ in most} == set(task.label_space)


def test_balances_stand_beside_each_other_in_one_run_with_the_same_queries():
    prompts = build(
        sentiment(), *(of("gold", 4, balance=b) for b in ("balanced", "as-drawn", "skewed(0.9)")), of("gold", 0)
    )
    queries = {}
    for prompt in prompts:
        queries.setdefault(prompt.demonstrations.balance, set()).add(prompt.query_id)
    assert len(set(map(frozenset, queries.values()))) == 1
    assert len({prompt.demonstrations.set_id for prompt in prompts}) == 6


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        ("balance", "no balance of demonstrations 'balance'.*Did you mean 'balanced'"),
        ("skewed", r"skewed needs a share of one label between 0 and 1, got 'skewed'; write skewed\(0.75\)"),
        ("skewed(1.5)", "between 0 and 1, got"),
        ("skewed(x)", "between 0 and 1, got"),
    ],
)
def test_bad_balances_are_refused(balance, message):
    with pytest.raises(UserError, match=message):
        of("gold", balance=balance)


def test_ginc_has_no_balance_to_choose():
    task = GincTask(family=default_family(), example_length=3)
    with pytest.raises(UserError, match="as their concept draws them"):
        build(task, of("gold", 2, "ginc", balance="as-drawn"))


# Multiple choice


def test_the_candidates_of_a_choice_are_its_own_options():
    (prompt,) = build(kinds(), of("gold", 3), queries=1, sets=1)
    assert len(prompt.candidates) == 4
    assert prompt.gold_label in [candidate.label for candidate in prompt.candidates]
    assert labels_of(prompt) == list(prompt.demonstrations.gold_labels)
    assert prompt.text.count("(A)") == 0


@pytest.mark.parametrize("mode", ["random", "fraction_correct(0)", "flipped"])
def test_wrong_labels_of_a_choice_are_options_of_the_same_question(mode):
    (prompt,) = build(kinds(), of(mode, 12), queries=1, sets=1)
    shown = prompt.demonstrations
    assert all(label in options for label, options in zip(shown.shown_labels, shown.options))
    if mode != "random":
        assert all(label != gold for label, gold in zip(shown.shown_labels, shown.gold_labels))


@pytest.mark.parametrize("mode", ["permuted", "symbols", "random_marginal", "flip_after(1)", "random_words"])
def test_modes_that_need_one_label_space_are_refused_for_choices(mode):
    with pytest.raises(UserError, match="needs one label space for all questions"):
        build(kinds(), of(mode, 3))


def test_letters_answer_with_the_mark_of_the_option():
    (prompt,) = build(kinds(), of("gold", 2, "options-letters"), queries=1, sets=1)
    assert [candidate.text for candidate in prompt.candidates] == [" A", " B", " C", " D"]
    shown = prompt.demonstrations
    marks = ["ABCD"[options.index(gold)] for gold, options in zip(shown.gold_labels, shown.options)]
    assert labels_of(prompt) == marks
    listed = "".join(f"({mark}) {c.label}\n" for mark, c in zip("ABCD", prompt.candidates))
    assert prompt.text.endswith(f"{listed}A:")


def test_rotations_put_every_option_in_every_place_once():
    prompts = build(kinds(), *(of("gold", 2, "options", option_order=k) for k in range(4)), queries=1, sets=1)
    places = [[c.label for c in prompt.candidates] for prompt in prompts]
    assert all(len({row[place] for row in places}) == 4 for place in range(4))
    assert len({prompt.gold_label for prompt in prompts}) == 1
    assert len({prompt.text.rpartition("Q: ")[0] for prompt in prompts}) == 1  # the demonstrations stay


@pytest.mark.parametrize(
    ("task", "condition", "message"),
    [
        (kinds(), of("gold", 2, "qa", option_order=1), "format 'qa' lists no options, so their order cannot vary"),
        (kinds(), of("gold", 2, "options", option_order=4), "4 options, which have 4 rotations, but 5"),
        (topic(), of("gold", 2, "qa", option_order=1), "belongs to multiple choice"),
        (topic(), of("gold", 2, "options-letters"), "task 'topic' has no options"),
    ],
)
def test_option_orders_that_do_not_exist_are_refused(task, condition, message):
    with pytest.raises(UserError, match=message):
        build(task, condition)


def test_queries_of_their_own_are_asked_and_never_shown():
    task = sentiment()
    apart = replace(task, pool=task.pool[:100], query_pool=task.pool[100:130])
    prompts = build(apart, of("gold", 4), queries=30, sets=2)
    asked = {inputs_of(prompt)[-1] for prompt in prompts}
    assert asked == {example.input for example in apart.query_pool}
    assert not {text for prompt in prompts for text in inputs_of(prompt)[:-1]} & asked
    with pytest.raises(UserError, match="has 30 queries, but 31 were asked for"):
        build(apart, of("gold", 4), queries=31)


def test_numbered_formats_count_demonstrations_and_the_query():
    (prompt,) = build(topic(), of("gold", 2, "numbered"), queries=1, sets=1)
    assert [part.text for part in prompt.parts if part.kind == "item"] == ["1. ", "2. ", "3. "]


def test_what_several_conditions_ask_for_is_written_once_with_all_its_probes():
    chosen = Selection(num_queries=2, num_demonstration_sets=1, seeds=Seeds.same(0))
    conditions = {of("gold", 3): ("a",), of("gold", 3, orders=0): ("b",)}
    prompts = build_prompts(topic(), conditions, chosen)
    assert len(prompts) == 2 * 6
    assert {prompt.probes for prompt in prompts if prompt.demonstrations.order == 0} == {("a", "b")}
    assert {prompt.probes for prompt in prompts if prompt.demonstrations.order > 0} == {("b",)}


def test_two_labels_have_one_permutation_however_often_it_is_drawn():
    prompts = build(sentiment(), of("permuted"), of("permuted", label_draw=1), queries=1, sets=1)
    assert len(prompts) == 1


def test_labels_that_flip_too_late_to_be_seen_follow_no_mapping():
    late, seen = build(topic(), of("flip_after(8)", 4), of("flip_after(2)", 4), queries=1, sets=1)
    assert late.demonstrations.shown_for("sports") is None
    assert seen.demonstrations.shown_for("sports") not in (None, "sports")


@pytest.mark.parametrize(
    ("name", "share_correct", "num_kept"),
    [
        ("gold", None, None),
        ("fraction_correct(0.25)", 0.25, None),
        ("flip_after(4)", None, 4),
        ("flip_after(0)", None, 0),
    ],
)
def test_the_name_of_a_label_mode_in_a_table_is_read_back(name, share_correct, num_kept):
    mode = known_label_mode(name)
    assert str(mode) == name
    assert (mode.share_correct, mode.num_kept) == (share_correct, num_kept)


def test_a_label_mode_of_another_lab_has_a_name_alone():
    assert known_label_mode("permuted labels of Doe") is None


def test_a_column_of_label_modes_is_read_by_their_properties():
    """`random_words` begins like `random`, and `flipped_by_me` like `flipped`; neither is one."""
    names = pd.Series(["gold", "fraction_correct(0.5)", "random_words", "flipped_by_me", "flip_after(4)", "gold"])
    assert with_label_mode(names, lambda mode: mode.is_noise).tolist() == [True, True, False, False, False, True]
    assert with_label_mode(names, lambda mode: mode.permutes).tolist() == [False, False, False, False, True, False]
    assert with_label_mode(names, lambda mode: mode.lacks_label_words).tolist() == [False, False, True, *[False] * 3]
    assert with_label_mode(names[:0], lambda mode: mode.is_noise).tolist() == []


def test_modes_that_permute_move_labels_and_noise_keeps_some():
    demonstrations = build(topic(), of("gold", 12), queries=1, sets=1)[0].demonstrations
    frequencies = dict.fromkeys(topic().label_space, 1)
    for name in ("gold", "random", "random_marginal", "shuffled", "fraction_correct(0.5)", "flipped", "permuted"):
        mode, rng = parse_label_mode(name), np.random.default_rng(0)
        made = relabel(demonstrations, mode, label_space=topic().label_space, label_frequencies=frequencies, rng=rng)
        moved = {shown != gold for shown, gold in zip(made.shown_labels, made.gold_labels)}
        assert mode.permutes == (moved == {True})
        assert mode.is_noise != mode.permutes
