"""What is known of a model beside its answers, declared once: columns of tables, and regressors of fits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icl.scores import Column

__all__ = ["COVARIATES", "Covariate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """One thing that is known of a model; missing where it is not.

    Attributes
    ----------
    name, dtype, meaning
        Of its column.
    regressor
        What a step of one on `scale` is, in words: ``tenfold parameters``.
    scale
        From the column's values to the scale of regression.
    """

    name: str
    dtype: str
    meaning: str
    regressor: str
    scale: Callable[[np.ndarray], np.ndarray]

    @property
    def column(self) -> Column:
        """Its column in a table of models."""
        return Column(self.name, self.dtype, self.meaning, absent=pd.NA)


COVARIATES: tuple[Covariate, ...] = (
    Covariate(
        name="num_parameters",
        dtype="Int64",
        meaning="weights of the model, those that are shared counted once",
        regressor="tenfold parameters",
        scale=np.log10,
    ),
    Covariate(
        name="training_tokens",
        dtype="Int64",
        meaning="tokens that the model was trained on",
        regressor="tenfold training tokens",
        scale=np.log10,
    ),
    Covariate(
        name="is_tuned",
        dtype="boolean",
        meaning="whether the model was tuned after pretraining",
        regressor="tuning",
        scale=lambda known: known,
    ),
)
