"""Prompts: what each label mode keeps and changes, what formats write, what pairing holds constant."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from other_seeds import fixed_rng

from icl.errors import UserError
from icl.ginc.family import default_family
from icl.ginc.task import GincTask, read_tokens
from icl.prompts.audit import twin_notices
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.endings import begin_one_another
from icl.prompts.formats import FORMATS, get_format
from icl.prompts.label_modes import LABEL_MODES, label_words, parse_label_mode, relabel, shown_words
from icl.prompts.render import CONTENT_FREE, content_free, label_prior, render, render_channel
from icl.prompts.stand_ins import RANDOM_WORDS, SYMBOLS
from icl.seeds import Seeds, stream
from icl.tasks.alike import reading_key
from icl.tasks.corpus import Corpus
from icl.tasks.demonstrations import Demonstrations
from icl.tasks.draw import draw_episodes, examples_by_id
from icl.tasks.ood import draw_ood
from icl.tasks.task import Example, Task

SPACE = ("red", "green", "blue")


def demonstrations(gold: list[str]) -> Demonstrations:
    return Demonstrations(
        set_id="s",
        inputs=tuple(f"input {i}" for i in range(len(gold))),
        gold_labels=tuple(gold),
        shown_labels=tuple(gold),
    )


def shown(mode: str, gold: list[str], seed: int = 0, frequencies: dict | None = None) -> Demonstrations:
    return relabel(
        demonstrations(gold),
        parse_label_mode(mode),
        label_space=SPACE,
        label_frequencies=frequencies or dict.fromkeys(SPACE, 1.0),
        rng=np.random.default_rng(seed),
    )


golds = st.lists(st.sampled_from(SPACE), min_size=1, max_size=20)
seeds = st.integers(0, 2**31)


@given(golds, seeds, st.sampled_from([m for m in LABEL_MODES if m not in ("fraction_correct", "flip_after")]))
def test_every_label_mode_keeps_inputs_and_gold_labels(gold, seed, mode):
    made = shown(mode, gold, seed)
    assert made.gold_labels == tuple(gold)
    assert made.inputs == demonstrations(gold).inputs
    assert made.label_mode == mode
    assert made.shown_labels is None or set(made.shown_labels) <= set(SPACE)


@given(golds, seeds)
def test_shuffling_keeps_the_counts_exactly(gold, seed):
    assert Counter(shown("shuffled", gold, seed).shown_labels) == Counter(gold)


@given(golds, seeds, st.floats(0, 1))
def test_fraction_correct_shows_exactly_so_many_right_labels(gold, seed, fraction):
    made = shown(f"fraction_correct({fraction!r})", gold, seed)
    assert made.num_wrong_shown == len(gold) - round(fraction * len(gold))


@pytest.mark.parametrize("mode", ["flipped", "permuted"])
@given(gold=golds, seed=seeds)
def test_flipping_is_a_consistent_mapping_without_fixed_point(mode, gold, seed):
    made = shown(mode, gold, seed)
    mapping = set(zip(made.gold_labels, made.shown_labels))
    assert len(mapping) == len({g for g, _ in mapping}) == len({s for _, s in mapping})
    assert all(g != s for g, s in mapping)


@given(golds, seeds, st.integers(0, 25))
def test_flipping_after_some_keeps_those_and_flips_the_rest(gold, seed, kept):
    made = shown(f"flip_after({kept})", gold, seed)
    assert made.shown_labels[:kept] == tuple(gold[:kept])
    if kept < len(gold):
        assert made.shown_labels[kept:] == shown("flipped", gold[kept:], seed).shown_labels


@pytest.mark.parametrize("method", ["direct", "channel"])
def test_random_words_stand_in_demonstrations_only(colours, method):
    conditions = {Condition.of(mode, "qa", 12, method): () for mode in ("gold", "random_words")}
    selection = Selection(num_queries=1, num_demonstration_sets=1, seeds=Seeds.same(0))
    gold, strange = build_prompts(colours, conditions, selection)
    assert [(c.label, c.given, c.text) for c in gold.candidates] == [
        (c.label, c.given, c.text) for c in strange.candidates
    ]
    words = [part.text for part in strange.parts if part.kind == "label"]
    assert len(words) == 12
    assert 1 < len(set(words)) <= 3  # one word a label, drawn at random for each demonstration
    assert set(words) <= set(RANDOM_WORDS)
    assert not {label for label in SPACE if f"A: {label}" in strange.text}
    assert strange.demonstrations.num_wrong_shown is None
    assert [p.text for p in gold.parts if p.kind == "input"] == [p.text for p in strange.parts if p.kind == "input"]


def test_random_labels_are_uniform_and_marginal_ones_follow_the_pool():
    gold = ["red"] * 6000
    uniform = Counter(shown("random", gold).shown_labels)
    assert all(abs(uniform[label] - 2000) < 4.5 * np.sqrt(6000 * 2 / 9) for label in SPACE)
    frequencies = {"red": 6.0, "green": 3.0, "blue": 1.0}
    marginal = Counter(shown("random_marginal", gold, frequencies=frequencies).shown_labels)
    for label, weight in frequencies.items():
        share = weight / 10
        assert abs(marginal[label] - 6000 * share) < 4.5 * np.sqrt(6000 * share * (1 - share))


def test_none_shows_no_labels_and_counts_none_wrong():
    made = shown("none", ["red", "blue"])
    assert made.shown_labels is None
    assert made.num_wrong_shown is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("goldd", "no label mode 'goldd'.*Did you mean 'gold'"),
        ("fraction_correct", "needs a share of correct labels between 0 and 1"),
        ("fraction_correct(1.5)", "between 0 and 1, got 'fraction_correct"),
        ("random(0.5)", "takes no argument"),
        ("flip_after", r"needs a whole number of gold labels to begin with, got 'flip_after'; .* flip_after\(4\)"),
        ("flip_after(1.5)", "needs a whole number"),
    ],
)
def test_bad_label_modes_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_label_mode(text)


def test_render_writes_the_format_exactly():
    query = Example(input="Third", label="no")
    prompt = render(
        "t",
        Demonstrations(set_id="s", inputs=("First", "Second"), gold_labels=("yes", "no"), shown_labels=("no", "no")),
        query,
        FORMATS["qa"],
        words={"yes": "yes", "no": "no"},
    )
    assert prompt.text == "Q: First\nA: no\n\nQ: Second\nA: no\n\nQ: Third\nA:"
    assert [candidate.text for candidate in prompt.candidates] == [" yes", " no"]
    assert prompt.gold_index == 1
    assert prompt.shown_indices == (1, 1)


def test_shouting_changes_casing_of_inputs_and_labels():
    prompt = render(
        "t", demonstrations(["red"]), Example(input="x", label="red"), FORMATS["shouting"], words={"red": "red"}
    )
    assert prompt.text == "INPUT: INPUT 0\nOUTPUT: RED\n\nINPUT: X\nOUTPUT:"
    assert prompt.candidates[0].text == " RED"
    assert prompt.candidates[0].label == "red"


@pytest.mark.parametrize("method", ["direct", "channel"])
def test_labels_that_a_format_writes_alike_are_refused_all_at_once(method):
    words = ("US", "us", "Neg", "NEG", "fine")
    pool = tuple(Example(input=f"i{i}", label=words[i % 5]) for i in range(50))
    task = Task(name="t", description="", label_space=words, pool=pool, source="test")
    asked = {Condition.of("gold", "lowercase", 2, method): ("p",)}
    with pytest.raises(
        UserError, match=r"format 'lowercase' writes different labels of task 't' alike \('neg', 'us'\)"
    ):
        build_prompts(task, asked, selection())
    choice = Task(
        name="c",
        description="",
        label_space=(),
        source="test",
        pool=tuple(Example(input=f"i{i}", label="US", options=("US", "us")) for i in range(20)),
    )
    with pytest.raises(UserError, match=r"writes different labels of task 'c' alike \('us'\)"):
        build_prompts(choice, asked, selection())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_separates_demonstrations_and_ends_without_space(name):
    format = FORMATS[name]
    words = dict.fromkeys(SPACE, "") | {label: label for label in SPACE}
    one = render("t", demonstrations(["red"]), Example(input="query", label="red"), format, words=words)
    none = render("t", demonstrations([]), Example(input="query", label="red"), format, words=words)
    assert one.text.endswith(none.text.removeprefix(format.instruction).removeprefix(format.number(1)))
    assert one.text == one.text.rstrip(" ")
    assert {candidate.text.strip().lower() for candidate in one.candidates} == set(SPACE)


def test_formats_of_the_catalogue_are_distinct_and_enough():
    text = [format for format in FORMATS.values() if format.world == "text"]
    assert len(text) >= 8
    assert len({format.example() + format.demonstration_separator for format in text}) == len(text)


def test_unknown_and_foreign_formats_are_refused():
    with pytest.raises(UserError, match="no format 'arow'.*Did you mean 'arrow'"):
        get_format("arow", world="text")
    with pytest.raises(UserError, match="format 'qa' is not for ginc tasks"):
        get_format("qa", world="ginc")


def conditions(*modes: str, shots=(0, 3, 6), formats=("qa", "arrow")) -> dict:
    product = [Condition.of(mode, format, n) for format in formats for n in shots for mode in modes]
    return {condition: ("p",) for condition in product}


def selection(**changes) -> Selection:
    return Selection(**{"num_queries": 5, "num_demonstration_sets": 2, "seeds": Seeds.same(0)} | changes)


def test_conditions_are_paired(colours):
    prompts = build_prompts(colours, conditions("gold", "random", "shuffled"), selection())
    by_condition: dict = {}
    for p in prompts:
        key = (p.demonstrations.label_mode, p.format, len(p.demonstrations))
        by_condition.setdefault(key, {})[p.query_id, p.demonstrations.set_id] = p
    assert len(by_condition) == 2 * (1 + 3 * 2)  # all label modes share zero shots
    queries = set(by_condition["zero_shot", "qa", 0])
    assert len(queries) == 10
    for key, cell in by_condition.items():
        assert set(cell) == queries
        for place, prompt in cell.items():
            inputs = by_condition["gold", "arrow", 6][place].demonstrations.inputs
            assert prompt.demonstrations.inputs == inputs[: key[2]]  # nested, and equal in every mode and format
    for place, prompt in by_condition["random", "qa", 6].items():
        assert (
            prompt.demonstrations.shown_labels == by_condition["random", "arrow", 6][place].demonstrations.shown_labels
        )


def test_adding_a_condition_leaves_the_others_as_they_were(colours):
    few = build_prompts(colours, conditions("random", shots=(3,)), selection())
    many = build_prompts(colours, conditions("gold", "random", "shuffled", shots=(0, 3, 3)), selection())
    assert {p.prompt_id for p in few} <= {p.prompt_id for p in many}


def test_label_seed_changes_labels_alone(colours):
    first = build_prompts(colours, conditions("random", shots=(6,)), selection())
    second = build_prompts(
        colours,
        conditions("random", shots=(6,)),
        selection(seeds=Seeds(selection=0, labels=1, order=0, format=0)),
    )
    assert [p.demonstrations.inputs for p in first] == [p.demonstrations.inputs for p in second]
    assert [p.query_id for p in first] == [p.query_id for p in second]
    assert [p.demonstrations.shown_labels for p in first] != [p.demonstrations.shown_labels for p in second]


def test_balanced_demonstrations_are_balanced_at_every_shot_count(colours):
    episodes = draw_episodes(
        colours, num_queries=4, num_demonstration_sets=3, num_demonstrations=9, seeds=Seeds.same(0)
    )
    for episode in episodes:
        for n in range(10):
            counts = Counter(episode.demonstrations.first(n).gold_labels)
            assert max(counts[c] for c in colours.label_space) - min(counts[c] for c in colours.label_space) <= 1


@settings(max_examples=20)
@given(seeds, st.booleans())
def test_no_query_is_ever_a_demonstration(seed, balanced):
    pool = tuple(Example(input=f"i{i}", label="ab"[i % 2]) for i in range(30))
    task = Task(name="t", description="", label_space=("a", "b"), pool=pool, source="test")
    episodes = draw_episodes(
        task,
        num_queries=10,
        num_demonstration_sets=3,
        num_demonstrations=8,
        balance="balanced" if balanced else "as-drawn",
        seeds=Seeds.same(seed % 1000),
    )
    queries = {episode.query.input for episode in episodes}
    assert len(queries) == 10
    assert not queries & {text for episode in episodes for text in episode.demonstrations.inputs}
    assert all(len(set(episode.demonstrations.inputs)) == 8 for episode in episodes)


def test_too_few_examples_are_refused(colours):
    with pytest.raises(UserError, match="has 60 examples, but 50 queries and 16 shots need 66"):
        build_prompts(colours, conditions("gold", shots=(16,)), selection(num_queries=50))
    rare = Task(
        name="rare",
        description="",
        label_space=("a", "b"),
        pool=tuple(Example(input=f"i{i}", label="b" if i == 0 else "a") for i in range(40)),
        source="test",
    )
    with pytest.raises(UserError, match="too few examples labelled 'b' for 8 balanced demonstrations"):
        build_prompts(rare, conditions("gold", shots=(8,)), selection())


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ((50, 16), ["--queries 44 works with 16 shots", "--shots 10 works with 50 queries"]),
        ((64, 16), ["--queries 44 works with 16 shots"]),
        ((10, 64), ["--shots 50 works with 10 queries"]),
        ((70, 64), ["--queries 35 --shots 25 works"]),
        ((1, 60), ["--shots 59 works with 1 query"]),
        ((61, 0), ["--queries 60 works with 0 shots"]),
    ],
)
def test_too_few_examples_name_numbers_that_work(colours, asked, named):
    def draw(queries: int, shots: int):
        return draw_episodes(
            colours, num_queries=queries, num_demonstration_sets=3, num_demonstrations=shots, balance="as-drawn",
            seeds=Seeds.same(0),
        )  # fmt: skip

    with pytest.raises(UserError) as caught:
        draw(*asked)
    assert str(caught.value).partition("; ")[2].removesuffix(".").split(" and ") == named


@pytest.mark.parametrize("balance", ["balanced", "skewed(0.75)"])
def test_numbers_that_are_named_work_for_scarce_labels_too(balance):
    pool = tuple(Example(input=f"i{i}", label="b" if i % 8 == 0 else "a") for i in range(80))
    task = Task(name="scarce", description="", label_space=("a", "b"), pool=pool, source="test")

    def draw(queries: int, shots: int):
        return draw_episodes(
            task, num_queries=queries, num_demonstration_sets=4, num_demonstrations=shots, balance=balance,
            seeds=Seeds.same(1),
        )  # fmt: skip

    with pytest.raises(UserError, match="too few examples labelled 'b' for 30") as caught:
        draw(16, 30)
    found = re.findall(r"--(queries|shots) (\d+) works", str(caught.value))
    assert found
    for name, count in found:
        draw(*((int(count), 30) if name == "queries" else (16, int(count))))
        with pytest.raises(UserError):
            draw(*((int(count) + 1, 30) if name == "queries" else (16, int(count) + 1)))


def test_symbols_rename_demonstrations_and_candidates_alike(colours):
    prompts = build_prompts(colours, conditions("symbols", "gold", shots=(3,), formats=("arrow",)), selection())
    plain = {(p.query_id, p.demonstrations.set_id): p for p in prompts if p.demonstrations.label_mode == "gold"}
    for prompt in prompts:
        if prompt.demonstrations.label_mode == "symbols":
            twin = plain[prompt.query_id, prompt.demonstrations.set_id].text
            for label, symbol in zip(colours.label_space, SYMBOLS):
                twin = twin.replace(f"-> {label}\n", f"-> {symbol}\n")
            assert prompt.text == twin
            assert prompt.demonstrations.num_wrong_shown == 0
            assert [c.text for c in prompt.candidates] == [f" {symbol}" for symbol in SYMBOLS[:3]]


def many_labels(count: int) -> dict[str, str]:
    return {label: label for label in (f"label {i:03d}" for i in range(count))}


def test_there_are_words_for_150_labels_and_none_begins_another():
    for words in (SYMBOLS, RANDOM_WORDS):
        assert len(words) >= 200
        assert len(set(words)) == len(words)
        assert begin_one_another(words) == []
        assert all(word.isascii() and word.islower() and word.isalpha() for word in words)
    labels = many_labels(150)
    assert list(label_words(parse_label_mode("symbols"), tuple(labels)).values()) == list(SYMBOLS[:150])
    drawn = shown_words(parse_label_mode("random_words"), labels, rng=np.random.default_rng(0))
    assert len(set(drawn.values())) == 150
    assert set(drawn.values()) <= set(RANDOM_WORDS)


def test_more_labels_than_words_are_refused():
    with pytest.raises(UserError, match="'random_words' has 208 words, but the task has 300 labels"):
        shown_words(parse_label_mode("random_words"), many_labels(300), rng=np.random.default_rng(0))
    with pytest.raises(UserError, match="'symbols' has 200 words, but the task has 300 labels"):
        label_words(parse_label_mode("symbols"), tuple(many_labels(300)))


def test_words_of_earlier_runs_stay_what_they_were():
    """As drawn when there were ten symbols and 33 nouns."""
    assert SYMBOLS[:10] == ("foo", "bar", "qux", "zig", "lop", "wem", "dax", "tuv", "mip", "kez")
    drawn = shown_words(parse_label_mode("random_words"), dict.fromkeys(SPACE, ""), rng=fixed_rng(0))
    assert tuple(drawn.values()) == ("candle", "kettle", "yogurt")


@pytest.mark.parametrize("mode", ["symbols", "random_words"])
def test_other_words_for_ginc_are_refused(mode):
    task = GincTask(family=default_family(), example_length=3)
    with pytest.raises(UserError, match=f"label mode '{mode}' writes words, but GINC has tokens only; leave it out"):
        build_prompts(task, conditions(mode, shots=(2,), formats=("ginc",)), selection())


def test_a_ginc_prompt_is_the_papers_token_sequence():
    task = GincTask(family=default_family(), example_length=4)
    prompts = build_prompts(task, conditions("gold", shots=(0, 3), formats=("ginc",)), selection())
    for prompt in prompts:
        tokens = read_tokens(prompt.text, task.family)
        shots = len(prompt.demonstrations)
        assert len(tokens) == shots * 5 + 3  # k tokens and a delimiter each, then k − 1 of the query
        assert all(tokens[5 * i + 4] == 0 for i in range(shots))
    assert len({p.demonstrations.set_id for p in prompts}) == 10


def test_ginc_labels_that_are_shown_can_be_emitted():
    task = GincTask(family=default_family(), example_length=3)
    emitted = {task.answers[token] for token in task.family.emission}
    prompts = build_prompts(task, conditions("random", shots=(16,), formats=("ginc",)), selection())
    assert all(set(p.demonstrations.shown_labels) <= emitted for p in prompts)


def test_streams_with_other_keys_are_other_streams():
    assert stream(0, "a").integers(2**60) != stream(0, "b").integers(2**60)
    assert stream(0, "a", 1).integers(2**60) == stream(0, "a", 1).integers(2**60)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("good", ""), "has an empty label"),
        (("yes",), "has only one class"),
    ],
)
def test_label_spaces_that_cannot_be_scored_are_refused(labels, message):
    pool = tuple(Example(input=f"i{i}", label=label) for i, label in enumerate(labels))
    with pytest.raises(UserError, match=message):
        Task(name="t", description="", label_space=labels, pool=pool, source="test")


def test_channel_prompts_hold_the_same_text_turned_round(colours):
    qa = get_format("qa", world="text")
    shown_first = demonstrations(["red", "green"])
    query = Example(input="a thing", label="blue")
    words = {label: label for label in SPACE}
    prompt = render_channel("t", shown_first, query, qa, words=words)
    assert prompt.text == "A: red\nQ: input 0\n\nA: green\nQ: input 1\n\nA:"
    assert [(c.label, c.given, c.text) for c in prompt.candidates] == [
        (label, f" {label}\nQ:", " a thing") for label in SPACE
    ]
    assert prompt.gold_index == 2
    direct = render("t", shown_first, query, qa, words=words)
    assert direct.prompt_id != prompt.prompt_id
    bare = render_channel("t", shown_first.first(0), query, get_format("minimal", world="text"), words=words)
    assert bare.text == ""
    assert bare.candidates[0].given + bare.candidates[0].text == "red\na thing"


def test_a_prompt_is_content_free_by_what_was_made_of_it_and_not_by_the_name_of_its_query(colours):
    (prompt,) = render_condition(colours, "gold", "qa", 2)
    assert not replace(prompt, query_id="content-free lunch").is_content_free
    assert all(one.is_content_free for one in (label_prior(prompt), *content_free(prompt)))


def test_content_free_queries_change_the_query_alone(colours):
    (prompt,) = render_condition(colours, "gold", "qa", 2)
    for text, free in zip(CONTENT_FREE, content_free(prompt)):
        query = prompt.parts[-3].text
        assert free.text == prompt.text.removesuffix(f"{query}\nA:") + f"{text}\nA:"
        assert free.candidates == prompt.candidates
        assert free.demonstrations == prompt.demonstrations
    assert label_prior(prompt).text == "A:"
    assert len(label_prior(prompt).demonstrations) == 0
    (plain,) = render_condition(colours, "gold", "minimal", 2)
    assert label_prior(plain).text == ""


def render_condition(task, mode: str, format: str, shots: int):
    selection = Selection(num_queries=1, num_demonstration_sets=1, seeds=Seeds.same(0))
    return build_prompts(task, {Condition.of(mode, format, shots): ("p",)}, selection)


@pytest.mark.parametrize("mode", ["gold", "shuffled", "random"])
@pytest.mark.parametrize("world", ["text", "ginc"])
def test_on_a_curve_every_prompt_begins_the_next(colours, mode, world):
    task = colours if world == "text" else GincTask(family=default_family(), example_length=4)
    format = "arrow" if world == "text" else "ginc"
    conditions = {Condition.of(mode, format, n): ("p",) for n in range(6)}
    selection = Selection(num_queries=9, num_demonstration_sets=3, seeds=Seeds.same(0), curve=True)
    prompts = build_prompts(task, conditions, selection)
    assert len(prompts) == 3 * 6
    for start in range(0, 18, 6):
        curve = prompts[start : start + 6]
        assert [len(prompt.demonstrations) for prompt in curve] == list(range(6))
        for shorter, longer in zip(curve, curve[1:]):
            n = len(shorter.demonstrations)
            word = dict((c.label, c.text) for c in shorter.candidates)[longer.demonstrations.shown_labels[n]]
            assert longer.text.startswith(shorter.text + word)
        assert len({prompt.query_id for prompt in curve}) == 6
        if world == "text":  # a demonstration's gold label is the query's where it is asked
            assert [prompt.gold_label for prompt in curve[:-1]] == list(curve[-1].demonstrations.gold_labels)


def test_ginc_curves_ask_for_the_most_probable_token():
    task = GincTask(family=default_family(), example_length=5)
    sizes = {"num_demonstration_sets": 2, "num_demonstrations": 3, "seeds": Seeds.same(1)}
    drawn = task.draw_curves(**sizes | {"num_demonstration_sets": 4})
    sets = task.draw_sets(num_queries=2, balance="balanced", **sizes)
    assert len(drawn) == len(sets) == 4
    for (demonstrations_drawn, queries), (demonstrations, [(_, query)]) in zip(drawn, sets):
        assert demonstrations_drawn == demonstrations
        assert queries[-1][1] == query
        assert [query.input for _, query in queries[:-1]] == list(demonstrations_drawn.inputs)


def test_curves_beyond_the_pool_and_ginc_channels_are_refused(colours):
    curve = Selection(num_queries=1, num_demonstration_sets=1, seeds=Seeds.same(0), curve=True)
    with pytest.raises(UserError, match="has 60 examples, but a curve to 60 shots needs 61; --shots 59 works"):
        build_prompts(colours, {Condition.of("gold", "qa", 60): ()}, curve)
    with pytest.raises(UserError, match="method 'channel' is for sentences"):
        build_prompts(
            GincTask(family=default_family(), example_length=4), {Condition.of("gold", "ginc", 1, "channel"): ()}, curve
        )


TWINS = {
    "case": str.upper,
    "spaces": lambda text: f"  {text.replace(' ', '   ')}\t",
    "lines": lambda text: text.replace(" ", "\n"),
    "width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "no-break space": lambda text: text.replace(" ", "\u00a0"),
    "invisible": lambda text: "\ufeff" + "\u200b".join(text) + "\u00ad",
    "marks": lambda text: f"“{text}!”",
    "no mark": lambda text: text.rstrip("."),
    "composition": lambda text: text.replace("é", "e\u0301"),
    "quotes": lambda text: text.replace("'", "’"),
    "emoji": lambda text: text + "\ufe0f",
    "fillers": lambda text: "\u034f".join(text) + "\u3164\u2800\U000e0101",
    "full stop of Chinese": lambda text: f"「{text.rstrip('.')}。」",
}


@pytest.mark.parametrize("change", TWINS.values(), ids=TWINS)
def test_near_twins_read_alike_and_others_do_not(change):
    for text in ("The café isn't open.", "It's a straße, no. 7 \u2764"):
        assert reading_key(change(text)) == reading_key(text)
    different = ("The café is open.", "The cafe isn't open.", "the café isn’t open now", "?", "!", "7", "8", ":)", ":(")
    assert len({reading_key(text) for text in different}) == len(different)
    assert reading_key(" \n") == ""


def twinned(change, *, split: bool = False, choice: bool = False) -> Task:
    """Thirty inputs and a near duplicate of each, with the same label; split, the twins are the queries."""
    labels = ("red", "green")
    options = {"options": labels} if choice else {}
    pool = [Example(input=f"Café number {i} isn't open.", label=labels[i % 2], **options) for i in range(30)]
    twins = [replace(example, input=change(example.input)) for example in pool]
    return Task(
        name="twinned",
        description="",
        label_space=() if choice else labels,
        pool=tuple(pool if split else pool + twins),
        query_pool=tuple(twins) if split else (),
        source="test",
    )


@pytest.mark.parametrize("change", [TWINS["case"], TWINS["spaces"], TWINS["marks"]])
@pytest.mark.parametrize("kind", ["one pool", "split", "choice", "as-drawn"])
def test_no_near_twin_of_a_query_is_among_its_demonstrations(change, kind):
    task = twinned(change, split=kind == "split", choice=kind == "choice")
    balance = {"balance": "as-drawn"} if kind == "as-drawn" else {}
    wanted = {
        Condition.of(mode, format, n, **balance): ("p",)
        for mode in ("gold", "random")
        for format in ("qa", "lowercase")
        for n in (0, 8)
    }
    prompts = build_prompts(task, wanted, selection(num_queries=10, num_demonstration_sets=4))
    inputs_of_set: dict[str, set] = {}
    for prompt in prompts:
        query = examples_by_id(task)[prompt.query_id]
        shown = prompt.demonstrations.inputs
        assert "".join(query.input.casefold().split()).strip("“!”") not in {
            "".join(text.casefold().split()).strip("“!”") for text in shown
        }
        if shown:
            inputs_of_set.setdefault(prompt.demonstrations.set_id, set()).add(shown)
    assert len(inputs_of_set) == 4
    assert all(len(of) == 1 for of in inputs_of_set.values())  # the same under every condition, for every query
    queries = {examples_by_id(task)[prompt.query_id].input for prompt in prompts}
    both = sum(change(text) in queries - {text} for text in queries)
    (said,) = twin_notices(task, prompts)
    assert said.startswith(f"{len(queries) - 2 * both} of the {len(task.pool)} examples of task 'twinned' are near")


def test_a_curve_shows_no_near_twin_of_what_it_asks():
    task = twinned(str.upper)
    wanted = {Condition.of("gold", "qa", n): ("p",) for n in range(26)}
    prompts = build_prompts(task, wanted, selection(num_queries=1, num_demonstration_sets=4, curve=True))
    for prompt in prompts:
        texts = [*prompt.demonstrations.inputs, examples_by_id(task)[prompt.query_id].input]
        assert len({text.lower() for text in texts}) == len(texts)
    with pytest.raises(
        UserError, match="has 30 examples that are not near duplicates of others, but a curve to 30 shots"
    ):
        build_prompts(task, {Condition.of("gold", "qa", 30): ()}, selection(curve=True))


def test_too_few_examples_beside_near_twins_are_refused():
    with pytest.raises(UserError, match="but 12 of them are near duplicates of queries and 38 shots are asked for"):
        draw_episodes(
            twinned(str.upper), num_queries=16, num_demonstration_sets=1, num_demonstrations=38, seeds=Seeds.same(0)
        )


def test_sentences_from_elsewhere_are_no_near_twins_of_the_tasks_inputs(rng):
    own = [f"It was sentence {i}." for i in range(20)]
    corpus = Corpus(
        name="c", sentences=(*map(str.upper, own), *(f"Something else {i} here" for i in range(20))), source="test"
    )
    drawn = draw_ood(own, corpus, exclude=own, rng=rng)
    assert all(text.startswith("Something else") for text in drawn)


def test_near_twins_with_other_labels_are_counted():
    task = twinned(str.upper)
    torn = replace(task, pool=tuple(replace(e, label="red") if e.input.isupper() else e for e in task.pool))
    (said,) = twin_notices(torn, [])
    assert said.startswith("30 examples of task 'twinned' are near duplicates of others with another label")
    assert twin_notices(task, []) == []
    choice = twinned(str.upper, choice=True)
    assert twin_notices(choice, []) == []
