"""What a probe is made of."""

from dataclasses import dataclass, replace

from icl.prompts.build import Condition

__all__ = ["Grid", "Probe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Conditions as a product of label modes, formats and shots, at each example length (GINC only)."""

    label_modes: tuple[str, ...]
    formats: tuple[str, ...]
    shots: tuple[int, ...]
    example_lengths: tuple[int | None, ...] = (None,)
    methods: tuple[str, ...] = ("direct",)

    def as_curve(self) -> "Grid":
        """Ask at every shot count up to the largest: on a curve that costs nothing more."""
        return replace(self, shots=tuple(range(max(self.shots) + 1)))

    def override(self, **chosen: tuple | None) -> "Grid":
        """Replace what the user chose; None leaves the grid's own."""
        return replace(self, **{name: value for name, value in chosen.items() if value is not None})

    def conditions(self) -> list[Condition]:
        """List the conditions, each once; all label modes share one zero-shot condition."""
        product = [
            Condition.of(mode, format, num_shots, method)
            for method in self.methods
            for format in self.formats
            for num_shots in self.shots
            for mode in self.label_modes
        ]
        return list(dict.fromkeys(product))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question to a model, with the grid that answers it on sentences and on GINC."""

    name: str
    question: str
    text: Grid
    ginc: Grid
