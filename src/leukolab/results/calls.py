"""Probabilities and called classes of a table of predictions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from leukolab.stats import calls


def probabilities(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    """float64 (n, k), the columns p_0 ... p_{k-1} of a table of predictions."""
    names = [name for name in table.columns if str(name).startswith("p_") and str(name)[2:].isdigit()]
    return table[names].to_numpy(np.float64)


def with_calls(table: pd.DataFrame, called: Iterable[int] | None = None) -> pd.DataFrame:
    """Predictions with the column `called`, after `label`: as given, as they have it, or from the probabilities."""
    if "called" in table and called is None:
        return table
    found = calls(probabilities(table)) if called is None else np.asarray(list(called), dtype=np.int64)
    table = table.drop(columns="called", errors="ignore")
    table.insert(list(table.columns).index("label") + 1, "called", found)
    return table
