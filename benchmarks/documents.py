"""Drawing GINC documents against hmmlearn's sampler: tokens a CPU second.

taskset -c 1 .venv/bin/python benchmarks/documents.py    # one core
"""

import time

import numpy as np
from hmmlearn.hmm import CategoricalHMM

from icl.ginc.family import default_family
from icl.ginc.sampling import sample_documents, stream_documents


def main() -> None:
    """Draw the paper's 1,000 documents of 10,240 tokens, and one of them by hmmlearn."""
    family, rng = default_family(), np.random.default_rng(0)
    sample_documents(family, num_documents=2, length=2, rng=rng)  # compiles
    began = time.process_time()
    stream = stream_documents(family, num_documents=1000, length=10_240, batch_size=100, rng=rng)
    ours = sum(tokens.size for tokens, _ in stream) / (time.process_time() - began)
    model = CategoricalHMM(n_components=family.num_states, n_features=family.vocab_size)
    model.startprob_, model.transmat_ = family.start[0], family.transition[0]
    model.emissionprob_ = np.eye(family.vocab_size)[family.emission]
    began = time.process_time()
    document, _ = model.sample(10_240, random_state=0)
    theirs = len(document) / (time.process_time() - began)
    print(f"icl      {ours / 1e6:8.2f} million tokens/s")
    print(f"hmmlearn {theirs / 1e6:8.2f} million tokens/s; icl draws {ours / theirs:.0f} × as fast")


if __name__ == "__main__":
    main()
