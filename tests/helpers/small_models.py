"""Small random language models that the tests make, and scores by a plain loop: one sequence at a time, run whole."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from icl.prompts.build import Condition, Selection, build_prompts
from icl.seeds import Seeds
from icl.tasks.builtin import BUILTIN_TASKS

CONTEXT = 512
VOCABULARY = 500


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer learned from the lab's own sentences."""
    sentences = [example.input for name in ("sentiment", "topic") for example in BUILTIN_TASKS[name]().pool]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False, special_tokens=["<end>"]
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=CONTEXT, eos_token="<end>")


def save_model(folder: Path, config, *, seed: int = 0) -> Path:
    """Save a random model with weights so large that every token's position matters, and its tokenizer."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def prompts_of(task, *modes: str, format: str, shots=(0, 3), queries: int = 4, sets: int = 2):
    conditions = {Condition.of(mode, format, n): ("p",) for n in shots for mode in modes}
    selection = Selection(num_queries=queries, num_demonstration_sets=sets, seeds=Seeds.same(0))
    return build_prompts(task, conditions, selection)


def plain_scores(folder: Path, prompts) -> np.ndarray:
    """Encode the whole text, run it whole, sum behind the last character of what is given."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    table = []
    for prompt in prompts:
        for candidate in prompt.candidates:
            given = prompt.text + candidate.given
            encoding = tokenizer(given + candidate.text, return_offsets_mapping=True)
            ids = torch.tensor([encoding["input_ids"]])
            with torch.no_grad():
                logprobs = model(ids).logits.double().log_softmax(-1)[0]
            label = [i for i, (_, end) in enumerate(encoding["offset_mapping"]) if end > len(given)]
            table.append(sum(logprobs[i - 1, ids[0, i]].item() for i in label))
    return np.array(table).reshape(len(prompts), -1)


def total_tokens(folder: Path, prompts) -> int:
    """Tokens of every prompt with every candidate, each counted whole."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return sum(len(tokenizer(p.text + c.given + c.text)["input_ids"]) for p in prompts for c in p.candidates)
