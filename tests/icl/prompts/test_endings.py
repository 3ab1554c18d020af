"""Labels that begin one another are scored with their end, by every backend; all others exactly as before."""

import hashlib
import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_server import cut, logprobs_behind, serving
from transformers import AutoModelForCausalLM, AutoTokenizer

from icl.errors import UserError
from icl.metrics.normalise import normalise
from icl.prompts.audit import ending_notices
from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.endings import begin_one_another, ending
from icl.prompts.formats import FORMATS, Format
from icl.prompts.grammar import GRAMMAR
from icl.prompts.render import Candidates, content_free, label_prior, render
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.demonstrations import Demonstrations
from icl.tasks.task import Example, Task
from probes.cli.main import main
from probes.runs.opening import open_run
from probes.scorers.completions import CompletionsScorer
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_labels import check_labels
from probes.scorers.huggingface_tokens import most_tokens, tokenise

RATINGS = tuple(map(str, range(1, 11)))


def rated(labels=RATINGS) -> Task:
    pool = tuple(Example(input=f"The film was number {i}.", label=labels[i % len(labels)]) for i in range(60))
    return Task(name="rated", description="", label_space=labels, pool=pool, source="test")


def prompts_of(task, *formats: str, shots=(0, 3), method="direct", queries=2):
    conditions = {Condition.of("gold", format, n, method): ("p",) for format in formats for n in shots}
    selection = Selection(num_queries=queries, num_demonstration_sets=1, seeds=Seeds.same(0))
    return build_prompts(task, conditions, selection)


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=12))
def test_pairs_that_begin_one_another_are_all_found(words):
    every = {(a, b) for a in words for b in words if a != b and b.startswith(a)}
    found = begin_one_another(words)
    assert set(found) == every
    assert len(found) == len(every)


@pytest.mark.parametrize(
    ("separator", "prefix", "end", "behind"),
    [
        ("\n\n", "Q: ", "\n\n", "Q:"),
        ("\n", "", "\n", "The"),
        ("\n---\n", "Input: ", "\n", "---"),
        ("\n\n\n", "", "\n\n\n", "The"),
        (" | ", "", " |", " The"),
        ("; ", "text ", ";", " text"),
        ("<|im_end|>\n", "<|im_start|>", "<|im_end|>", "\n<|im_start|>"),
    ],
)
def test_the_end_is_what_the_format_writes_behind_a_label(separator, prefix, end, behind):
    format = Format(name="f", demonstration_separator=separator, input_prefix=prefix)
    assert ending(format, RATINGS, "t") == (end, behind)
    assert ending(format, RATINGS[:9], "t") == ("", "")


def test_every_format_for_sentences_ends_its_labels():
    formats = [format for format in FORMATS.values() if format.world == "text"]
    for format in [*formats, *(GRAMMAR.format(number) for number in range(0, GRAMMAR.size, 41))]:
        end, behind = ending(format, RATINGS, "t")
        shown = Demonstrations(set_id="s", inputs=("a", "b"), gold_labels=("1", "10"), shown_labels=("1", "10"))
        words = {label: label for label in RATINGS}
        prompt = render("t", shown, Example(input="The", label="1"), format, words=words)
        assert prompt.text.count(f"10{end}") == 1  # as in the demonstrations
        assert [candidate.word for candidate in prompt.candidates] == [
            candidate.text.removesuffix(end) for candidate in prompt.candidates
        ]
        assert not begin_one_another([candidate.text for candidate in prompt.candidates])
        assert behind.strip()


def test_where_no_end_can_be_told_all_labels_are_named():
    bare = Format(name="bare", demonstration_separator=" ")
    with pytest.raises(UserError, match="format 'bare' writes nothing after a label to show where it ends") as refusal:
        ending(bare, ("card", "time", "timer", "card payment", "timezone"), "t")
    for pair in ("'card' and 'card payment'", "'time' and 'timer'", "'time' and 'timezone'"):
        assert pair in str(refusal.value)
    with pytest.raises(UserError, match="'a' and 'a; b'"):  # the label holds the end itself
        ending(Format(name="f", demonstration_separator="; "), ("a", "a; b"), "t")


