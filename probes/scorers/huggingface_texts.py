"""What a tokenizer is handed for a prompt: what is given, what is scored, and what would follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from icl.prompts.render import DATA_KINDS, Candidate, Prompt
from probes.scorers.huggingface_literal import Controls, controls_of

__all__ = ["Asked", "texts_to_cut"]

_REPLY = "some reply"


@dataclass(frozen=True, slots=True)
class Asked:
    """One candidate of a prompt.

    Attributes
    ----------
    given : str
        What stands before it.
    scored : str
        What is scored.
    behind : str
        What would follow: it decides how the end of what is scored is cut, and is not scored. Empty where that does
        not matter.
    """

    given: str
    scored: str
    behind: str


def texts_to_cut(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], *, chat: bool
) -> tuple[Tokenizer, list[list[Asked]]]:
    """Write prompts down for a tokenizer, and say with which tokenizer to cut them.

    Control tokens that a task's texts spell are text; those that a format or the chat template writes are control
    tokens. Where texts spell none, the tokenizer is the model's own.

    Parameters
    ----------
    chat
        Put each prompt into the tokenizer's chat template as one message of the user; the candidate, without its
        leading space, is how the reply begins.
    """
    controls = controls_of(tokenizer)
    texts = {text for prompt in prompts for text in (prompt.text, *_scored_texts(prompt))}
    literal = any(map(controls.may_stand_in, texts))
    writer = _Writer(tokenizer, controls, literal=literal)
    write = writer.in_chat if chat else writer.plainly
    return controls.literal if literal else controls.backend, [write(prompt) for prompt in prompts]


def _scored_texts(prompt: Prompt) -> tuple[str, ...]:
    return tuple(candidate.given + candidate.text for candidate in prompt.candidates)


def _same_end(texts: list[str]) -> int:
    """Count the last characters that all texts have in common."""
    shared = 0
    for characters in zip(*(reversed(text) for text in texts)):
        if len(set(characters)) > 1:
            break
        shared += 1
    return shared


class _Writer:
    """Writes prompts, for the model's own tokenizer or for the literal one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, controls: Controls, *, literal: bool):
        self._tokenizer, self._controls, self._literal = tokenizer, controls, literal

    def plainly(self, prompt: Prompt) -> list[Asked]:
        """Write the text as it is."""
        given = self._parts(prompt, lambda text: text)
        # Behind the label words of a channel, all candidates write the same: the format's own text.
        shared = _same_end([candidate.given for candidate in prompt.candidates]) if self._literal else 0
        return [
            Asked(
                given + self._named(candidate.given, shared),
                self._named(candidate.text, len(candidate.end)),
                self._named(candidate.behind, len(candidate.behind)),
            )
            for candidate in prompt.candidates
        ]

    def in_chat(self, prompt: Prompt) -> list[Asked]:
        """Write a message of the user, and the beginning of a reply."""
        content = self._parts(prompt, self._controls.hidden)
        given = self._template([{"role": "user", "content": content}], reply=True)
        given = self._controls.shown(self._named(given, len(given)))
        return [Asked(given, *self._reply(candidate)) for candidate in prompt.candidates]

    def _reply(self, candidate: Candidate) -> tuple[str, str]:
        """A reply ends as the template ends it, and as the format does where the template ends none."""
        word = candidate.word.lstrip(" ")
        end = candidate.end and (self._end_of_reply or candidate.end)
        return word + self._named(end, len(end)), "" if end != candidate.end else candidate.behind

    @cached_property
    def _end_of_reply(self) -> str:
        """What the chat template writes behind a reply, up to its first control token or word."""
        messages = [{"role": "user", "content": _REPLY}, {"role": "assistant", "content": _REPLY}]
        return self._controls.beginning(self._template(messages, reply=False).rpartition(_REPLY)[2])

    def _parts(self, prompt: Prompt, write_data: Callable[[str], str]) -> str:
        if not self._literal:
            return prompt.text
        parts = prompt.parts
        return "".join(
            write_data(part.text) if part.kind in DATA_KINDS else self._controls.named(part.text) for part in parts
        )

    def _named(self, text: str, size: int) -> str:
        """Name the control tokens among a text's last characters, so many of them."""
        start = len(text) - size
        return text[:start] + self._controls.named(text[start:]) if self._literal and size else text

    def _template(self, messages: list[dict[str, str]], *, reply: bool) -> str:
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=reply))
