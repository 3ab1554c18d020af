"""A task with too few rows for what is asked: how many queries and shots would do."""

from collections.abc import Callable

__all__ = ["TooFewRows", "numbers_that_work"]


class TooFewRows(Exception):
    """Why a task's rows do not suffice, as the beginning of a sentence."""


def numbers_that_work(draw: Callable[[int, int], object], num_queries: int, num_shots: int) -> str:
    """Find, by drawing, the most queries and the most shots that a task's rows allow; the end of a sentence.

    Parameters
    ----------
    draw
        Draws so many queries and shots; raises `TooFewRows` where the rows do not suffice.
    num_queries, num_shots
        What was asked and is too much.
    """

    def works(queries: int, shots: int) -> bool:
        try:
            draw(queries, shots)
        except TooFewRows:
            return False
        return True

    found = []
    if queries := _most(lambda count: works(count, num_shots), num_queries - 1):
        found.append(f"--queries {queries} works with {_shots(num_shots)}")
    if shots := _most(lambda count: works(num_queries, count), num_shots - 1):
        found.append(f"--shots {shots} works with {num_queries} {'queries' if num_queries != 1 else 'query'}")
    queries = num_queries
    while not found and (queries := queries // 2):
        if shots := _most(lambda count: works(queries, count), num_shots - 1):
            found.append(f"--queries {queries} --shots {shots} works")
    return " and ".join(found) or "it needs more rows"


def _shots(count: int) -> str:
    return f"{count} shot{'s' * (count != 1)}"


def _most(works: Callable[[int], bool], most: int) -> int:
    """Return the largest number from 1 to `most` that works, where smaller ones work too; 0 if none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if works(middle):
            low = middle
        else:
            high = middle - 1
    return low
