"""Texts of a task are cut as text: tokenizers of several kinds, formats and chat templates with control tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import plain_scores
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from icl.errors import UserError
from icl.prompts.formats import FORMATS, Format
from icl.prompts.render import Prompt, render, render_channel
from icl.tasks.demonstrations import Demonstrations
from icl.tasks.task import Example
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_labels import check_labels, control_notices
from probes.scorers.huggingface_literal import controls_of
from probes.scorers.huggingface_tokens import most_tokens, tokenise

TEXTS = [
    "The film was good.",
    "It is bad, say US and us.",
    "Q: one two\nA: yes\n\nQ: so it is\nA: no",
    "</s> <|im_end|>",
]
WORDS = {"yes": "yes", "no": "no"}


def byte_level() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        special_tokens=special,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens(["<think>", "<b>", "   "])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


def unigram() -> PreTrainedTokenizerFast:
    """Pieces with scores, among which control tokens stand with the best score of all, as SentencePiece leaves them."""
    letters = sorted(set("".join(TEXTS)) - {" "})
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁", -3.0)]
    pieces += [(letter, -5.0) for letter in letters] + [("▁yes", -2.0), ("▁no", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def lower_casing() -> PreTrainedTokenizerFast:
    """Words of an encoder's kind, lower-cased and NFKC-normalised; what it has no piece for is unknown."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:?<>/[]|_"
    vocab = ["[UNK]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), "yes", "no", "us", "neg"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [AddedToken(name, special=True, normalized=False) for name in ("[UNK]", "[SEP]", "[MASK]")]
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[SEP]")


TOKENIZERS = {"byte-level": byte_level, "unigram": unigram, "lower-casing": lower_casing}


def prompt_of(inputs=("one two",), query="so it is", *, words=None, format=FORMATS["qa"], method="direct") -> Prompt:
    words = words or WORDS
    labels = tuple(words)[: len(inputs)]
    shown = Demonstrations(set_id="s", inputs=tuple(inputs), gold_labels=labels, shown_labels=labels)
    write = render if method == "direct" else render_channel
    return write("t", shown, Example(input=query, label=labels[0]), format, words=words)


def control_ids(tokenizer, ids) -> list[str]:
    known = {id: text for text, id in controls_of(tokenizer).ids.items()}
    return [known[id] for id in ids if id in known]


@pytest.mark.parametrize("make", TOKENIZERS.values(), ids=TOKENIZERS)
@pytest.mark.parametrize("method", ["direct", "channel"])
def test_no_text_of_a_task_becomes_a_control_token(make, method):
    tokenizer = make()
    for control in [text for text in controls_of(tokenizer).ids if text != tokenizer.unk_token]:
        held = prompt_of((f"one {control} two",), f"so{control}", words={f"yes{control}": f"yes{control}", "no": "no"})
        if method == "channel":
            held = prompt_of((f"one {control} two",), f"so{control} it", method=method)
        by_itself = tokenizer(held.text + held.candidates[0].given + held.candidates[0].text)["input_ids"]
        ((cut, *_),) = tokenise(tokenizer, [held])
        first = [tokenizer.bos_token] if tokenizer.bos_token else []
        assert control in control_ids(tokenizer, by_itself)
        assert [one for one in control_ids(tokenizer, cut.ids) if one != tokenizer.unk_token] == first
        if make is not lower_casing:
            assert held.text.replace(" ", "") in tokenizer.decode(cut.ids).replace(" ", "")
        assert most_tokens(tokenizer, [held])[0] >= len(cut.ids)


def test_a_literal_cut_is_that_of_transformers_own_option():
    """`split_special_tokens` takes special tokens for text, of tokenizers that hold them outside their pieces."""
    tokenizer = byte_level()
    own = byte_level()
    own.split_special_tokens = True
    held = prompt_of(("one <|im_end|> two</s>",), "so <|im_start|>it is")
    for candidate, cut in zip(held.candidates, tokenise(tokenizer, [held])[0]):
        assert list(cut.ids) == own(held.text + candidate.text)["input_ids"]


@pytest.mark.parametrize("make", TOKENIZERS.values(), ids=TOKENIZERS)
def test_texts_without_control_tokens_are_cut_as_ever(make):
    """Also beside others that have some, when the literal tokenizer reads both."""
    tokenizer = make()
    plain = prompt_of(("The film was good.",), "It is bad.")
    control = next(text for text in controls_of(tokenizer).ids if text != tokenizer.unk_token)
    alone = tokenise(tokenizer, [plain])[0]
    beside = tokenise(tokenizer, [plain, prompt_of((control,))])[0]
    assert alone == beside
    for candidate, cut in zip(plain.candidates, alone):
        assert list(cut.ids) == tokenizer.backend_tokenizer.encode(plain.text + candidate.text).ids


def test_added_tokens_of_ordinary_text_stay_and_those_in_brackets_are_text():
    tokenizer = byte_level()
    assert set(controls_of(tokenizer).ids) == {"<|im_start|>", "<|im_end|>", "</s>", "<think>"}
    ids = tokenise(tokenizer, [prompt_of(("a <think> <b> b   c",))])[0][0].ids
    pieces = [tokenizer.decode([id]) for id in ids]
    assert {"<b>", "   "} <= set(pieces)
    assert "<think>" not in pieces


def test_control_tokens_of_a_format_are_control_tokens():
    tokenizer = byte_level()
    marked = Format(
        name="marked",
        input_prefix="<|im_start|>Q ",
        label_prefix="A: ",
        demonstration_separator="<|im_end|>\n",
    )
    held = prompt_of(("one <|im_end|>",), "so", format=marked)
    cut = tokenise(tokenizer, [held])[0][0]
    assert control_ids(tokenizer, cut.ids) == ["<|im_start|>", "<|im_end|>", "<|im_start|>"]
    turned = prompt_of(("one <|im_end|>",), "so <|im_end|>", format=marked, method="channel")
    cut = tokenise(tokenizer, [turned])[0][0]
    assert control_ids(tokenizer, cut.ids) == ["<|im_start|>", "<|im_end|>", "<|im_start|>"]


def test_control_tokens_of_a_chat_template_are_kept_and_those_of_the_message_are_text():
    tokenizer = byte_level()
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content.split('<think>')[-1] | trim }}<|im_end|>"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
    )
    for text in ("so", "so <|im_end|></s> it <think> is", "<|im_start|>assistant no<|im_end|>"):
        held = prompt_of((text,), text)
        cut = tokenise(tokenizer, [held], chat=True)[0][0]
        assert control_ids(tokenizer, cut.ids) == ["<|im_start|>", "<|im_end|>", "<|im_start|>"]
        written = tokenizer.decode(cut.ids)
        assert written == f"<|im_start|>user {held.text}<|im_end|><|im_start|>assistant yes"


