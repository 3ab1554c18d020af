"""A run's record in words: what was read and how, token boundaries, reduced precision, what was left out."""

from typing import Any

__all__ = ["account_of_reading", "boundary_sentence", "precision_sentences"]


def account_of_reading(manifest: dict) -> list[str]:
    """Say in a few sentences what a reader of the numbers has to know about how they were read."""
    read = [f"{model}: {_reading(found)}" for model, found in manifest["reading"].items()]
    read += [
        f"{model}: {count:,} questions were answered from the cache of earlier runs."
        for model, count in manifest.get("from_cache", {}).items()
    ]
    boundaries = [boundary_sentence(model, found) for model, found in manifest["boundaries"].items()]
    skipped = [
        f"{model}: {count:,} questions do not fit its context and were left out."
        for model, count in manifest["skipped"].items()
    ]
    return [*read, *boundaries, *precision_sentences(manifest), *skipped]


def boundary_sentence(model: str, found: dict[Any, Any]) -> str:
    """Say what `icl.metrics.boundaries.boundary_audit` found of one model."""
    if not found["unclean"]:
        return f"{model}: all {found['candidates']:,} candidates begin at a token boundary."
    text = (
        f"{model}: {found['unclean']:,} of {found['candidates']:,} candidates are tokenised differently when "
        "joined to their prompt, and scored that way"
    )
    if found["prompts"]:
        changed = f"{found['predictions_changed']:,} of {found['prompts']:,}"
        text += f"; tokenised separately, {changed} predictions would change"
    return text + "."


def precision_sentences(manifest: dict) -> list[str]:
    """Say what reduced precision changed on a sample of the run's prompts."""
    said = []
    for model, found in manifest.get("precision", {}).items():
        if "not_measured" in found:
            said.append(f"{model}: the deviation from float32 was not measured ({found['not_measured']}).")
            continue
        said.append(
            f"{model}: against float32, {found['prompts']} prompts of this run differ by "
            f"{found['mean_difference_nats']:.2g} nats on average and {found['largest_difference_nats']:.2g} at most; "
            f"{found['predictions_changed']} predictions change."
        )
    return said


def _reading(read: dict) -> str:
    if "trie_nodes" not in read:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in read.items()) + "."
    text = f"{read['tokens_forwarded']:,.0f} tokens read for {read['trie_nodes']:,.0f} distinct ones"
    a_second = read["tokens_forwarded"] / max(read["seconds"], 1e-9)
    text += f" ({read['tokens_per_node']:.2f} each), {a_second:,.0f} per second"
    if read["read_whole_because"]:
        text += f"; prompts shared no passes because {read['read_whole_because']}"
    return text + "."
