"""What calibration fits: two small counts tables on which every parameter of an account has something to say.

One model: k in {3, 10}, n in {0, 2, 8, 64}, two label modes, a known ceiling at k = 3: 14 cells. Two models: one k, two
demonstration sets of each model beside its zero-shot cell, so that populations and set effects are fitted: 14
cells. 200 prompts a cell. Only the layout counts; the answers that stand in the tables are never used.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from icl.concept.accounts import DRIFT_DIFFUSION, account_named
from icl.concept.counts import ALL_SETS, ZERO_SHOT
from icl.concept.design import Design, design_of

__all__ = ["TWO_MODELS", "calibration_designs", "one_model", "two_models"]

TWO_MODELS = "drift-diffusion, two models"

_PROMPTS = 200
_TOKENS = 49  # candidates of a GINC prompt


def calibration_designs(accounts: Sequence[str], observe: str) -> dict[str, Design]:
    """Lay out every account on the table of one model, and drift–diffusion on that of two models as well.

    Raises
    ------
    UserError
        If there is no such account or observation.
    """
    designs = {name: design_of(one_model(), account_named(name), observe=observe) for name in accounts}
    if DRIFT_DIFFUSION.name in designs:
        designs[TWO_MODELS] = design_of(two_models(), DRIFT_DIFFUSION, observe=observe)
    return designs


def one_model() -> pd.DataFrame:
    """Counts table of one model, two label modes and two example lengths, with made-up evidence."""
    shown = [_cell(*each) for each in product((3, 10), ("gold", "random"), (2, 8, 64))]
    return pd.DataFrame([_cell(length, ZERO_SHOT, 0) for length in (3, 10)] + shown)


def two_models() -> pd.DataFrame:
    """Counts table of two models whose cells tell demonstration sets apart."""
    rows = []
    for model in ("first", "second"):
        rows.append(_cell(5, ZERO_SHOT, 0) | {"model": model})
        for group, shots in product(("a", "b"), (2, 8, 64)):
            rows.append(_cell(5, "gold", shots) | {"model": model, "demonstration_set": group})
    return pd.DataFrame(rows)


def _cell(example_length: int, label_mode: str, num_shots: int) -> dict:
    drift = 0.1 * (example_length - 1) * (1.0 if label_mode == "gold" else 0.3)  # nats, of the order of GINC's
    return {
        "model": "simulated",
        "task": "ginc",
        "label_mode": label_mode,
        "format": "ginc",
        "example_length": example_length,
        "num_shots": num_shots,
        "num_correct": _PROMPTS // 2,
        "num_prompts": _PROMPTS,
        "chance": 1 / _TOKENS,
        "ceiling": 0.85 if example_length == 3 else np.nan,
        "demonstration_set": ALL_SETS,
        "mean_logprob": np.log(0.5),
        "logprob_error": 0.05,
        "evidence": drift * num_shots,
        "evidence_deviation": np.sqrt(1.0 + num_shots),
    }
