"""Tasks that the project makes itself: deterministic, with no file and no network."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import combinations, product

from icl.tasks.task import Example, Task
from icl.tasks.wordlists import (
    KINDS,
    PLACE_FRAMES,
    PLACES,
    REVIEW_ADJECTIVES,
    REVIEW_ADVERBS,
    REVIEW_FEELINGS,
    REVIEW_PLEAS,
    REVIEW_THINGS,
    REVIEW_VERDICTS,
    TOPIC_FRAMES,
)

__all__ = ["BUILTIN_TASKS", "continent", "kinds", "parity", "sentiment", "topic"]

POOL_SIZE = 600
POOL_SEED = 0


def sentiment() -> Task:
    """Is the review positive or negative?"""
    return _build_task(sentiment, {label: _review_frames(label) for label in REVIEW_ADJECTIVES})


def topic() -> Task:
    """Is the news sentence about sports, business, science or travel?"""
    return _build_task(
        topic, {label: [[" ".join(parts) for parts in product(*slots)] for slots in frames]
                for label, frames in TOPIC_FRAMES.items()}
    )  # fmt: skip


def parity() -> Task:
    """Is the three-digit number even or odd?"""
    return _build_task(
        parity, {"even": [[str(n) for n in range(100, 1000, 2)]], "odd": [[str(n) for n in range(101, 1000, 2)]]}
    )


def continent() -> Task:
    """On which continent is the place in the sentence (America is North and South)?"""
    # One sentence per place: otherwise a demonstration could give a query's answer away by the place's name.
    return _build_task(
        continent,
        {
            label: [[PLACE_FRAMES[_hash(place) % len(PLACE_FRAMES)].format(place) for place in places]]
            for label, places in PLACES.items()
        },
    )


def kinds() -> Task:
    """Which of four words belongs with the three that are named (multiple choice)?"""
    pool = []
    for kind, words in KINDS.items():
        others = [other for other in KINDS if other != kind]
        for named in combinations(words, 3):
            text = "Which belongs with {}, {} and {}?".format(*named)
            place = _hash(text)
            left = [word for word in words if word not in named]
            right = left[place % len(left)]
            wrong = sorted(others, key=partial(_hash_after, text))[:3]
            options = [right, *(KINDS[other][place % len(KINDS[other])] for other in wrong)]
            options.sort(key=partial(_hash_after, text))
            pool.append(Example(input=text, label=right, options=tuple(options)))
    return Task(
        name="kinds",
        description=(kinds.__doc__ or "").strip(),
        label_space=(),
        pool=tuple(sorted(pool, key=lambda example: _hash(example.input))[:POOL_SIZE]),
        source="built-in",
    )


BUILTIN_TASKS: dict[str, Callable[[], Task]] = {
    "continent": continent,
    "kinds": kinds,
    "parity": parity,
    "sentiment": sentiment,
    "topic": topic,
}


def _build_task(function: Callable[[], Task], frames: Mapping[str, Sequence[Sequence[str]]]) -> Task:
    """Make a task named and described as `function`, with equally many inputs of each label.

    Parameters
    ----------
    function
        The public function, whose name and docstring the task takes.
    frames
        For each label its groups of inputs; each group gets an equal share of the pool while it lasts.
    """
    num_each = min(POOL_SIZE // len(frames), *(sum(map(len, groups)) for groups in frames.values()))
    pool = [Example(input=text, label=label) for label in frames for text in _draw(frames[label], num_each)]
    return Task(
        name=function.__name__,
        description=function.__doc__ or function.__name__,
        label_space=tuple(sorted(frames)),
        pool=tuple(sorted(pool, key=lambda example: _hash(example.input))),
        source="built-in",
    )


def _draw(groups: Sequence[Sequence[str]], num_inputs: int) -> list[str]:
    """Take `num_inputs` inputs, one group after the other, in each group in hash order."""
    # Hash order, not a random generator's: the same pool on every machine and every version of NumPy.
    queues = [sorted(group, key=_hash, reverse=True) for group in groups]
    drawn: list[str] = []
    while len(drawn) < num_inputs:
        for queue in queues:
            if queue and len(drawn) < num_inputs:
                drawn.append(queue.pop())
    return drawn


def _hash(text: str) -> int:
    return int.from_bytes(sha256(f"{POOL_SEED}:{text}".encode()).digest()[:8])


def _hash_after(text: str, word: str) -> int:
    return _hash(text + word)


def _review_frames(label: str) -> list[list[str]]:
    """All reviews of one sentiment, grouped by the shape of the sentence."""
    adjectives, verdict = REVIEW_ADJECTIVES[label], REVIEW_VERDICTS[label]
    things = [(thing, preposition, part) for thing, (preposition, parts) in REVIEW_THINGS.items() for part in parts]
    return [
        [
            f"The {thing} was {adverb} {adjective}."
            for thing, adverb, adjective in product(REVIEW_THINGS, REVIEW_ADVERBS, adjectives)
        ],
        [
            f"The {part} {preposition} this {thing} was {adjective}."
            for (thing, preposition, part), adjective in product(things, adjectives)
        ],
        [
            f"{plea} this {thing}, because the {part} was {adjective}."
            for (thing, _, part), adjective, plea in product(things, adjectives, REVIEW_PLEAS[label])
        ],
        [
            f"It was {_with_article(adjective)} {thing}, and the {part} was {verdict}."
            for (thing, _, part), adjective in product(things, adjectives)
        ],
        [
            f"We {feeling} this {thing}: the {part} was {adjective} and the {other_part} was {verdict}."
            for (thing, _, part), (other_thing, _, other_part), adjective, feeling in product(
                things, things, adjectives, REVIEW_FEELINGS[label]
            )
            if thing == other_thing and part != other_part
        ],
    ]


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
