"""Scoring against lm-evaluation-harness's Hugging Face backend: same weights, float32, same machine, same run.

.venv/bin/python benchmarks/scoring.py MODEL [--task TASK] [--batch-size 4] [--only a,b,c]

For each workload: seconds of both, their ratio, the ratio that the tokens alone would give (tokens that the harness
forwards, without its padding, ÷ nodes of the trie), tokens forwarded ÷ nodes, time against dense batches of as many
tokens, and the largest difference in nats from the harness (on clean boundaries) and from our own unshared path.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.render import Prompt
from icl.seeds import Seeds
from icl.tasks.catalogue import load_task
from icl.tasks.task import Task
from probes.scorers.huggingface import HuggingFaceScorer


def label_modes(task: Task) -> list[Prompt]:
    """16 shots × 3 label modes × 32 queries."""
    conditions = {Condition.of(mode, "input-output", 16): () for mode in ("gold", "random", "shuffled")}
    return _prompts(task, conditions, num_queries=32, num_demonstration_sets=1)


def nested_shots(task: Task) -> list[Prompt]:
    """Shots 0, 1, 2, 4, 8, 16 of the same demonstrations × 32 queries."""
    conditions = {Condition.of("gold", "input-output", shots): () for shots in (0, 1, 2, 4, 8, 16)}
    return _prompts(task, conditions, num_queries=32, num_demonstration_sets=1)


def curves(task: Task) -> list[Prompt]:
    """Learning curves from 0 to 32 shots over 16 demonstration sets, in one pass."""
    conditions = {Condition.of("gold", "input-output", shots): () for shots in range(33)}
    return _prompts(task, conditions, num_queries=1, num_demonstration_sets=16, curve=True)


def _prompts(task: Task, conditions: dict[Condition, tuple[str, ...]], **counts) -> list[Prompt]:
    selection = Selection(seeds=Seeds.same(0), **counts)
    return build_prompts(task, conditions, selection)


WORKLOADS: dict[str, Callable[[Task], list[Prompt]]] = {"a": label_modes, "b": nested_shots, "c": curves}


@dataclass
class Count:
    """Tokens that went through a model, with and without padding."""

    tokens: int = 0


def main() -> None:
    """Run the workloads and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="Hub id, folder or .gguf file")
    parser.add_argument("--task", default="sentiment", help="built-in name or file")
    parser.add_argument("--batch-size", type=int, default=4, help="the harness's")
    parser.add_argument("--only", default="a,b,c", help="workloads")
    options = parser.parse_args()
    task = load_task(options.task)
    scorer = HuggingFaceScorer(options.model)
    model, tokenizer = scorer._model, scorer._tokenizer
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=options.batch_size, device=str(model.device))
    scorer(label_modes(task)[:2])  # the first reading also checks that passes can be shared
    for name in options.only.split(","):
        prompts = WORKLOADS[name](task)
        print(f"({name}) {WORKLOADS[name].__doc__} {len(prompts)} prompts × {len(prompts[0].candidates)} options")
        compare(scorer, harness, prompts)


def compare(scorer: HuggingFaceScorer, harness: HFLM, prompts: list[Prompt]) -> None:
    """Score the same prompts with both and with dense batches of as many tokens; print what it took."""
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=(prompt.text, candidate.text), idx=0)
        for prompt in prompts
        for candidate in prompt.candidates
    ]
    before = dict(scorer._read)
    began = time.perf_counter()
    answers = dict(scorer.answer(prompts))
    ours = time.perf_counter() - began
    forwarded = scorer._read["tokens_forwarded"] - before["tokens_forwarded"]
    nodes = int(scorer._read["trie_nodes"] - before["trie_nodes"])

    with counted(scorer._model) as padded:
        began = time.perf_counter()
        replies = harness.loglikelihood(requests, disable_tqdm=True)
        theirs = time.perf_counter() - began
    tokens = harness_tokens(harness, requests)
    dense = dense_seconds(
        scorer._model, nodes, round(np.mean([len(scorer._tokenizer(p.text).input_ids) for p in prompts]))
    )

    scores = np.array([[answer.logprob for answer in answers[i]] for i in range(len(prompts))])
    clean = np.array([[answer.boundary_clean for answer in answers[i]] for i in range(len(prompts))])
    harness_scores = np.array([logprob for logprob, _ in replies]).reshape(scores.shape)
    few = list(range(0, len(prompts), max(1, len(prompts) // 8)))
    scorer._why_whole, shared = "for comparison", scorer._why_whole
    unshared = scorer([prompts[i] for i in few])
    scorer._why_whole = shared
    print(
        f"    ours {ours:.1f} s, harness {theirs:.1f} s: {theirs / ours:.1f} × faster; by tokens {tokens / nodes:.1f} ×"
    )
    print(f"    harness forwards {tokens:,} tokens ({padded.tokens:,} with padding), the trie has {nodes:,} nodes")
    print(
        f"    tokens forwarded ÷ nodes {forwarded / nodes:.3f}; {ours / dense:.2f} × the {dense:.1f} s of dense batches"
    )
    difference = np.abs(scores - harness_scores)[clean]
    print(
        f"    largest difference from the harness {difference.max():.1e} nats "
        f"on {clean.sum():,} clean rows of {clean.size:,}"
    )
    print(f"    largest difference from our unshared path {np.abs(scores[few] - unshared).max():.1e} nats", flush=True)


def harness_tokens(harness: HFLM, requests: list[Instance]) -> int:
    """Count what the harness forwards but for padding: one row for all one-token options of a context."""
    rows = {}
    for request in requests:
        context, continuation = harness._encode_pair(*request.arguments)
        whole = tuple(context + continuation)[:-1]
        rows[whole] = len(whole)
    return sum(rows.values())


def dense_seconds(model: torch.nn.Module, num_tokens: int, length: int) -> float:
    """Time the model on as many tokens in full batches of one length, logits at the last position only."""
    rows = max(1, 2048 // length)
    ids = torch.randint(0, model.config.vocab_size, (rows, length), device=model.device)
    passes = max(3, round(min(num_tokens, 20_000) / ids.numel()))
    with torch.inference_mode():
        model(input_ids=ids, logits_to_keep=1, use_cache=False)
        began = time.perf_counter()
        for _ in range(passes):
            model(input_ids=ids, logits_to_keep=1, use_cache=False).logits.sum().item()
        seconds = time.perf_counter() - began
    return seconds * num_tokens / (passes * ids.numel())


@contextmanager
def counted(model: torch.nn.Module):
    """Count the tokens of every forward pass."""
    count = Count()

    def add(module, args, kwargs):
        ids = kwargs.get("input_ids", args[0] if args else None)
        count.tokens += ids.numel()

    handle = model.register_forward_pre_hook(add, with_kwargs=True)
    yield count
    handle.remove()


if __name__ == "__main__":
    main()
