"""Test accuracy of the models of a contender, by one rule for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, log_loss, roc_auc_score

from leukolab.results.folder import RunFolder


def peer_predictions(folder: Path) -> pd.DataFrame | None:
    """model, role, image_id, label, p (of class 1) as a peer wrote them; None where it wrote none."""
    path = folder / "predictions.csv"
    return pd.read_csv(path) if path.exists() else None


def engine_predictions(run: Path) -> pd.DataFrame:
    """The same of a run folder of `leukolab study run`; its rivals and mixtures are left out.

    Raises:
        RunError: a table is missing or damaged.
    """
    folder = RunFolder(run)
    table = folder.predictions
    table = table[table["member"].isin(folder.jobs["job"])].rename(columns={"member": "model", "p_1": "p"})
    return table[["model", "role", "image_id", "label", "p"]]


def score(table: pd.DataFrame) -> dict[str, Any]:
    """Mean of the models' test scores, and those of the champion: highest kappa on tuning, then accuracy, then loss.

    Args:
        table: model, role (tuning, test among them), label (0 or 1), p; a probability of 0.5 is class 1.
    """
    tests = {str(model): _scores(rows) for model, rows in table[table["role"] == "test"].groupby("model")}
    champion = max(table["model"].unique(), key=lambda model: _rank(table[table["model"] == model]))
    names = next(iter(tests.values()))
    return {
        "models": len(tests),
        "mean": {name: round(float(np.mean([one[name] for one in tests.values()])), 4) for name in names},
        "lowest_accuracy": min(one["accuracy"] for one in tests.values()),
        "highest_accuracy": max(one["accuracy"] for one in tests.values()),
        "champion": {"model": str(champion), **tests[str(champion)]},
        "test_images": int((table["role"] == "test").sum() // len(tests)),
    }


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    called = (rows["p"] >= 0.5).astype(int)
    return {
        "accuracy": round(float((called == rows["label"]).mean()), 4),
        "balanced_accuracy": round(float(balanced_accuracy_score(rows["label"], called)), 4),
        "auc": round(float(roc_auc_score(rows["label"], rows["p"])), 4),
    }


def _rank(rows: pd.DataFrame) -> tuple[float, float, float]:
    tuning = rows[rows["role"] == "tuning"]
    called = (tuning["p"] >= 0.5).astype(int)
    kappa, accuracy = cohen_kappa_score(tuning["label"], called), (called == tuning["label"]).mean()
    return float(kappa), float(accuracy), -float(log_loss(tuning["label"], tuning["p"], labels=[0, 1]))