def test_prompts_without_such_labels_are_what_they_were():
    """The same candidates and the same identities, by the rule as it was before there were ends."""
    for prompt in prompts_of(BUILTIN_TASKS["topic"](), "qa", "arrow"):
        assert all(candidate.end == candidate.behind == "" for candidate in prompt.candidates)
        question = "\x1f".join([prompt.text, *(candidate.text for candidate in prompt.candidates)])
        assert prompt.prompt_id == hashlib.sha256(question.encode()).hexdigest()[:16]
    assert {len(c.end) for p in prompts_of(rated(), "qa", method="channel") for c in p.candidates} == {0}


def plainly(folder, prompts):
    """Cut the whole text with what would follow, run it whole, sum the tokens of label and end: nats, tokens, ranks."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    for prompt in prompts:
        rows = []
        for candidate in prompt.candidates:
            start, stop = len(prompt.text), len(prompt.text + candidate.text)
            encoded = tokenizer(prompt.text + candidate.text + candidate.behind, return_offsets_mapping=True)
            ids = torch.tensor([encoded["input_ids"]])
            with torch.no_grad():
                logprobs = model(ids).logits.double().log_softmax(-1)[0]
            mine = [i for i, (_, end) in enumerate(encoded["offset_mapping"]) if start < end <= stop]
            ranks = [int((logprobs[i - 1] > logprobs[i - 1, ids[0, i]]).sum()) + 1 for i in mine]
            rows.append((sum(logprobs[i - 1, ids[0, i]].item() for i in mine), len(mine), max(ranks)))
        yield rows


@pytest.mark.parametrize("format", ["qa", "arrow", "minimal", "g1"])
def test_labels_with_their_ends_are_scored_as_by_a_plain_pass(tiny_lm, format):
    prompts = prompts_of(rated(), format)
    prompts += [one for prompt in prompts for one in (label_prior(prompt), *content_free(prompt)) if one.text]
    answers = dict(HuggingFaceScorer(str(tiny_lm)).answer(prompts))
    for number, rows in enumerate(plainly(tiny_lm, prompts)):
        for answer, (logprob, num_tokens, rank) in zip(answers[number], rows):
            assert answer.logprob == pytest.approx(logprob, abs=5e-5)
            assert answer.num_tokens == num_tokens
            assert answer.vocabulary_rank == rank


def test_an_end_is_cut_as_it_is_in_the_demonstrations(tiny_lm):
    """Alone at a text's end two line breaks may be one token; before a word they are two."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    prompt = prompts_of(rated(), "qa", shots=(3,))[0]
    for candidate, one in zip(prompt.candidates, tokenise(tokenizer, [prompt])[0]):
        written = tokenizer(prompt.text + candidate.text + "Q: so")["input_ids"]
        assert written[: len(one.ids)] == list(one.ids)
        assert tokenizer.decode(one.label) == candidate.text
        assert one.boundary_clean
    assert most_tokens(tokenizer, [prompt])[0] >= max(len(one.ids) for one in tokenise(tokenizer, [prompt])[0])


def test_probabilities_of_labels_with_ends_do_not_contain_one_another(tiny_lm):
    """Over all continuations of a length, each belongs to one label at most: their sum stays below one, by counting."""
    task = rated(("a", "ab", "abc"))
    prompts = prompts_of(task, "colon", shots=(2,))
    scores = HuggingFaceScorer(str(tiny_lm))(prompts)
    cuts = tokenise(AutoTokenizer.from_pretrained(tiny_lm), prompts)
    assert (np.exp(scores).sum(axis=1) < 1).all()
    for row in cuts:
        labels = [one.label for one in row]
        assert not any(a != b and b[: len(a)] == a for a in labels for b in labels)
    check_labels(AutoTokenizer.from_pretrained(tiny_lm), prompts, "m")


def test_a_tokenizer_that_drops_the_end_is_refused(tiny_lm):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["?", "The", "film", "was", "number", ".", "A", "Q", ":", "card", "payment", *map(str, range(99))]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")
    with pytest.raises(UserError, match="the tokens of the label 'card' begin those of 'card payment'"):
        check_labels(tokenizer, prompts_of(rated(("card", "card payment")), "qa"), "m")
    check_labels(tokenizer, prompts_of(rated(), "qa"), "m")  # "1" and "10" are whole words


