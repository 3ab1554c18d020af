"""Scoring with shared beginnings against the same model read prompt by prompt: seconds, tokens, largest difference.

.venv/bin/python benchmarks/shared_prefix.py MODEL    # a Hub id, folder or .gguf file
"""

import sys
import time

import numpy as np

from icl.prompts.build import Condition, Selection, build_prompts
from icl.prompts.seeds import Seeds
from icl.tasks.catalogue import load_task
from probes.scorers.huggingface import HuggingFaceScorer


def main(model: str) -> None:
    """Score 16 shots × 3 label modes × 16 queries × 2 options both ways."""
    conditions = {Condition.of(mode, "input-output", 16): () for mode in ("gold", "random", "shuffled")}
    selection = Selection(num_queries=16, num_demonstration_sets=1, balanced=True, seeds=Seeds.same(0))
    prompts = build_prompts(load_task("sentiment"), conditions, selection)
    scorer = HuggingFaceScorer(model)
    scorer(prompts[:2])  # loads the weights
    seconds, scores, tokens = [], [], []
    for sharing in (False, True):
        scorer._sharing = sharing
        tokens.append(scorer.num_tokens(prompts))
        began = time.perf_counter()
        scores.append(scorer(prompts))
        seconds.append(time.perf_counter() - began)
    print(f"read whole: {tokens[0]:,} tokens in {seconds[0]:.1f} s; shared: {tokens[1]:,} tokens in {seconds[1]:.1f} s")
    print(f"{seconds[0] / seconds[1]:.1f} × faster (limit by tokens {tokens[0] / tokens[1]:.1f} ×)")
    print(f"largest difference {np.abs(scores[0] - scores[1]).max():.1e} nats")


if __name__ == "__main__":
    main(*sys.argv[1:])
