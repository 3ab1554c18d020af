"""From rows of effects to the metrics table: declared columns and types, units, p-values."""

import pandas as pd

from icl.factors import CONDITION_FACTORS
from icl.metrics.catalogue import METRICS, TESTED
from icl.metrics.multiplicity import with_p_values
from icl.metrics.table import METRIC_COLUMNS

__all__ = ["metrics_table"]

_WHOLE = (
    *(factor.name for factor in CONDITION_FACTORS if factor.dtype == "Int64"),
    "num_prompts",
    "num_queries",
    "num_demonstration_sets",
)
_REAL = ("estimate", "standard_error", "low", "high", "degrees", "p_value", "p_holm", "resolution")


def metrics_table(rows: list[dict]) -> pd.DataFrame:
    """Collect rows into a table with the declared columns and types, units and p-values filled in."""
    units = [METRICS[row["metric"]].unit_of(row["score"]) for row in rows]
    table = pd.DataFrame(rows, columns=list(METRIC_COLUMNS)).assign(unit=units)
    types = dict.fromkeys(METRIC_COLUMNS, "str") | dict.fromkeys(_WHOLE, "Int64") | dict.fromkeys(_REAL, "float64")
    return with_p_values(table.astype(types), tested=TESTED)
