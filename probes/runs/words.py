"""A run's record in words: what was read and how, token boundaries, reduced precision, what was left out."""

__all__ = ["account_of_reading"]


def account_of_reading(manifest: dict) -> list[str]:
    """Say in a few sentences what a reader of the numbers has to know about how they were read."""
    sentences = []
    for model, read in manifest["reading"].items():
        sentences.append(f"{model}: {_reading(read)}")
    for model, found in manifest["boundaries"].items():
        if found["candidates"]:
            sentences.append(
                f"{model}: {found['unclean']:,} of {found['candidates']:,} candidates are cut otherwise when joined to "
                f"their prompt; cut separately, {found['predictions_changed']:,} of {found['prompts']:,} predictions "
                "would be others."
            )
    for model, found in manifest["precision"].items():
        if "not_measured" in found:
            sentences.append(f"{model}: the deviation from float32 was not measured ({found['not_measured']}).")
        else:
            sentences.append(
                f"{model}: against float32, {found['prompts']} prompts of this run differ by "
                f"{found['mean_difference_nats']:.2g} nats on average and {found['largest_difference_nats']:.2g} at "
                f"most; {found['predictions_changed']} predictions change."
            )
    for model, count in manifest["skipped"].items():
        sentences.append(f"{model}: {count:,} questions do not fit its context and were left out.")
    return sentences


def _reading(read: dict) -> str:
    if "trie_nodes" not in read:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in read.items()) + "."
    text = f"{read['tokens_forwarded']:,.0f} tokens read for {read['trie_nodes']:,.0f} distinct ones"
    a_second = read["tokens_forwarded"] / max(read["seconds"], 1e-9)
    text += f" ({read['tokens_per_node']:.2f} each), {a_second:,.0f} a second"
    if read["read_whole_because"]:
        text += f"; prompts shared no passes because {read['read_whole_because']}"
    return text + "."
