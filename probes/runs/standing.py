"""How far a run has come: how many of its answers are stored, and how many are left."""

from icl.errors import UserError
from probes.runs.folder import RunFolder
from probes.runs.plan import Plan

__all__ = ["left_sentence", "stored_sentence"]


def left_sentence(stored: dict[str, set[tuple]], plan: Plan) -> str:
    """Say what a run that goes on has still to ask; empty where it begins, or only its end is missing."""
    done, total = _count(stored, plan), _total(plan)
    if not done or done >= total:
        return ""
    if plan.search:  # which prompts it will ask is not known before
        return f"Resuming: {_answers(done)} stored."
    return f"Resuming: {total - done:,} of {total:,} prompts are left."


def stored_sentence(folder: RunFolder, plan: Plan, *, always: bool) -> str:
    """Say what a run that was stopped has stored, and what to do; where there is nothing, only if `always`."""
    try:
        done = _count(folder.stored_prompts(), plan)
    except UserError:  # why it stopped may be why the scores cannot be read
        done = 0
        if always:
            return "Repeat the command to resume."
    if not always and not 0 < done < _total(plan):  # what went wrong is not mended by asking again
        return ""
    told = f"{_answers(done)} stored" if plan.search else f"{done:,} of {_total(plan):,} answers are stored"
    return f"{told}; repeat the command to {'resume' if done else 'begin again'}."


def _answers(number: int) -> str:
    return "1 answer is" if number == 1 else f"{number:,} answers are"


def _count(stored: dict[str, set[tuple]], plan: Plan) -> int:
    """Prompts that have an answer, counted once for each model that is asked."""
    return sum(len(stored.get(scorer.name, ())) for scorer in plan.scorers)


def _total(plan: Plan) -> int:
    return len(plan.prompts) * len(plan.scorers)
