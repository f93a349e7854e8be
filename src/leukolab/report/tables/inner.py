"""What methods tried on the inner folds, and how often each was chosen."""

from __future__ import annotations

import pandas as pd

from leukolab.report.items import Sheet
from leukolab.report.run import Run
from leukolab.report.tables.common import columns_of
from leukolab.report.texts import Texts


def inner_sheet(run: Run, texts: Texts) -> Sheet | None:
    """Mean log loss on the inner folds of everything tried, and how many outer parts chose it; None of nothing."""
    rows = []
    for job in run.jobs[run.jobs["learning_rate"].isna()].to_dict("records"):
        for one in run.folder.job_choice(str(job["key"])).tried:
            rows.append({"protocol": job["protocol"], "method": job["reading"], "outer": job["outer"],
                         "tried": one.name, "log_loss": one.log_loss, "chosen": one.chosen})  # fmt: skip
    if not rows:
        return None
    frame = pd.DataFrame(rows)
    by = frame.groupby(["protocol", "method", "tried"], sort=False)
    shown = by.agg(inner_log_loss=("log_loss", "mean"), chosen=("chosen", "sum"), parts=("outer", "size")).reset_index()
    shown["chosen_parts"] = [
        texts("table.chosen_of", chosen=chosen, parts=parts)
        for chosen, parts in zip(shown["chosen"], shown["parts"], strict=True)
    ]
    columns = columns_of(texts, ("tried", "text"), ("inner_log_loss", "score"), ("chosen_parts", "text"))
    return Sheet("inner", frame, columns, shown)
