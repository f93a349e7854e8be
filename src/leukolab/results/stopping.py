"""Where training ended, which epoch it kept, and where patience would have stopped it; from histories alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukolab.spec import StudySpec

FACTS = ("protocol", "reading", "outer", "fold", "learning_rate")
COLUMNS = ("job", *FACTS, "stage", "epochs", "best_epoch", "patience", "would_stop")


def stopping(history: pd.DataFrame, jobs: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """One row per job and stage: epochs run, the best epoch, the stage's patience, the epoch where that runs out.

    Args:
        history: rows of jobs by epoch, with stage, val_loss and val_accuracy.
        jobs: the jobs of the run.
        spec: its settings.

    Returns:
        Columns `COLUMNS`; patience and would_stop are missing where a stage has none, or was over before.
    """
    facts = {str(job["job"]): job for job in jobs.to_dict("records")}
    rows = []
    for (job, name), epochs in history.groupby(["job", "stage"], sort=False):
        found = facts[str(job)]
        stage = next(one for one in spec.readings[str(found["reading"])].stages if one.name == name)
        rows.append(
            {column: found[column] for column in FACTS}
            | {"job": job, "stage": name, "epochs": len(epochs), "best_epoch": best_epoch(epochs)}
            | {"patience": stage.patience, "would_stop": would_stop(epochs, stage.patience)}
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"patience": "Int64", "would_stop": "Int64"})


def best_epoch(epochs: pd.DataFrame) -> int:
    """Epoch of the highest validation accuracy, ties by lower loss, from 1."""
    order = np.lexsort((epochs["val_loss"], -epochs["val_accuracy"]))
    return int(epochs["epoch"].to_numpy()[order[0]])


def would_stop(epochs: pd.DataFrame, patience: int | None) -> int | None:
    """The epoch after which `patience` epochs brought no higher validation accuracy, from 1; None where none is."""
    best, waited = -1.0, 0
    for epoch, accuracy in zip(epochs["epoch"], epochs["val_accuracy"], strict=True):
        best, waited = (accuracy, 0) if accuracy > best else (best, waited + 1)
        if waited == patience:
            return int(epoch)
    return None