def test_a_reply_ends_as_the_chat_template_ends_it(tiny_lm):
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}<end>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    prompt = prompts_of(rated(), "qa", shots=(2,))[0]
    for candidate, one in zip(prompt.candidates, tokenise(tokenizer, [prompt], chat=True)[0]):
        assert tokenizer.decode(one.label) == f"{candidate.word.strip()}<end>"
        assert one.label[-1] == tokenizer.eos_token_id
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"
    for candidate, one in zip(prompt.candidates, tokenise(tokenizer, [prompt], chat=True)[0]):
        assert tokenizer.decode(one.label) == candidate.text.strip(" ")  # the template ends nothing: the format does


@pytest.mark.parametrize("dialect", ["openai", "vllm", "llama.cpp"])
def test_servers_score_labels_with_their_ends(dialect):
    """Against the toy model by hand: the end is scored, what would follow it is not."""
    task = rated(("red", "reddish", "r"))
    prompts = prompts_of(task, "qa", shots=(2,))
    with serving(dialect) as server:
        answers = dict(CompletionsScorer(server.url).answer(prompts))
    scored = 0
    for number, prompt in enumerate(prompts):
        for candidate, answer in zip(prompt.candidates, answers[number]):
            before, pieces = cut(prompt.text), cut(prompt.text + candidate.text)
            places = range(len(before), len(pieces))
            expected = sum(logprobs_behind(pieces[i - 1])[pieces[i]] for i in places)
            if not math.isnan(answer.logprob):
                scored += 1
                assert answer.logprob == pytest.approx(expected)
                assert answer.num_tokens == len(places)
    assert scored == 3 * len(prompts) or dialect == "llama.cpp"


def test_options_that_begin_one_another_are_scored_with_their_end_where_they_do():
    pool = tuple(Example(input=f"q {i}", label="10", options=("1", "10") if i % 2 else ("10", "20")) for i in range(20))
    task = Task(name="c", description="", label_space=(), pool=pool, source="test")
    prompts = prompts_of(task, "options", "options-letters", queries=8)
    for prompt in prompts:
        clash = {candidate.label for candidate in prompt.candidates} == {"1", "10"} and prompt.format == "options"
        assert {candidate.end for candidate in prompt.candidates} == ({"\n\n"} if clash else {""})
    (said,) = ending_notices(prompts)
    assert said.startswith(r"Some labels are the beginning of others ('1' and '10'), so each is scored with its end")


def test_the_end_counts_among_tokens_and_bytes(tmp_path, tiny_lm):
    rows = [{"input": f"thing {i}", "label": i % 10 + 1} for i in range(60)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = ["--task", str(tmp_path / "t.jsonl"), "--model", str(tiny_lm), "--probe", "shots", "--shots", "0,2"]
    main(
        [
            "run",
            *asked,
            "--formats",
            "qa",
            "--queries",
            "3",
            "--demonstration-sets",
            "1",
            "--out",
            str(tmp_path / "run"),
        ]
    )
    run = open_run(tmp_path / "run")
    scores = run.scores()
    assert set(scores["status"]) == {"ok"}
    assert any("Some labels are the beginning of others" in said for said in run.manifest["notices"])
    tokenizer = AutoTokenizer.from_pretrained(tiny_lm)
    for row in scores.itertuples():
        word = row.candidate_text.removesuffix("\n\n")
        assert row.num_label_bytes == len(word.strip()) + 2
        assert row.num_label_tokens == len(tokenizer(word)["input_ids"]) + 2
    for how, column in (("per-token", "num_label_tokens"), ("per-byte", "num_label_bytes")):
        expected = scores["logprob"] / scores[column].astype(float)
        pd.testing.assert_series_equal(normalise(scores, how)["logprob"], expected, check_names=False)
    for how in ("pmi", "calibrated"):
        assert normalise(scores, how)["logprob"].notna().all()


def test_labels_that_a_server_cannot_tell_apart_are_refused_after_some_prompts(monkeypatch):
    prompts = prompts_of(rated(("red", "green", "blue")), "qa", queries=6)
    alike = [replace(p, candidates=Candidates([*p.candidates, replace(p.candidates[0], label="RED")])) for p in prompts]
    with serving("openai") as server:
        assert len(list(CompletionsScorer(server.url).answer(prompts))) == 12
        with pytest.raises(UserError, match="gave the same number to the labels 'red' and 'RED' in all of 8 prompts"):
            list(CompletionsScorer(server.url).answer(alike))
