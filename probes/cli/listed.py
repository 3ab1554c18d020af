"""What can be listed: names of tasks, labels, formats, probes, models and more, with one line each."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icl.tasks.min2022_record import MinSet

__all__ = ["KINDS"]

_ADDED = "added by an installed package"


def _tasks() -> dict[str, str]:
    from icl.tasks.builtin import BUILTIN_TASKS
    from icl.tasks.catalogue import REGISTERED
    from icl.tasks.min2022 import MIN_PREFIX
    from icl.tasks.min2022_sets import MIN_SETS
    from icl.worlds import WORLDS

    tasks = {name: (make.__doc__ or "").strip().splitlines()[0] for name, make in BUILTIN_TASKS.items()}
    published = {f"{MIN_PREFIX}{name}": _kind_of(record) for name, record in MIN_SETS.items()}
    worlds = {name: world.description for name, world in WORLDS.items()}
    return worlds | tasks | dict.fromkeys(REGISTERED.names(), _ADDED) | published


def _kind_of(record: "MinSet") -> str:
    """Say what a data set of Min et al. asks."""
    kind = "multiple choice" if record.is_multiple_choice else " / ".join(record.label_words)
    return f"{kind} (Min et al. 2022; Hub data set {record.hub.path})"


def _labels() -> dict[str, str]:
    from icl.prompts.label_modes import LABEL_MODE_MEANINGS, REGISTERED

    arguments = {"fraction_correct": "(a)", "flip_after": "(j)", "permuted": " or permuted(1-2-0)"}
    added = {name: (REGISTERED.get(name).__doc__ or _ADDED).strip().splitlines()[0] for name in REGISTERED.names()}
    return {f"{name}{arguments.get(name, '')}": text for name, text in LABEL_MODE_MEANINGS.items()} | added


def _inputs() -> dict[str, str]:
    from icl.prompts.build import INPUT_MODES

    return INPUT_MODES


def _balances() -> dict[str, str]:
    from icl.tasks.demonstrations import BALANCES

    return BALANCES


def _formats() -> dict[str, str]:
    from icl.prompts.formats import FORMATS, MANUAL, REGISTERED
    from icl.prompts.grammar import GRAMMAR

    written = {name: repr(f"{f.example()}{f.demonstration_separator}…") for name, f in FORMATS.items()}
    written |= dict.fromkeys(REGISTERED.names(), _ADDED)
    return written | {
        f"g0 … g{GRAMMAR.size - 1}": "formats of a grammar: descriptors, separators, spacings, casings, numbers",
        "sampled(N)": "N of the grammar's formats, drawn with --seed-format",
        f"{MANUAL}SET": "the manual template of Min et al. 2022 for a set, with --task min:SET@manual",
    }


def _probes() -> dict[str, str]:
    from probes.catalogue.index import PROBES

    return {name: probe.question for name, probe in PROBES.items()}


def _models() -> dict[str, str]:
    from probes.scorers.catalogue import ORACLE, REGISTERED
    from probes.scorers.controls import CONTROLS
    from probes.scorers.huggingface_source import describe_shipped, shipped_models

    shipped = {name: describe_shipped(folder) for name, folder in shipped_models().items()}
    controls = {name: (rule.__doc__ or "").splitlines()[0] for name, rule in CONTROLS.items()}
    elsewhere = {
        "owner/name, folder, .gguf": "any causal language model that Transformers loads, from the Hub or this machine",
        "http…/v1#name": "a model behind an OpenAI-compatible completions server",
        "vllm:name": "the same names as for Transformers, read by vLLM (package vllm, for machines with a GPU)",
    }
    controls = {ORACLE: "exact Bayes on GINC, the ceiling of every GINC plot"} | controls
    return shipped | elsewhere | controls | dict.fromkeys(REGISTERED.names(), _ADDED)


def _metrics() -> dict[str, str]:
    from icl.metrics.catalogue import METRICS

    return {name: metric.sentence for name, metric in METRICS.items()}


def _normalisations() -> dict[str, str]:
    from icl.metrics.normalise import NORMALISATIONS

    return {name: (how.__doc__ or "").strip() for name, how in NORMALISATIONS.items()}


def _accounts() -> dict[str, str]:
    from icl.concept.accounts import ACCOUNTS

    laws = {name: account.says for name, account in ACCOUNTS.items()}
    return laws | {"evidence": "not a law of learning curves: what inputs, label words and right labels each bring"}


def _priors() -> dict[str, str]:
    from icl.concept.accounts import ACCOUNTS

    return {
        f"{name}: {parameter.name}": f"{parameter.prior_in_words()}; {parameter.reason}"
        for name, account in ACCOUNTS.items()
        for parameter in account.parameters
    }


def _fields() -> dict[str, str]:
    from probes.importing.fields import FIELDS

    return {name: field.meaning for name, field in FIELDS.items()}


KINDS = {
    "tasks": _tasks,
    "labels": _labels,
    "inputs": _inputs,
    "balances": _balances,
    "formats": _formats,
    "probes": _probes,
    "models": _models,
    "metrics": _metrics,
    "normalisations": _normalisations,
    "accounts": _accounts,
    "priors": _priors,
    "fields": _fields,
}
"""What can be listed → function of its names, with a line each; nothing is imported before it is called."""
