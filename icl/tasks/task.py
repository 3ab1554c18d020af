"""What is asked: a label space and a pool of labelled inputs."""

from dataclasses import dataclass

from icl.errors import UserError

__all__ = ["Example", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled input."""

    input: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A classification task in words.

    Attributes
    ----------
    name : str
        Name in tables and plots.
    description : str
        One line of what is asked.
    label_space : tuple of str
        All labels, each non-empty, none a prefix of another.
    pool : tuple of Example
        Labelled inputs, all distinct, from which demonstrations and queries are drawn.
    source : str
        Where the pool comes from: "built-in", a file with its hash, or a Hub data set with its revision.

    Raises
    ------
    UserError
        If there are fewer than two labels, a label is empty or a prefix of another (its probability would contain
        the other's), an example's label is unknown, or inputs repeat.
    """

    name: str
    description: str
    label_space: tuple[str, ...]
    pool: tuple[Example, ...]
    source: str

    def __post_init__(self):
        labels = self.label_space
        if any(not label.strip() for label in labels):
            raise UserError(f"task '{self.name}' has an empty label; give every example a label word.")
        if len(set(labels)) < 2:
            raise UserError(
                f"task '{self.name}' has one class only ({labels[0]!r}); a probe needs at least two."
                if labels
                else f"task '{self.name}' has no labels at all; a probe needs at least two."
            )
        for first in labels:
            for second in labels:
                if first is not second and second.startswith(first):
                    raise UserError(
                        f"label {first!r} of task '{self.name}' is a prefix of label {second!r}, so its probability "
                        "would include the other's; rename one of them."
                    )
        if strangers := {example.label for example in self.pool} - set(labels):
            raise UserError(f"task '{self.name}' has examples labelled {sorted(strangers)}, not in its label space.")
        inputs = [example.input for example in self.pool]
        if len(set(inputs)) < len(inputs):
            raise UserError(
                f"{len(inputs) - len(set(inputs))} inputs of task '{self.name}' stand in its pool more than once; "
                "keep one of each, or a demonstration may give the query's answer away."
            )

    @property
    def answers(self) -> tuple[str, ...]:
        """What is scored as an answer: the labels."""
        return self.label_space
