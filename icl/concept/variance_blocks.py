"""The density of normal outcomes with all effects integrated out, in blocks that are as small as the design allows.

Outcomes of one task are one block, since tasks share no level. Where all models answered the same prompts, the mean
over models and the differences between models are independent of each other: effects that models share move the mean
alone. With m models the mean, times √m, has the shared effects with m times their variance, and the models' own; the
m − 1 contrasts have the models' own effects alone, and one covariance. A block then has as many outcomes as there are
prompts, not m times as many. Queries that were all asked behind the same demonstrations are taken apart in the same way
(Searle, Casella & McCulloch 1992, *Variance Components*, chapter 4, on balanced data). Blocks of one design, such as
tasks that were asked alike, share one covariance too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from icl.concept.variance_layout import VarianceLayout

__all__ = ["Block", "blocks_of", "columns_of", "log_density"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of outcomes that are independent and have one covariance, σ²(I + Σ_p r_p² Z_p Z_pᵀ).

    A part p of it is a partition of the outcomes into levels, and r_p² = Σ_f `weights`[p, f] · ratio_f², the ratio of a
    factor being its standard deviation over σ. With W = [all parts but the largest] scaled by r, the largest part is
    taken out first, since it is diagonal in WᵀW; determinant and inverse then need a Cholesky factor of the rest alone.

    Attributes
    ----------
    num_rows
        Independent rows.
    part
        Which part each column of W belongs to.
    weights
        Variance of each part in those of the settings and the factors.
    large
        The same of the largest part.
    crossed
        WᵀW.
    sums
        WᵀY, a column for each row of outcomes; rows may be more than the independent ones (deviations from a mean).
    squares
        Sum of the squares of all outcomes.
    groups
        Levels of the largest part by their number of outcomes: that number, how many there are, the crossed products of
        what they share with W, of that with their sums of Y, and of those sums.
    """

    num_rows: int
    part: Integer[ndarray, " num_columns"]
    weights: Float[ndarray, "num_parts num_factors"]
    large: Float[ndarray, " num_factors"]
    crossed: Float[ndarray, "num_columns num_columns"]
    sums: Float[ndarray, "num_columns num_held"]
    squares: float
    groups: tuple[tuple[float, int, ndarray, ndarray, float], ...]


type _Part = tuple[Integer[ndarray, " num_outcomes"], Float[ndarray, " num_factors"]]
"""Level of each outcome, and the variance of the part in those of the factors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows of outcomes of one design; `num_rows` of them are independent."""

    y: Float[ndarray, "num_held num_outcomes"]
    num_rows: int
    parts: tuple[_Part, ...]


def blocks_of(layout: VarianceLayout) -> list[Block]:
    """Take outcomes, less their mean, apart into blocks; factors are the settings and those of the layout, in order."""
    y = layout.values - layout.values.mean()
    codes = [layout.setting, *layout.levels.values()]
    units = [layout.model, *(layout.levels[name] for name in ("query",) if name in layout.levels)]
    designs: dict[tuple, list[_Rows]] = {}
    for number in range(len(layout.tasks)):
        mine = np.flatnonzero(layout.task == number)
        mine = mine[np.lexsort([one[mine] for one in reversed([*units, *codes])])]  # tasks of one design in one order
        parts = _merged([(one[mine], weight) for one, weight in zip(codes, np.eye(len(codes)))])
        whole = _Rows(y=y[mine][None], num_rows=1, parts=parts)
        for rows in _taken_apart(whole, [one[mine] for one in units]):
            key = tuple(part.tobytes() for pair in rows.parts for part in pair)
            designs.setdefault(key, []).append(rows)
    return [_block(alike) for alike in designs.values()]


def columns_of(blocks: Sequence[Block]) -> int:
    """Columns of one Cholesky factor that would take the time of all."""
    return round(float(np.sum([float(len(block.part)) ** 3 for block in blocks]) ** (1 / 3)))


def log_density(block: Block, ratios: Any, sigma: Any) -> Any:
    """Give the log-density of a block's outcomes in PyTensor, without its constant and −log σ for each outcome."""
    import pytensor.tensor as pt

    ratio = pt.sqrt((block.weights * ratios**2).sum(axis=-1))[block.part]  # sums compile faster than products
    large = (block.large * ratios**2).sum()
    inner, right, squares, log_determinant = block.crossed, block.sums, block.squares, 0.0
    for count, size, crossed, sums, square in block.groups:
        shrunk = large / (1 + large * count)
        inner, right, squares = inner - shrunk * crossed, right - shrunk * sums, squares - shrunk * square
        log_determinant += size * pt.log1p(large * count)
    if len(block.part) > 0:
        factor = pt.linalg.cholesky(pt.eye(len(block.part)) + ratio[:, None] * ratio * inner)
        left = pt.linalg.solve_triangular(factor, ratio[:, None] * right, lower=True)
        log_determinant += 2 * pt.log(pt.diag(factor)).sum()
        squares -= (left**2).sum()
    return -(block.num_rows * log_determinant + squares / sigma**2) / 2


