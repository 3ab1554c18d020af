"""A ledger in words."""

from collections.abc import Iterator

import pandas as pd

from probes.ledger.measure import LedgerQuestion, LedgerResults
from probes.terminal.layout import paragraphs, table_lines

__all__ = ["ledger_lines"]


def ledger_lines(results: LedgerResults, question: LedgerQuestion) -> Iterator[str]:
    """Spell out books, implied concepts, temperatures and forecasts."""
    how = f"(exact, transitions smoothed by ε = {question.smoothing:g}; {question.prompts} prompts for each k)"
    title = "The ledger: nats per demonstration for the right concept against the hardest competitor"
    yield from paragraphs([title, how])
    yield from table_lines(_books(results.books))
    yield ""
    few, many = min(question.shots), max(question.shots)
    title = f"Weight of the right concept at n = {few} and {many}: exact posterior, and what each model acts on"
    yield from paragraphs([title])
    yield from table_lines(_concepts(results.behaviour, few, many))
    yield ""
    yield from paragraphs(["Tempered Bayes: the share τ of each nat of evidence that a model uses (90 % interval)"])
    yield from table_lines(_temperatures(results.temperatures).reset_index(names="model"))
    yield ""
    yield from paragraphs(["Success forecast from the ledger, on prompts that it was not fitted to"])
    yield from table_lines(_scores(results.scores))


def _books(books: pd.DataFrame) -> pd.DataFrame:
    table = books[["example_length"]].copy()
    for name in ("signal", "start_noise", "delimiter_noise"):
        table[name] = books[name].map("{:.2f}".format)
    table = table.rename(columns={"example_length": "k", "start_noise": "start", "delimiter_noise": "delimiter"})
    ends = zip(books["drift"], books["drift_low"], books["drift_high"])
    table["drift"] = [f"{middle:.2f} [{low:.2f}, {high:.2f}]" for middle, low, high in ends]
    table["signal > noise"] = [f"{100 * share:.0f} % of prompts" for share in books["holds"]]
    sides = zip(books["condition_signal"], books["condition_noise"], books["condition_pairs"])
    table["Xie's Condition 1"] = [
        f"{signal:.1f} against {noise:.1f}: {100 * share:.0f} % of pairs" for signal, noise, share in sides
    ]
    return table


def _concepts(behaviour: pd.DataFrame, few: int, many: int) -> pd.DataFrame:
    rows = behaviour[behaviour["num_shots"].isin([few, many])]
    exact = rows[rows["model"] == "oracle"].assign(model="exact posterior", implied=lambda table: table["posterior"])
    shown = pd.concat([exact, rows[rows["model"] != "oracle"]])
    wide = shown.pivot(index="model", columns=["example_length", "num_shots"], values="implied")
    wide = wide.loc[list(dict.fromkeys(shown["model"]))]
    wide.columns = [f"k={k} n={n}" for k, n in wide.columns]
    return wide.map("{:.3f}".format).reset_index()


def _scores(scores: pd.DataFrame) -> pd.DataFrame:
    table = scores[["model"]].copy()
    for name in ("brier", "log_score", "expected_calibration_error", "brier_of_mean"):
        table[name] = scores[name].map("{:.3f}".format)
    ends = zip(scores["gain"], scores["gain_low"], scores["gain_high"])
    table["gain over the mean"] = [f"{middle:.3f} [{low:.3f}, {high:.3f}]" for middle, low, high in ends]
    return table


def _temperatures(temperatures: pd.DataFrame) -> pd.DataFrame:
    rows = temperatures[temperatures["model"] != "oracle"]
    lengths = rows["example_length"].map(lambda length: "all k" if pd.isna(length) else f"k={length:.0f}")
    ends = zip(rows["temperature"], rows["low"], rows["high"])
    cells = [f"{middle:.3f} [{low:.3f}, {high:.3f}]" for middle, low, high in ends]
    wide = rows.assign(k=lengths, cell=cells).pivot(index="model", columns="k", values="cell")
    return (
        wide.loc[list(dict.fromkeys(rows["model"])), list(dict.fromkeys(lengths))]
        .rename_axis(None)
        .rename_axis(None, axis=1)
    )
