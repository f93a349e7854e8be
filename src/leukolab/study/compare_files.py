"""Files of predictions made elsewhere, against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.results.compare import Comparison, Contender, compare
from leukolab.stats import check_predictions
from leukolab.study.elsewhere import Predictions, read_predictions
from leukolab.study.evaluation import EXCHANGED
from leukolab.study.pick import ALL, Pick


def compare_files(paths: Sequence[Path], positive: Sequence[str] = (), seed: int = 0, pick: Pick = ALL) -> Comparison:
    """Every pair of two or more tables of predictions, see `elsewhere.read_predictions`.

    Images are matched by the column `image_id` where every table has it, else by their order.

    Raises:
        DataError: a table cannot be read, or they cannot be compared.
        RunError: a table of a run was changed since.
        SpecError: of two classes nobody says which one is the disease.
    """
    tables = [read_predictions(path, positive, pick) for path in paths]
    named = all(table.images_n is not None for table in tables)
    lengths = [len(table.labels_n) for table in tables]
    if not named and len(set(lengths)) > 1:
        raise DataError(
            f"{paths[0]}: expected the same rows in every table, or a column 'image_id' in each, "
            f"found {' and '.join(map(str, lengths))} rows without."
        )
    short = [path.name for path in paths]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    found = compare([_contender(name, table, named) for name, table in zip(names, tables, strict=True)], seed)
    exchanged = [one for name, table in zip(names, tables, strict=True) for one in _exchanged(name, table)]
    read = [one for number, table in enumerate(tables) for one in table.findings if not _said(one, tables[:number])]
    return replace(found, findings=(*exchanged, *found.findings, *read))


def _said(finding: Finding, before: Sequence[Predictions]) -> bool:
    return any(finding in table.findings for table in before)


def _exchanged(name: str, table: Predictions) -> Iterator[Finding]:
    """A sign that the classes of a table are exchanged."""
    if table.probs_nk.shape[1] == 2 and len(set(table.labels_n)) == 2:
        auc = float(roc_auc_score(table.labels_n, table.probs_nk[:, 1]))
        if auc < EXCHANGED:
            yield Finding("compare.exchanged", "warning", {"name": name, "auc": auc})


def _contender(name: str, table: Predictions, named: bool) -> Contender:
    check_predictions(table.labels_n, table.probs_nk, name)
    images = table.images_n.astype(str) if named and table.images_n is not None else range(1, len(table.labels_n) + 1)
    index = pd.Index(images, name="image_id")
    known = table.subjects_n is not None and bool(table.subjects_n.notna().all())
    groups = table.subjects_n.to_numpy() if known and table.subjects_n is not None else None
    rows = pd.DataFrame({"label": table.labels_n, "group": groups}, index=index)
    for k in range(table.probs_nk.shape[1]):
        rows[f"p_{k}"] = table.probs_nk[:, k]
    unknown = None if known else Finding("test.unknown_subjects", "info")
    return Contender(name, table.classes.names, rows, unknown or table.barred)