def _taken_apart(rows: _Rows, units: Sequence[ndarray]) -> Iterator[_Rows]:
    """Split rows into the mean over units and the deviations from it, unit by unit, where they are crossed."""
    if not units:
        yield rows
        return
    unit, *others = units
    of_unit = [_is_of(unit, codes) for codes, _ in rows.parts]
    order = _crossing(unit, rows.parts, of_unit)
    if order is None:
        yield from _taken_apart(rows, others)
        return
    count, first = len(order), order[0]
    others = [codes[first] for codes in others]
    answers = rows.y[:, order]
    mean = answers.mean(axis=1)
    parts = [(codes[first], weight if own else count * weight) for (codes, weight), own in zip(rows.parts, of_unit)]
    yield from _taken_apart(replace(rows, y=np.sqrt(count) * mean, parts=_merged(parts)), others)
    nothing = (np.zeros(len(first), dtype=int), np.zeros_like(rows.parts[0][1]))  # where units share all effects
    parts = [part for part, own in zip(parts, of_unit) if own] or [nothing]
    deviations = (answers - mean[:, None]).reshape(-1, len(first))
    contrasts = _Rows(y=deviations, num_rows=rows.num_rows * (count - 1), parts=_merged(parts))
    yield from _taken_apart(contrasts, others)


def _is_of(unit: ndarray, codes: ndarray) -> bool | None:
    """Whether each level is of one unit (True) or of all (False); None where it is of some."""
    levels, pairs = len(np.unique(codes)), len(np.unique(np.column_stack([unit, codes]), axis=0))
    return False if pairs == levels * len(np.unique(unit)) else True if pairs == levels else None


def _crossing(
    unit: ndarray, parts: Sequence[_Part], of_unit: Sequence[bool | None]
) -> Integer[ndarray, "num_units num_places"] | None:
    """Line outcomes up by what units share, one row for each unit; None where they cannot be, or there is one unit."""
    _, sizes = np.unique(unit, return_counts=True)
    if len(sizes) < 2 or np.ptp(sizes) > 0 or None in of_unit:
        return None
    shared = _numbered([codes for (codes, _), own in zip(parts, of_unit) if not own] or [np.zeros_like(unit)])
    order = np.lexsort((shared, unit)).reshape(len(sizes), -1)
    if (shared[order] != shared[order[0]]).any():
        return None
    for (codes, _), own in zip(parts, of_unit):
        if own:  # levels stand in the same places in all units
            places = np.array([_renumbered(codes[row]) for row in order])
            if (places != places[0]).any():
                return None
    return order


def _numbered(columns: Sequence[ndarray]) -> Integer[ndarray, " n"]:
    """Number what several columns say together, in the order in which it comes."""
    together = np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].ravel()
    return _renumbered(together)


def _renumbered(codes: ndarray) -> Integer[ndarray, " n"]:
    """Number levels in the order in which they come."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _merged(parts: Sequence[_Part]) -> tuple[_Part, ...]:
    """Number levels anew, and join the parts that have the same levels."""
    found: dict[bytes, _Part] = {}
    for codes, weight in parts:
        codes = _renumbered(codes)
        key = codes.tobytes()
        found[key] = (codes, found[key][1] + weight if key in found else weight)
    return tuple(found.values())


def _block(alike: Sequence[_Rows]) -> Block:
    """Sum up rows of one design; which part is the largest depends on the design alone."""
    y = np.concatenate([rows.y for rows in alike])
    if len(y) > y.shape[1]:  # only YᵀY matters
        y = np.linalg.qr(y, mode="r")
    *rest, (big, large) = sorted(alike[0].parts, key=lambda part: int(part[0].max()))
    columns = [np.eye(int(codes.max()) + 1)[codes] for codes, _ in rest]
    wide = np.concatenate([np.empty((len(big), 0)), *columns], axis=1)
    counts = np.bincount(big).astype(float)
    overlap, sums = np.zeros((len(counts), wide.shape[1])), np.zeros((len(counts), len(y)))
    np.add.at(overlap, big, wide)
    np.add.at(sums, big, y.T)
    groups = []
    for count in np.unique(counts):
        of = counts == count
        crossed, with_sums = overlap[of].T @ overlap[of], overlap[of].T @ sums[of]
        groups.append((float(count), int(of.sum()), crossed, with_sums, float((sums[of] ** 2).sum())))
    return Block(
        num_rows=sum(rows.num_rows for rows in alike),
        part=np.repeat(np.arange(len(rest)), [int(codes.max()) + 1 for codes, _ in rest]),
        weights=np.array([weight for _, weight in rest]).reshape(len(rest), len(large)),
        large=large,
        crossed=wide.T @ wide,
        sums=wide.T @ y.T,
        squares=float((y**2).sum()),
        groups=tuple(groups),
    )
