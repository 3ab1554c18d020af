"""A lab for in-context learning. One sentence runs it:

    prompts = render(task, demonstrations, query, format);  scores = score(prompts);  tree = fit(scores)

`icl` is the science: pure functions on values, no disk (but for reading tasks and families), no screen. Its rooms:
`tasks` (what is asked), `prompts` (how it is asked), `ginc` (the world with known truth), `concept` (what the model
inferred), `metrics` (answers → sensitivities with uncertainty), and `scores` and `answers` (the tables between them).

A notebook needs `icl.load_task`, `icl.show` and, for tasks, formats and label modes of its own, `icl.register`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl import register
    from icl.notebook import load_task, show

__all__ = ["load_task", "register", "show"]


def __getattr__(name: str) -> Any:
    if name in ("load_task", "show"):  # found when asked for, so that importing the package stays quick
        return getattr(import_module("icl.notebook"), name)
    if name == "register":
        return import_module("icl.register")
    raise AttributeError(f"module 'icl' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
