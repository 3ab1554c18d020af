"""Graphs of the PyMC models, drawn from the models themselves.

PyMC tells nodes and arrows (`pymc.model_graph`); Matplotlib draws them, since Graphviz's `dot` is no Python package.
"""

import io
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pymc

__all__ = ["pages"]

_ROW, _COLUMN, _WIDE = 0.9, 4.2, 2.9
"""Distance of rows and columns, and width of a node."""

_FILL = {"Observed Random Variable": "#cfd8dc", "Deterministic": "white", "Data": "#eceff1", "Potential": "#cfd8dc"}


def pages() -> dict[str, bytes]:
    """Draw a graph for one account, the same over two models, the evidence decomposition and the variance."""
    return {f"graphs/{name}.svg": _svg(model) for name, model in _models().items()}


def _models() -> "dict[str, pymc.Model]":
    from icl.concept.accounts import ACCOUNTS
    from icl.concept.evidence.model import build_evidence_model
    from icl.concept.layout import layout_of
    from icl.concept.variance import build_variance_model
    from icl.concept.variance_layout import layout_of as variance_layout_of
    from probes.recovery.trials import ladder, one_model, two_models

    models = {name: layout_of(one_model(), account).model() for name, account in ACCOUNTS.items()}
    models["two-models"] = layout_of(two_models(), ACCOUNTS["drift-diffusion"]).model()
    models["evidence"] = build_evidence_model(ladder(flipped=True), concepts=3)
    models["variance"] = build_variance_model(variance_layout_of(_crossed_answers(), "accuracy"))
    return models


def _crossed_answers() -> pd.DataFrame:
    """Right and wrong answers of a small crossed grid; only its layout shows in the graph."""
    factors = {"query_id": 8, "demonstration_set_id": 6, "order": 2, "format": 6, "label_draw": 2}
    rows = pd.MultiIndex.from_product([range(n) for n in factors.values()], names=list(factors)).to_frame(index=False)
    rows = rows.assign(query_id=rows["query_id"].astype(str), format=rows["format"].map("format {}".format))
    rows = rows.assign(demonstration_set_id=rows["demonstration_set_id"].astype(str), model="m", task="t")
    rows = rows.assign(label_mode="random", num_shots=4, example_length=pd.NA, input_mode="task", balance="balanced")
    return rows.assign(option_order=0, num_candidates=2, accuracy=(np.arange(len(rows)) % 3 > 0).astype(float))


def _svg(model: "pymc.Model") -> bytes:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse, FancyArrowPatch, Rectangle
    from pymc.model_graph import ModelGraph

    graph = ModelGraph(model)
    parents = {name: set(found) for name, found in graph.make_compute_graph().items()}
    kinds = {info.var.name: info.node_type.value for info in graph.nodes()}
    data = {name for name, kind in kinds.items() if kind == "Data"}
    parents = {name: found - data for name, found in parents.items() if name not in data}
    places = _layout(parents)
    width = max(x for x, _ in places.values()) + _COLUMN
    height = max(y for _, y in places.values()) + _ROW
    figure = Figure(figsize=(width * 0.75, height * 0.75))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-_COLUMN / 2, width - _COLUMN / 2), ylim=(height - _ROW / 2, -_ROW / 2))
    axes.set_axis_off()
    for name, (x, y) in places.items():
        color = _FILL.get(kinds[name], "#fff8e1")
        if kinds[name] == "Deterministic":
            shape = Rectangle((x - _WIDE / 2, y - 0.3), _WIDE, 0.6, facecolor=color, edgecolor="#455a64", zorder=2)
        else:
            shape = Ellipse((x, y), _WIDE, 0.68, facecolor=color, edgecolor="#455a64", zorder=2)
        axes.add_patch(shape)
        axes.text(x, y - 0.08, name, ha="center", va="center", fontsize=7.5, zorder=3)
        axes.text(x, y + 0.14, _under(model, name), ha="center", va="center", fontsize=5.5, color="#455a64", zorder=3)
        for parent in sorted(parents[name]):
            start = (places[parent][0] + _WIDE / 2, places[parent][1])
            arrow = FancyArrowPatch(
                start, (x - _WIDE / 2, y), arrowstyle="-|>", mutation_scale=7, color="#78909c", shrinkA=0, shrinkB=0
            )
            axes.add_patch(arrow)
    written = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "graph", "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _under(model: "pymc.Model", name: str) -> str:
    """Say a node's distribution and dimensions."""
    variable = model[name]
    operation = getattr(variable.owner, "op", None)
    kind = (
        getattr(operation, "_print_name", ("",))[0] if name not in {each.name for each in model.deterministics} else ""
    )
    dims = ", ".join(str(dim) for dim in model.named_vars_to_dims.get(name, ()))
    return " · ".join(part for part in (kind, f"per {dims}" if dims else "") if part)


def _layout(parents: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Place each node one column right of its last parent, and near the middle of its children."""
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((depth_of(parent) for parent in parents[name]), default=-1)
        return depth[name]

    children = defaultdict(list)
    for name in sorted(parents):
        depth_of(name)
        for parent in parents[name]:
            children[parent].append(name)
    for name in parents:  # what has no parents stands just before its first child
        if not parents[name]:
            depth[name] = min((depth[child] for child in children[name]), default=1) - 1
    columns = [sorted(name for name in parents if depth[name] == at) for at in range(max(depth.values()) + 1)]
    tallest = max(map(len, columns))
    places: dict[str, tuple[float, float]] = {}
    for number in reversed(range(len(columns))):
        middle = {name: np.mean([places[child][1] for child in children[name]] or [0.0]) for name in columns[number]}
        first = (tallest - len(middle)) / 2
        for place, name in enumerate(sorted(middle, key=lambda name: (middle[name], name))):
            places[name] = (number * _COLUMN, (first + place) * _ROW)
    return places
