"""Metrics of how far formats, orders, demonstration sets and listed options move answers."""

from collections.abc import Callable, Iterable
from typing import Any

from icl.metrics.declared.kinds import PROBABILITY, SHARE, SPREAD
from icl.metrics.formats import format_effects, option_effects, search_effects, set_effects
from icl.metrics.metric import SHARES, Metric
from icl.metrics.orders import order_effects

__all__ = ["WORDING"]


def _agreement(name: str, twin: str, what: str, by: Callable, varies: str, **more) -> Iterable[Metric]:
    """Pairs of prompts of one query that are predicted alike, and the overlap of their answers."""
    yield Metric(
        name=name,
        title=f"pairs of {what} that predict the same label",
        sentence=f"pairs of {what} that predict the same label for the same query ÷ all pairs",
        **SHARE,
        needs="prediction",
        null=1.0,
        better="higher",
        by=by,
        varies=varies,
        twin=twin,
        **more,
    )
    yield Metric(
        name=twin,
        title=f"overlap of the answers of {what}",
        sentence=f"one minus the total variation between the answers of two {what}, averaged over pairs",
        **PROBABILITY,
        null=1.0,
        better="higher",
        by=by,
        varies=varies,
    )


def _spreads(name: str, what: str, by: Callable, varies: str) -> Iterable[Metric]:
    """Raw and inferred spread of the means of conditions, and the standard deviation of the true ones."""
    known: dict[str, Any] = SPREAD | {"by": by, "varies": varies}
    yield Metric(
        name=f"{name}_spread",
        title=f"best minus worst {what} (raw)",
        sentence=f"max − min of m over {what}s as measured: biased upward, so without an interval",
        **known,
    )
    yield Metric(
        name=f"{name}_spread_posterior",
        title=f"best minus worst {what} (posterior)",
        sentence=f"max − min of the true means of m over {what}s given their noise; the interval begins at 0 where "
        "equal means are not ruled out",
        **known,
        rows="main",
        factor="format" if name == "format" else "",
    )
    yield Metric(
        name=f"{name}_sd_posterior",
        title=f"standard deviation over {what}s (posterior)",
        sentence=f"standard deviation of the true means of m over {what}s given their noise",
        **known,
        rows="main",
    )


def _over_orders(name: str, title: str, sentence: str, **more: Any) -> Metric:
    """How far the orders of one demonstration set lie apart."""
    return Metric(name=name, title=title, sentence=sentence, by=order_effects, varies="order", **SPREAD, **more)


WORDING: tuple[Metric, ...] = (
    *_spreads("format", "format", format_effects, "format"),
    Metric(
        name="format_search_spread",
        title="best minus worst format of the search (posterior)",
        sentence="max − min of the true means of m over the formats of a search, from unequal counts",
        by=search_effects,
        **SPREAD,
        varies="format",
        rows="main",
    ),
    *_agreement("consistency", "overlap", "formats", format_effects, "format", rows="main"),
    _over_orders(
        "order_spread_posterior",
        "best minus worst order of a set (posterior)",
        "max − min of the true means of m over the orders of a demonstration set, averaged over sets",
        rows="main",
    ),
    _over_orders(
        "order_sd_posterior",
        "standard deviation over orders of a set (posterior)",
        "standard deviation of the true means of m over the orders of a set, averaged over sets",
        rows="main",
    ),
    _over_orders(
        "order_sd_query",
        "standard deviation over orders of one query's answer",
        "standard deviation of m over the orders of a set, of the answer to one query",
        rows="every",
    ),
    _over_orders(
        "order_spread",
        "best minus worst order of a set (raw)",
        "max − min of m over the orders of a set as measured: biased upward, so without an interval",
    ),
    Metric(
        name="order_worst",
        title="worst order of a set minus an average one",
        sentence="min − mean of m over the orders of a set, averaged over sets: biased downward, so without an "
        "interval",
        by=order_effects,
        **SPREAD | {"better": "higher", "low": float("-inf"), "high": 0.0},
        varies="order",
    ),
    *_agreement("order_consistency", "order_overlap", "orders", order_effects, "order", rows="main"),
    Metric(
        name="global_entropy_gain",
        title="gain of the order with the largest GlobalE",
        sentence="m of the order with the largest global entropy − m of an average order, each query scored with the "
        "pick of all others",
        by=order_effects,
        scores=SHARES,
        kind="difference",
        null=0.0,
        varies="order",
        better="higher",
        rows="main",
    ),
    Metric(
        name="global_entropy",
        title="entropy of the predicted labels (GlobalE)",
        sentence="entropy of the predicted labels over the queries, averaged over sets and orders",
        by=order_effects,
        unit="nats",
        low=0.0,
        needs="prediction",
        twin="global_entropy_soft",
    ),
    Metric(
        name="global_entropy_soft",
        title="entropy of the average answer",
        sentence="entropy of the average answer over the queries, averaged over sets and orders",
        by=order_effects,
        unit="nats",
        low=0.0,
    ),
    Metric(
        name="local_entropy",
        title="mean entropy of an answer (LocalE)",
        sentence="entropy of the answer to one query, averaged",
        by=order_effects,
        unit="nats",
        low=0.0,
    ),
    *_agreement(
        "set_consistency", "set_overlap", "demonstration sets", set_effects, "sets", rows="gold", on_request=True
    ),
    *_spreads("option", "option rotation", option_effects, "options"),
    *_agreement("option_consistency", "option_overlap", "rotations", option_effects, "options", rows="main"),
)
"""In the order of the report's main table."""
