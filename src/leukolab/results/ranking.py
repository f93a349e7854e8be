"""Members of an ensemble: their predictions by role, their scores, their champions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from leukolab.base.errors import DataError
from leukolab.results.wen import Array
from leukolab.stats import METRICS

RULE = {"kappa": False, "accuracy": False, "log_loss": True}
"""Who is best: highest kappa, ties by accuracy, then by lower log loss (ascending or not)."""
SCORED = ("accuracy", "f1", "kappa", "balanced_accuracy", "log_loss")
"""Scores measured of every member: the schemes', and the rule's."""
TIE_DECIMALS = 12
"""Scores equal up to here are ties."""


class Scored(NamedTuple):
    """Predictions of one job or mixture for one role."""

    labels_n: Array
    probs_nk: Array
    weights_n: Array
    """float64 (n,), copies of each image in that role."""


Predictions = Callable[[str, str], Scored]
"""(role, job) -> its predictions. Jobs of one outer part share the images of tuning and test, in one order;
validation is each job's own fold."""


def member_scores(jobs: pd.DataFrame, predictions: Predictions, role: str) -> pd.DataFrame:
    """Scores of every job on its own images of `role`.

    Args:
        jobs: job, learning_rate, fold, outer; one row a job.

    Returns:
        The rows of `jobs` with accuracy, f1, kappa, balanced_accuracy and log_loss.

    Raises:
        DataError: a job has no images of that role.
    """
    rows = []
    for job in jobs["job"]:
        scored = predictions(role, str(job))
        if not len(scored.labels_n):
            raise DataError(f"{job}: expected predictions for the role '{role}', found none. Choose another part.")
        rows.append(score_row(scored))
    return pd.concat([jobs.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def score_row(scored: Scored) -> dict[str, float]:
    """The scores of `SCORED` for one job or mixture."""
    return {name: METRICS[name](*scored) for name in SCORED}


def ranked(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows from best to worst by `RULE`; the earlier row where all are equal."""
    keys = scores[list(RULE)].round(TIE_DECIMALS)
    order = keys.sort_values(list(RULE), ascending=list(RULE.values()), kind="stable").index
    return scores.loc[order].reset_index(drop=True)


def champions(scores: pd.DataFrame) -> pd.DataFrame:
    """The best fold model of each learning rate of each outer part, by `RULE`.

    Args:
        scores: from `member_scores`, measured on the part the protocol names (`champion_on`).

    Returns:
        Rows of `scores`, one an outer part and learning rate, in the order these first come.
    """
    parts = [ranked(own).head(1) for _, own in scores.groupby(["outer", "learning_rate"], sort=False)]
    return pd.concat(parts, ignore_index=True)
