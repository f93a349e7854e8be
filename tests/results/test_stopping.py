"""Which epoch was kept, and where patience would have stopped a training that went on."""

from __future__ import annotations

import pandas as pd
import pytest

from leukolab.results.stopping import stopping, would_stop
from leukolab.spec import load_study


def epochs(accuracies: list[float], losses: list[float], job: str = "a", stage: str = "head") -> pd.DataFrame:
    rows = {"job": job, "stage": stage, "epoch": range(1, len(losses) + 1), "val_loss": losses}
    return pd.DataFrame(rows | {"val_accuracy": accuracies})


@pytest.mark.parametrize(
    ("patience", "epoch"),
    [(1, 3), (2, 4), (3, None), (None, None)],
)
def test_an_equal_accuracy_with_a_lower_loss_does_not_count(patience: int | None, epoch: int | None) -> None:
    history = epochs([0.5, 0.7, 0.7, 0.7, 0.8], [1.0, 0.9, 0.8, 0.7, 0.9])
    assert would_stop(history, patience) == epoch


def test_a_row_per_job_and_stage_with_the_epoch_that_was_kept() -> None:
    spec = load_study("demo_subtypes", ["readings.frozen.stages.0.patience=2"])
    history = pd.concat(
        [epochs([0.5, 0.7, 0.7, 0.6], [1.0, 0.9, 0.8, 0.1]), epochs([0.1, 0.2], [1.0, 1.0], "b", "finetune")]
    )
    jobs = pd.DataFrame(
        {"job": ["a", "b"], "protocol": "published", "reading": ["frozen", "finetune"], "outer": 1, "fold": 1}
    ).assign(learning_rate=1e-4)
    table = stopping(history, jobs, spec).set_index("job")
    assert table[["epochs", "best_epoch", "patience"]].loc["a"].tolist() == [4, 3, 2]
    assert table["would_stop"]["a"] == 4
    assert table[["epochs", "best_epoch", "patience"]].loc["b"].tolist() == [2, 2, 12]
    assert pd.isna(table["would_stop"]["b"])
