"""What simulation-based calibration fits: small tables on which every parameter of an account has something to say.

One model: k in {3, 10}, n in {0, 2, 8, 64}, two label modes, a known ceiling at k = 3: 14 cells. Two models: one k, two
demonstration sets of each model beside its zero-shot cell, so that populations and set effects are fitted: 14
cells. The evidence decomposition: the ladder of label and input modes, three demonstration sets at 4 and 16 shots
beside zero shots, two labels: 37 cells, and 43 where flipped labels bring in a third concept. 200 prompts per cell.
Only the layout counts; the answers that stand in the tables are never used.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from icl.concept.accounts import DRIFT_DIFFUSION, account_named
from icl.concept.counts import ALL_SETS, ZERO_SHOT
from icl.concept.evidence import EVIDENCE
from icl.concept.evidence.layout import validate_evidence_cells
from icl.concept.evidence.trial import EvidenceTrial
from icl.concept.layout import layout_of
from icl.concept.sbc import AccountTrial, Trial

__all__ = ["TWO_MODELS", "ladder", "one_model", "sbc_trials", "two_models"]

TWO_MODELS = "drift-diffusion, two models"
_THREE_CONCEPTS = "evidence, three concepts"

_PROMPTS = 200
_TOKENS = 49  # candidates of a GINC prompt


def sbc_trials(accounts: Sequence[str], observe: str) -> dict[str, Trial]:
    """Lay out every account: laws of curves on the table of one model, drift–diffusion on that of two models as well.

    Raises
    ------
    UserError
        If there is no such account or observation.
    """
    trials: dict[str, Trial] = {}
    for name in accounts:
        if name == EVIDENCE:
            trials[name] = EvidenceTrial(cells=ladder(flipped=False))
            trials[_THREE_CONCEPTS] = EvidenceTrial(cells=ladder(flipped=True), concepts=3)
        else:
            trials[name] = AccountTrial(layout=layout_of(one_model(), account_named(name), observe=observe))
    if DRIFT_DIFFUSION.name in trials:
        trials[TWO_MODELS] = AccountTrial(layout=layout_of(two_models(), DRIFT_DIFFUSION, observe=observe))
    return trials


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


def ladder(*, flipped: bool) -> pd.DataFrame:
    """Evidence cells of one model on a task of two labels; random labels are right by a quarter, a half, three."""
    modes = [("gold", "task"), ("random", "task"), ("random_words", "task"), ("none", "task")]
    modes += [("random", "ood"), ("random", "none"), *([("flipped", "task")] if flipped else [])]
    rows = [{"label_mode": ZERO_SHOT, "input_mode": "none", "num_shots": 0, "demonstration_set_id": ""}]
    for (mode, inputs), number, shots in product(modes, range(3), (4, 16)):
        share = {"gold": 1.0, "flipped": 0.0, "random": 0.25 * (1 + number)}.get(mode, np.nan)
        rows.append(
            {"label_mode": mode, "input_mode": inputs, "num_shots": shots, "demonstration_set_id": f"set{number}"}
            | {"share_correct": share if inputs == "task" else np.nan}
            | {"has_inputs": inputs == "task", "has_label_space": mode not in ("random_words", "none")}
        )
    cells = pd.DataFrame(rows).fillna({"has_inputs": False, "has_label_space": False})
    return validate_evidence_cells(
        cells.astype({"has_inputs": bool, "has_label_space": bool}).assign(
            model="simulated",
            task="simulated",
            format="simulated",
            order=0,
            num_correct=np.arange(len(cells)) % 2,
            num_prompts=_PROMPTS,
            num_labels=2,
            share_permuted=1 - cells["share_correct"],
            share_permuted_is_exact=True,
        )
    )


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
