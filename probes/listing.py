"""`probe list`: what there is, one line each."""

import json
from argparse import Namespace

from icl.concept.accounts import ACCOUNTS
from icl.errors import unknown_name
from icl.metrics.normalise import NORMALISATIONS
from icl.prompts.build import INPUT_MODES
from icl.prompts.demonstrations import BALANCES
from icl.prompts.formats import FORMATS, MANUAL
from icl.prompts.grammar import GRAMMAR
from icl.prompts.label_modes import LABEL_MODE_MEANINGS
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.min2022 import MIN_PREFIX
from icl.tasks.min2022_record import MinSet
from icl.tasks.min2022_sets import MIN_SETS
from probes.designs.catalogue import PROBES
from probes.layout import entries
from probes.runs.plan import GINC
from probes.scorers.catalogue import ORACLE
from probes.scorers.controls import CONTROLS
from probes.scorers.huggingface_source import describe_shipped, shipped_models

__all__ = ["list_"]

_KINDS = (
    "tasks",
    "labels",
    "inputs",
    "balances",
    "formats",
    "probes",
    "models",
    "normalisations",
    "accounts",
    "priors",
)

_ARGUMENTS = {"fraction_correct": "(a)", "flip_after": "(j)", "permuted": ", permuted(1-2-0)"}


def list_(options: Namespace) -> None:
    """Print what there is, one line each."""
    kinds = [options.what] if options.what else list(_KINDS)
    if options.what and options.what not in _KINDS:
        raise unknown_name("kind of thing to list", options.what, _KINDS)
    found = {kind: _catalogue(kind) for kind in kinds}
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for kind, named in found.items():
        if not options.what:
            print(f"\n{kind}")
        print("\n".join(entries(named, indent=0 if options.what else 2)))


def _catalogue(kind: str) -> dict[str, str]:
    if kind == "tasks":
        tasks = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in BUILTIN_TASKS.items()}
        published = {f"{MIN_PREFIX}{name}": _kind_of(record) for name, record in MIN_SETS.items()}
        return {GINC: "continue a sequence of a hidden Markov concept (Xie et al. 2022)"} | tasks | published
    if kind == "labels":
        return {
            name
            + {"fraction_correct": "(a)", "flip_after": "(j)", "permuted": " or permuted(1-2-0)"}.get(name, ""): text
            for name, text in LABEL_MODE_MEANINGS.items()
        }
    if kind == "inputs":
        return INPUT_MODES
    if kind == "balances":
        return BALANCES
    if kind == "formats":
        written = {name: repr(f"{f.example()}{f.demonstration_separator}…") for name, f in FORMATS.items()}
        more = {
            f"g0 … g{GRAMMAR.size - 1}": "formats of a grammar: descriptors, separators, spacings, casings, numbers",
            "sampled(N)": "N of the grammar's formats, drawn by --seed-format",
            f"{MANUAL}SET": "the manual template of Min et al. 2022 for a set, with --task min:SET@manual",
        }
        return written | more
    if kind == "accounts":
        laws = {name: account.says for name, account in ACCOUNTS.items()}
        return laws | {"evidence": "not a law of curves: what inputs, label words and right labels each bring"}
    if kind == "priors":
        return {
            f"{name}: {parameter.name}": f"{parameter.prior_in_words()}; {parameter.reason}"
            for name, account in ACCOUNTS.items()
            for parameter in account.parameters
        }
    if kind == "normalisations":
        return {name: (how.__doc__ or "").strip() for name, how in NORMALISATIONS.items()}
    if kind == "probes":
        return {name: probe.question for name, probe in PROBES.items()}
    shipped = {name: describe_shipped(folder) for name, folder in shipped_models().items()}
    controls = {name: (rule.__doc__ or "").splitlines()[0] for name, rule in CONTROLS.items()}
    elsewhere = {
        "owner/name, folder, .gguf": "any causal language model of Transformers: from the Hub, or from this machine",
        "http…/v1#name": "a model behind an OpenAI-compatible completions server",
        "vllm:name": "the same names as for Transformers, read by vLLM (package vllm, for machines with a GPU)",
    }
    return shipped | elsewhere | {ORACLE: "exact Bayes on GINC, the ceiling of every GINC plot"} | controls


def _kind_of(record: MinSet) -> str:
    """Say what a data set of Min et al. asks."""
    kind = "multiple choice" if record.is_multiple_choice else " / ".join(record.label_words)
    return f"{kind} (Min et al. 2022; Hub data set {record.hub.path})"