def test_scores_of_a_literal_cut_are_those_of_its_ids(tiny_lm):
    """Against a plain pass whose tokenizer takes special tokens for text."""
    held = [prompt_of(("one <end> two",), f"so {i} <end>") for i in range(3)]
    scores = HuggingFaceScorer(str(tiny_lm))(held)
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_lm), AutoModelForCausalLM.from_pretrained(tiny_lm).eval()
    tokenizer.split_special_tokens = True
    for prompt, row in zip(held, scores):
        for candidate, score in zip(prompt.candidates, row):
            before, ids = (tokenizer(text)["input_ids"] for text in (prompt.text, prompt.text + candidate.text))
            assert ids[: len(before)] == before
            with torch.no_grad():
                logprobs = model(torch.tensor([ids])).logits.double().log_softmax(-1)[0]
            plain = sum(logprobs[i - 1, ids[i]].item() for i in range(len(before), len(ids)))
            assert score == pytest.approx(plain, abs=2e-5)
    assert np.abs(scores - plain_scores(tiny_lm, held)).max() > 1e-3  # it matters


def test_texts_that_hold_control_tokens_are_counted():
    tokenizer = byte_level()
    plain, held = prompt_of(("one",), "two"), prompt_of(("one </s>", "three"), "<|im_end|>")
    assert control_notices(tokenizer, [plain], "m") == []
    (said,) = control_notices(tokenizer, [plain, plain, held], "m")
    assert said.startswith("2 of 7 inputs and labels, in 1 of 3 prompts, hold what model 'm' knows as control tokens (")
    assert "'</s>'" in said
    assert "'<|im_end|>'" in said


@pytest.mark.parametrize("words", [("US", "us"), ("ﬁne", "fine"), ("①", "1"), ("好", "坏"), ("Yes", "YES ")])
def test_labels_that_are_the_same_tokens_are_refused(words):
    """Lower-cased, normalised, or unknown: such labels tie whatever the prompt."""
    prompt = prompt_of(words=dict(zip(words, words)))
    with pytest.raises(UserError, match="are the same tokens for model 'm' in format 'qa'") as refusal:
        check_labels(lower_casing(), [prompt], "m")
    assert all(repr(word) in str(refusal.value) for word in words)
    check_labels(byte_level(), [prompt], "m")


def test_all_labels_that_are_the_same_tokens_are_named_whatever_the_method():
    words = ("US", "us", "no", "NO", "yes")
    for method in ("direct", "channel"):
        prompt = prompt_of(words=dict(zip(words, words)), method=method)
        with pytest.raises(UserError, match=r"the labels .*'US' and 'us'.* are the same tokens") as refusal:
            check_labels(lower_casing(), [prompt], "m")
        assert "'NO' and 'no'" in str(refusal.value)


def test_options_of_one_question_that_are_the_same_tokens_are_refused():
    fine = Example(input="one", label="yes", options=("yes", "no"))
    tied = Example(input="two", label="US", options=("US", "us"))
    none = Demonstrations(set_id="s", inputs=(), gold_labels=(), shown_labels=())
    prompts = [render("t", none, query, FORMATS["qa"], words={}) for query in (fine, tied)]
    with pytest.raises(UserError, match="the labels 'US' and 'us' are the same tokens"):
        check_labels(lower_casing(), prompts, "m")
    check_labels(lower_casing(), prompts[:1], "m")


def test_labels_whose_tokens_begin_one_another_are_refused():
    """The strings do not begin one another, the lower-cased tokens do."""
    words = ("NEG", "negative", "yes")
    with pytest.raises(UserError, match="the tokens of the label 'NEG' begin those of 'negative'"):
        check_labels(lower_casing(), [prompt_of(words=dict(zip(words, words)))], "m")


def test_labels_that_are_the_same_behind_some_prompts_only_are_refused():
    """A tokenizer that drops a space between an a and a b, and no other."""
    letters = {letter: i for i, letter in enumerate("▁abcdefghijklmnopqrstuvwxyz:?Q A\n")}
    made = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="?"))
    made.normalizer = normalizers.Replace("a b", "ab")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made)
    prompt = prompt_of(words={"b": "b", " b": " b"}, query="x", format=FORMATS["minimal"])
    clean = replace(prompt, parts=(*prompt.parts[:-1], replace(prompt.parts[-1], text="c")))
    tied = replace(prompt, parts=(*prompt.parts[:-1], replace(prompt.parts[-1], text="a")))
    check_labels(tokenizer, [clean], "m")
    with pytest.raises(UserError, match="same tokens"):
        check_labels(tokenizer, [clean, tied], "m")
