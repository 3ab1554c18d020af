"""Which account predicts held-out data best: leave-one-unit-out over accounts, with stacking weights."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.concept.accounts import ACCOUNTS, Account, account_named
from icl.concept.compiled import Compiled, compiled_once
from icl.concept.curves import CURVE_EFFORT
from icl.concept.layout import Layout, layout_of
from icl.concept.loo import MAX_REFITS, REFIT_RHAT, LeaveOneOut, leave_one_out
from icl.concept.marginal import Units, units_of
from icl.concept.scoring import stacking_weights
from icl.errors import UserError

__all__ = ["Comparison", "compare", "layouts_of"]

_FEW_UNITS = 10
_MIN_DRAWS = 100
_SURE = 2.0
_SMALL = 4.0
"""Nats: below, a difference of elpds is small whatever its standard error says (Sivula, Magnusson, Vehtari 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Accounts of one table, compared.

    Attributes
    ----------
    table
        One row per account, best first, those without a rank last: account, title, rank (missing where it may not be
        ranked), elpd, se, p_loo (nats), difference to the best with difference_se (nats, ≤ 0), weight (stacking),
        num_units, max_pareto_k, num_refits, num_unreliable, converged, seconds, note.
    units
        One row per account and unit: account, unit, elpd, pareto_k, refitted, unreliable, error.
    unit
        What was left out at once: task, demonstration set or cell.
    sentences
        What this says, and what it does not.
    """

    table: pd.DataFrame
    units: pd.DataFrame
    unit: str
    sentences: tuple[str, ...]


def compare(
    counts: pd.DataFrame,
    accounts: Sequence[str] | None = None,
    *,
    observe: str = "counts",
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int,
    max_refits: int = MAX_REFITS,
    compiled: dict[str, Compiled] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Fit accounts and ask how well each predicts a unit that it has not seen.

    Parameters
    ----------
    counts
        A counts table of one or more models and tasks.
    accounts
        Names of `icl.concept.accounts.ACCOUNTS`; None: all of them.
    observe
        ``counts`` or ``logprob``; elpds of the two cannot be compared with each other.
    draws, tune, chains, seed
        Of each fit; None: as for any law (`icl.concept.curves.CURVE_EFFORT`).
    max_refits
        Refits of one account at most, where importance sampling cannot be trusted.
    compiled
        Accounts of this table that were compiled before; what is compiled now is put in, for another question.
    progress
        Called with a sentence before each step.

    Raises
    ------
    UserError
        If an account is not known, or none can be fitted to this table.
    """
    effort = CURVE_EFFORT.but(draws=draws, tune=tune, chains=chains)
    if effort.draws * effort.chains < _MIN_DRAWS:
        raise UserError(
            f"leaving units out weighs draws by the tail of their likelihood and needs at least {_MIN_DRAWS}, got "
            f"{effort.chains} chains of {effort.draws}; raise draws."
        )
    if max_refits < 0:
        raise UserError(f"max_refits cannot be negative, got {max_refits}; 0 refits nothing.")
    layouts, refused = layouts_of(counts, accounts, observe)
    units = units_of(next(iter(layouts.values())).grid)
    if len(units.labels) < 2:
        raise UserError(f"the table holds a single {units.word}, so none can be left out; run more of them.")
    rows: list[dict[str, object]] = []
    found: dict[str, LeaveOneOut] = {}
    for name, layout in layouts.items():
        started = time.perf_counter()
        say = _named(progress, layout.account)
        say("compile and fit")
        machine = compiled_once(layout, compiled)
        whole = machine.fit(effort, seed=seed)
        diagnosis = whole.diagnosis
        converged = diagnosis.converged
        note = "" if converged else f"no rank: {diagnosis.sentences[0]}"
        row: dict[str, object] = {"account": name, "title": layout.account.title}
        row |= {"converged": converged, "seconds": time.perf_counter() - started, "note": note}
        rows.append(row)
        if not diagnosis.max_rhat <= REFIT_RHAT:
            continue  # draws of chains that disagree like this have no meaning
        left_out = found[name] = leave_one_out(
            machine,
            whole.nodes,
            units,
            effort=effort,
            seed=seed,
            max_refits=max_refits if converged else 0,
            progress=say,
        )
        row |= _scores(left_out) | {"seconds": time.perf_counter() - started}
    rows += [{"account": name, "title": ACCOUNTS[name].title, "note": why} for name, why in refused.items()]
    table = _ranked(rows, found)
    return Comparison(table=table, units=_by_unit(found, units), unit=units.word, sentences=_sentences(table, units))


def layouts_of(
    counts: pd.DataFrame, accounts: Sequence[str] | None, observe: str
) -> tuple[dict[str, Layout], dict[str, str]]:
    """Lay out each account over the table: those that can be fitted, and why the others cannot.

    Raises
    ------
    UserError
        If a name is not known, or no account can be fitted to this table.
    """
    asked = [account_named(name) for name in dict.fromkeys(ACCOUNTS if accounts is None else accounts)]
    if not asked:
        raise UserError(f"no account was named; give some of {', '.join(ACCOUNTS)}.")
    layouts, refused = {}, {}
    for account in asked:
        try:
            layouts[account.name] = layout_of(counts, account, observe=observe)
        except UserError as error:
            refused[account.name] = str(error)
    if not layouts:
        raise UserError(next(iter(refused.values())))
    return layouts, refused


def _named(progress: Callable[[str], None] | None, account: Account) -> Callable[[str], None]:
    return lambda what: progress(f"{account.title}: {what}") if progress is not None else None


def _scores(left_out: LeaveOneOut) -> dict[str, object]:
    elpd = left_out.elpd
    return {
        "elpd": elpd.sum(),
        "se": float(np.sqrt(len(elpd) * elpd.var())),
        "p_loo": left_out.num_parameters,
        "num_units": len(elpd),
        "max_pareto_k": float(left_out.pareto_k.max()),
        "num_refits": int(left_out.refitted.sum()),
        "num_unreliable": int(left_out.unreliable.sum()),
    }


_COLUMNS = [
    "account",
    "title",
    "rank",
    "elpd",
    "se",
    "p_loo",
    "difference",
    "difference_se",
    "weight",
    "num_units",
    "max_pareto_k",
    "num_refits",
    "num_unreliable",
    "converged",
    "seconds",
    "note",
]


def _ranked(rows: list[dict[str, object]], found: dict[str, LeaveOneOut]) -> pd.DataFrame:
    """Rank what converged; what did not, and what could not be fitted, follows without a rank."""
    numbers = dict.fromkeys(("elpd", "se", "p_loo", "difference", "difference_se", "weight", "max_pareto_k"), "float64")
    whole = dict.fromkeys(("rank", "num_units", "num_refits", "num_unreliable"), "Int64")
    table = pd.DataFrame(rows).reindex(columns=_COLUMNS)
    table = table.astype(numbers | whole | {"seconds": "float64", "converged": "boolean"})
    table["seconds"] = table["seconds"].round(1)
    table = table.assign(place=table["converged"].map({True: 0, False: 1}).astype(float).fillna(2.0))
    table = table.sort_values(["place", "elpd"], ascending=[True, False], kind="stable").reset_index(drop=True)
    fair = (table.pop("place") == 0).to_numpy()
    if fair.any():
        elpd = np.stack([found[name].elpd for name in table.loc[fair, "account"]])
        behind = elpd - elpd[0]
        table.loc[fair, "rank"] = np.arange(1, len(elpd) + 1)
        table.loc[fair, "difference"] = behind.sum(axis=1)
        table.loc[fair, "difference_se"] = np.sqrt(behind.shape[1] * behind.var(axis=1))
        table.loc[fair, "weight"] = stacking_weights(elpd)
    return table


def _by_unit(found: dict[str, LeaveOneOut], units: Units) -> pd.DataFrame:
    names = ("elpd", "pareto_k", "refitted", "unreliable", "error")
    rows = [
        {"account": account, "unit": label} | {name: getattr(each, name)[place] for name in names}
        for account, each in found.items()
        for place, label in enumerate(units.labels)
    ]
    return pd.DataFrame(rows, columns=["account", "unit", *names])


def _sentences(table: pd.DataFrame, units: Units) -> tuple[str, ...]:
    """Say the order, and what it rests on."""
    num_units = len(units.labels)
    said = [f"{units.reason} There are {num_units} units."]
    ranked = table[table["rank"].notna()]
    if ranked.empty:
        said.append("No account converged, so none is ranked; raise draws and tune.")
    elif len(ranked) == 1:
        said.append(f"Only {ranked['title'].iloc[0]} can be ranked, so there is nothing to compare it with.")
    else:
        said.append(_order(ranked))
    ahead = table[table["rank"].isna() & (table["elpd"] > ranked["elpd"].max())]
    if len(ahead):
        named = ", ".join(ahead["title"])
        said.append(
            f"The elpd of {named} is higher, but chains do not agree yet: raise draws before reading the order."
        )
    if num_units < _FEW_UNITS:
        said.append(f"With {num_units} units, standard errors are rough; treat differences as hints.")
    if refits := int(ranked["num_refits"].sum()):
        said.append(
            f"Importance sampling could not be trusted for {refits} pairs of account and {units.word}; "
            "those were refitted without it."
        )
    for row in ranked[ranked["num_unreliable"] > 0].itertuples():
        said.append(
            f"{row.num_unreliable} of {row.num_units} units of {row.title} remain unreliable (Pareto k up to "
            f"{row.max_pareto_k:.2f}; no refits left, or not converged), so its elpd may be too high; raise max_refits."
        )
    for row in table[table["rank"].isna()].itertuples():
        said.append(f"{row.title}: {row.note}" if pd.notna(row.converged) else f"{row.title} is left out: {row.note}")
    return tuple(said)


def _order(ranked: pd.DataFrame) -> str:
    best, others = ranked.iloc[0], ranked.iloc[1:]
    clear = (-others["difference"] > _SURE * others["difference_se"]) & (-others["difference"] > _SMALL)
    level = others[~clear]
    verb = "is ahead" if len(level) else "predicts best"
    text = f"{best['title']} {verb} (elpd {best['elpd']:.1f} nats, stacking weight {best['weight']:.2f})"
    if len(level):
        named = ", ".join(f"{row.title} ({row.difference:.1f} ± {row.difference_se:.1f})" for row in level.itertuples())
        text += f"; not clearly worse: {named}"
    if clear.any():
        behind = others[clear].iloc[0]
        which = "all others are" if clear.all() else "the others are"
        text += (
            f"; {which} clearly worse, the nearest {behind['title']} by "
            f"{-behind['difference']:.1f} ± {behind['difference_se']:.1f} nats"
        )
    return f"{text}."
