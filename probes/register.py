"""Add a scorer of your own, to be asked by its name; `icl.register` adds tasks, formats and label modes."""

from collections.abc import Callable
from typing import Any

from icl.public import public
from icl.tasks.protocol import AnyTask
from probes.scorers import catalogue as _scorers

__all__ = ["scorer"]


@public("probes.register.scorer")
def scorer(name: str, make: Callable[[AnyTask], Any]) -> None:
    """Let a model be asked by its name.

    Parameters
    ----------
    name
        How it is asked for, such as ``--model NAME``.
    make
        Called with the task; returns a `probes.scorers.scorer.Scorer`, or a function from a sequence of prompts to an
        array (num_prompts, num_candidates) of log-probabilities in nats, NaN where it cannot tell.

    Examples
    --------
    >>> import numpy as np
    >>> import probes
    >>> def shortest(task):
    ...     return lambda prompts: np.array([[-float(len(c.text)) for c in prompt.candidates] for prompt in prompts])
    >>> probes.register.scorer("shortest", shortest)

    Raises
    ------
    UserError
        If the name is one of the lab's own, or is not written as one.
    """
    _scorers.REGISTERED.add(name, make, own=_scorers.REFERENCES)
