"""What a tokenizer makes of a run's words: labels that it cannot tell apart, texts that it takes for control tokens."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from icl.errors import UserError
from icl.prompts.audit import control_notice
from icl.prompts.render import Prompt
from probes.scorers.huggingface_literal import controls_of
from probes.scorers.huggingface_tokens import TokenisedCandidate, tokenise

__all__ = ["check_labels", "control_notices"]

_TAIL = 4
"""Last characters of a prompt on which the cut of a label may depend."""

_TOGETHER = 128
"""Prompts whose tokens are held at a time."""

_NAMED = 12
"""Pairs of labels that a message names."""


def check_labels(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], model: str, *, chat: bool = False
) -> None:
    """Refuse labels without tokens, labels that are the same tokens, and labels whose tokens begin another's.

    Of prompts that end alike and have the same candidates the shortest is looked at.

    Raises
    ------
    UserError
        Naming all such labels.
    """
    shortest: dict[tuple, Prompt] = {}
    for prompt in prompts:
        key = (prompt.format, prompt.method, prompt.candidates, prompt.text[-_TAIL:])
        if key not in shortest or len(prompt.text) < len(shortest[key].text):
            shortest[key] = prompt
    same: dict[tuple[str, str], Prompt] = {}
    begun: dict[tuple[str, str], Prompt] = {}
    chosen = list(shortest.values())
    for start in range(0, len(chosen), _TOGETHER):
        part = chosen[start : start + _TOGETHER]
        for prompt, cuts in zip(part, tokenise(tokenizer, part, chat=chat)):
            alike, beginning = _clashes(prompt, cuts)
            same |= dict.fromkeys(alike, prompt)
            begun |= dict.fromkeys(beginning, prompt)
    if same:
        raise UserError(
            f"{_pairs(same, 'and')} are the same tokens for model '{model}' in format "
            f"'{next(iter(same.values())).format}', so every prompt would end in a tie; rename one of each pair, use "
            "another format, or another model."
        )
    if begun:
        raise UserError(
            f"for model '{model}' the tokens of {_pairs(begun, 'begin those of')} in format "
            f"'{next(iter(begun.values())).format}', so the probability of one includes the other's; rename one of "
            "each pair, use another format, or another model."
        )


def control_notices(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], model: str) -> list[str]:
    """Count the prompts whose texts a tokenizer would take for control tokens, which is why they are cut literally."""
    return control_notice(
        prompts,
        controls_of(tokenizer).found,
        f"model '{model}' knows as control tokens",
        "they are cut into ordinary tokens, so that they stay text",
    )


def _clashes(prompt: Prompt, cuts: list[TokenisedCandidate]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pair candidates that are the same tokens, and those of which one's tokens begin the other's."""
    ordered = sorted((cut.ids, candidate.label) for candidate, cut in zip(prompt.candidates, cuts))
    same, begun = [], []
    for number, (ids, label) in enumerate(ordered):
        for longer, other in ordered[number + 1 :]:
            if longer[: len(ids)] != ids:
                break
            if longer == ids:
                same.append((label, other))
            elif prompt.method == "direct":
                begun.append((label, other))
    return same, begun


def _pairs(found: dict[tuple[str, str], Prompt], verb: str) -> str:
    """Name pairs of labels."""
    named = [f"{one!r} {verb} {other!r}" for one, other in list(found)[:_NAMED]]
    more = f" and {len(found) - _NAMED} more pairs" if len(found) > _NAMED else ""
    return f"the label{'s' if len(found) > 1 or verb == 'and' else ''} {', '.join(named)}{more}"
