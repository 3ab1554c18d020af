"""Paired prompts: the same queries and demonstrations under every condition; only the varied factor changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from icl.errors import UserError, unknown_name
from icl.factors import FACTORS, FactorValues
from icl.prompts.endings import check_words
from icl.prompts.formats import Format, get_format
from icl.prompts.label_modes import LabelMode, label_words, parse_label_mode, relabel, shown_words
from icl.prompts.render import METHODS, Prompt, render, render_channel
from icl.seeds import Seeds, stream
from icl.tasks.corpus import Corpus
from icl.tasks.demonstrations import Demonstrations, DrawnSet, draw_orders, parse_balance
from icl.tasks.example import Example
from icl.tasks.protocol import AnyTask

__all__ = ["INPUT_MODES", "Condition", "Selection", "build_prompts", "formats_for"]

ZERO_SHOT = LabelMode(name="zero_shot")

INPUT_MODES: dict[str, str] = {
    "task": "the task's own inputs",
    "ood": "sentences of similar length from another corpus (Min §5.1); on GINC, tokens drawn uniformly",
    "none": "no inputs: the labels alone",
}
"""Where the inputs of demonstrations come from; the query is always the task's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(FactorValues):
    """What is varied: a value of every factor. Without demonstrations those have one that leave nothing to see there.

    Attributes
    ----------
    orders : int
        In how many orders the demonstrations are asked; 0 for all there are. `order` itself is always 0.
    """

    orders: int = 1

    @property
    def mode(self) -> LabelMode:
        """The label mode, with its argument read."""
        return parse_label_mode(self.label_mode)

    @property
    def of_prompt(self) -> dict[str, Any]:
        """The factors that a prompt has as attributes, but for those that its rendering decides."""
        mine = (one.name for one in FACTORS if one.of == "prompt" and one.name not in ("format", "method"))
        return {name: getattr(self, name) for name in mine}

    @classmethod
    def of(cls, label_mode: str, format: str, num_shots: int, method: str = "direct", **others) -> "Condition":
        """Build a condition from names as the user writes them.

        Raises
        ------
        UserError
            If a name is unknown, or the demonstrations would show neither inputs nor labels.
        """
        mode = parse_label_mode(label_mode)
        if method not in METHODS:
            raise unknown_name("method", method, METHODS)
        if (input_mode := others.get("input_mode", "task")) not in INPUT_MODES:
            raise unknown_name("input mode", input_mode, INPUT_MODES)
        parse_balance(others.get("balance", "balanced"))
        asked = cls(label_mode=str(mode), format=format, num_shots=num_shots, method=method, **others)
        if mode == ZERO_SHOT or num_shots == 0:
            return replace(asked, orders=1, **{one.name: one.bare for one in FACTORS if not one.matters_bare})
        if mode.name == "none" and input_mode == "none":
            raise UserError(
                "label mode 'none' with input mode 'none' leaves demonstrations empty; ask for them in separate runs."
            )
        return asked if mode.is_drawn else replace(asked, label_draw=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which queries and demonstrations are drawn.

    On GINC every prompt draws its own demonstrations, as in the paper: there are
    num_queries · num_demonstration_sets prompts per condition.

    On a `curve`, n shots of a set are asked for the label of its demonstration n + 1, so one prompt gives every shot
    count; there is one query a set and shot count, and demonstrations are drawn as they come (in a balanced block the
    last label would follow from the others).

    `corpus` is where out-of-distribution inputs come from; None is the built-in one.
    """

    num_queries: int
    num_demonstration_sets: int
    seeds: Seeds
    curve: bool = False
    corpus: Corpus | None = None


def formats_for(task: AnyTask, names: Iterable[str]) -> dict[str, Format]:
    """Look up formats for a task, with what the task says of their fields filled in."""
    return {name: _filled(get_format(name, world=task.world), task.format_fields) for name in names}


type _Conditions = dict[Condition, tuple[str, ...]]
"""Each condition with the names of the probes that ask for it."""


def build_prompts(task: AnyTask, conditions: _Conditions, selection: Selection) -> list[Prompt]:
    """Render every condition on the same queries and demonstrations.

    Parameters
    ----------
    conditions
        Each condition with the names of the probes that ask for it.

    Returns
    -------
    list of Prompt
        Grouped by demonstration set, so that prompts that share demonstrations stand together.

    Raises
    ------
    UserError
        If a condition does not fit the task, or the task cannot supply the demonstrations.
    """
    prompts: list[Prompt] = []
    for own, some in _by_own_factors(conditions).items():
        asked = task.with_own_factors(**dict(own))
        prompts += _build_prompts(asked, _settled(asked, some), selection)
    return prompts


def _by_own_factors(conditions: _Conditions) -> dict[tuple[tuple[str, Any], ...], _Conditions]:
    """Split conditions by the factors that are the task's own; those that are None stay the task's."""
    found: dict[tuple[tuple[str, Any], ...], _Conditions] = {}
    for condition, probes in conditions.items():
        values = {one.name: getattr(condition, one.name) for one in FACTORS if one.of == "task"}
        own = tuple((name, value) for name, value in values.items() if value is not None)
        found.setdefault(own, {})[condition] = probes
    return found


def _build_prompts(task: AnyTask, conditions: _Conditions, selection: Selection) -> list[Prompt]:
    """Render conditions that agree in the factors that are the task's own."""
    formats = formats_for(task, {condition.format for condition in conditions})
    for condition in conditions:
        _check(condition, task, formats[condition.format], selection)
    first = next((condition.balance for condition in conditions if condition.num_shots), "balanced")
    by_balance: dict[str, _Conditions] = {}
    for condition, probes in conditions.items():
        # Without demonstrations there is nothing to balance: those queries go with the first that has some.
        balance = condition.balance if condition.num_shots else first
        by_balance.setdefault(balance, {})[condition] = probes
    most_shots = max((condition.num_shots for condition in conditions), default=0)
    prompts: list[Prompt] = []
    for balance, some in by_balance.items():
        sets = _draw_sets(task, selection, most_shots, balance)
        writer = _Writer(task, formats, selection, [demonstrations for demonstrations, _ in sets])
        for demonstrations, queries in sets:
            prompts += _each_once(
                prompt
                for condition, probes in some.items()
                for prompt in writer.write(demonstrations, queries, condition, probes)
            )
    return prompts


def _settled(task: AnyTask, conditions: _Conditions) -> _Conditions:
    """Draw once what can come out in one way only: two labels have one permutation without fixed point."""
    found: _Conditions = {}
    for condition, probes in conditions.items():
        if condition.mode.name == "permuted" and len(task.label_space) == 2:
            condition = replace(condition, label_draw=0)
        found[condition] = tuple(dict.fromkeys((*found.get(condition, ()), *probes)))
    return found


def _each_once(prompts: Iterable[Prompt]) -> Iterable[Prompt]:
    """Keep prompts that several conditions ask for once (the order as drawn is one of all orders), with all probes."""
    found: dict[Prompt, tuple[str, ...]] = {}
    for prompt in prompts:
        bare = replace(prompt, probes=())
        found[bare] = tuple(dict.fromkeys((*found.get(bare, ()), *prompt.probes)))
    return (replace(prompt, probes=probes) for prompt, probes in found.items())


class _Writer:
    """Writes the prompts of one condition behind one demonstration set."""

    def __init__(self, task: AnyTask, formats: dict[str, Format], selection: Selection, drawn: list):
        self._task, self._formats, self._selection = task, formats, selection
        self._frequencies = task.label_counts(drawn)
        self._replaced = cache(self._replace_inputs)

    def write(
        self, drawn: Demonstrations, queries: list[tuple[str, Example]], condition: Condition, probes: tuple[str, ...]
    ) -> list[Prompt]:
        task, mode, selection = self._task, condition.mode, self._selection
        words = label_words(mode, task.answers)
        again = (condition.label_draw,) if condition.label_draw else ()
        which = stream(selection.seeds.labels, "words", task.name, *again)
        shown = shown_words(mode, words, rng=which)
        asked = [queries[condition.num_shots]] if selection.curve else queries
        write = render_channel if condition.method == "channel" else render
        return [
            write(
                task.name,
                demonstrations,
                _rotated(query, condition.option_order),
                self._formats[condition.format],
                words=words,
                shown=shown,
                query_id=query_id,
                probes=probes,
                **condition.of_prompt,
                **task.own_factors,
            )
            for demonstrations in self._arranged(drawn, condition)
            for query_id, query in asked
        ]

    def _arranged(self, drawn: Demonstrations, condition: Condition) -> Iterable[Demonstrations]:
        """Make the shown labels and inputs, in each order that is asked for."""
        mode = condition.mode
        source = self._replaced(drawn) if condition.input_mode == "ood" else drawn
        # On a curve labels are made once for the whole prompt: shorter ones are its beginnings.
        whole = source if self._selection.curve else source.first(condition.num_shots)
        whole = replace(whole, input_mode=condition.input_mode, label_draw=condition.label_draw)
        orders = self._orders(condition)
        if mode.depends_on_places:
            for number, permutation in orders.items():
                yield replace(self._relabel(whole.reordered(permutation), condition), order=number)
            return
        relabelled = self._relabel(whole, condition).first(condition.num_shots)
        for number, permutation in orders.items():
            yield replace(relabelled.reordered(permutation), order=number)

    def _relabel(self, demonstrations: Demonstrations, condition: Condition) -> Demonstrations:
        again = (condition.label_draw,) if condition.label_draw else ()
        mode, seed = condition.mode, self._selection.seeds.labels
        return relabel(
            demonstrations,
            mode,
            label_space=self._task.label_space,
            label_frequencies=self._frequencies,
            rng=stream(seed, demonstrations.set_id, str(mode), *again),
        ).first(condition.num_shots)

    def _orders(self, condition: Condition) -> dict[int, tuple[int, ...]]:
        rng = stream(self._selection.seeds.order, "orders", condition.num_shots)
        if not condition.num_shots:
            return {0: ()}
        if condition.orders == 1:
            return {0: tuple(range(condition.num_shots))}
        return draw_orders(condition.num_shots, condition.orders, rng=rng)

    def _replace_inputs(self, drawn: Demonstrations) -> Demonstrations:
        rng = stream(self._selection.seeds.selection, "ood", drawn.set_id)
        inputs = self._task.draw_inputs(drawn.inputs, corpus=self._selection.corpus, rng=rng)
        return replace(drawn, inputs=inputs)


def _rotated(query: Example, places: int) -> Example:
    """List a query's options from another place on, so that over all rotations each stands in each place once."""
    return replace(query, options=query.options[places:] + query.options[:places]) if places else query


def _check(condition: Condition, task: AnyTask, format: Format, selection: Selection) -> None:
    """Refuse a condition that does not fit the task."""
    choices = task.is_multiple_choice
    if not choices and task.in_words:
        check_words(format, label_words(condition.mode, task.answers), task.name, method=condition.method)
    if selection.curve and condition.orders != 1:
        raise UserError("orders do not go with a curve, whose demonstrations are asked one by one; leave --curve out.")
    if format.answer == "mark" and not choices:
        raise UserError(
            f"format '{format.name}' answers with the mark of an option, but task '{task.name}' has no options; use "
            "another of --formats."
        )
    if condition.option_order and not choices:
        raise UserError(
            f"the order of answer options belongs to multiple choice, got task '{task.name}'; leave out "
            "--option-orders."
        )
    task.check({factor.name: getattr(condition, factor.name) for factor in FACTORS})
    if condition.option_order and not format.option:
        raise UserError(
            f"format '{format.name}' lists no options, so their order cannot vary; use --formats options, or leave out "
            "--option-orders."
        )


def _draw_sets(task: AnyTask, selection: Selection, num_demonstrations: int, balance: str) -> list[DrawnSet]:
    if selection.curve:
        return task.draw_curves(
            num_demonstration_sets=selection.num_demonstration_sets,
            num_demonstrations=num_demonstrations,
            seeds=selection.seeds,
        )
    return task.draw_sets(
        num_queries=selection.num_queries,
        num_demonstration_sets=selection.num_demonstration_sets,
        num_demonstrations=num_demonstrations,
        balance=balance,
        seeds=selection.seeds,
    )


def _filled(format: Format, fields: Mapping[str, str]) -> Format:
    """Write what a task says of a format's fields into its separators."""
    field, between = format.field_separator, format.demonstration_separator
    for name, word in fields.items():
        field, between = (text.replace(f"{{{name}}}", word) for text in (field, between))
    return replace(format, field_separator=field, demonstration_separator=between) if fields else format
