"""The tables of a finished run folder, read once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table
from leukolab.spec import PublishedSpec, StudySpec

COLUMNS: dict[str, tuple[str, ...]] = {
    "groups": ("image_id", "group", "reason"),
    "history": ("job", "stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"),
    "ensembles": ("ensemble", "protocol", "outer", "scenario", "scheme", "job", "score", "weight", "note"),
    "confusion": ("member", "protocol", "outer", "role", "actual", "called", "images"),
    "curves": ("member", "curve", "x", "y"),
    "class_report": ("member", "protocol", "outer", "role", "class_name", "precision", "recall", "f1", "support"),
    "hypotheses": ("hypothesis", "comparison", "difference", "low", "high", "p_value", "p_holm", "sentence"),
    "pooled": ("member", "protocol", "kind", "outer", "fold", "source"),
    "composition": ("protocol", "outer", "fold", "role", "class_name", "images", "copies", "groups"),
}
"""Tables a run may lack, with their columns; the report then leaves out what they would show."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "index": ("image_id", "label", "class_name", "subject", "part"),
    "jobs": ("job", "protocol", "reading", "outer", "learning_rate", "fold", "seed"),
    "predictions": ("job", "image_id", "role", "label"),
    "scores": ("member", "protocol", "outer", "kind", "role", "metric", "unit", "value", "low", "high", "method"),
}
"""Tables no report can do without, with the columns it reads."""

PROTOCOLS = ("published", "corrected")


@dataclass(frozen=True)
class Run:
    """What a run folder holds; an absent optional table is empty, an absent optional file an empty dict."""

    folder: Path
    spec: dict[str, Any]
    environment: dict[str, Any]
    card: dict[str, Any]
    heads: dict[str, dict[str, Any]]
    architecture: dict[str, Any]
    chosen: dict[str, Any]
    answers: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    def __getattr__(self, name: str) -> pd.DataFrame:
        """A table by its name: `run.scores`."""
        tables = self.__dict__.get("tables", {})
        if name not in tables:
            raise AttributeError(name)
        table: pd.DataFrame = tables[name]
        return table

    @property
    def kind(self) -> str:
        """`subtypes` or `wen`: which set of tables and figures is shown."""
        return str(self.spec.get("report", "subtypes"))

    @property
    def paper(self) -> PublishedSpec | None:
        """What the study's paper reports, where this run sees the paper's data in its own classes."""
        return StudySpec.model_validate(self.spec).published_here

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return [str(name) for name in self.card["class_names"]]

    @property
    def protocols(self) -> list[str]:
        """Protocols that were run, the published one first."""
        found = list(dict.fromkeys(self.jobs["protocol"].astype(str)))
        return sorted(found, key=lambda name: PROTOCOLS.index(name) if name in PROTOCOLS else len(PROTOCOLS))


def without_folders(settings: Any) -> Any:
    """Settings as they may be shown: of weights and split files of the user's own the name alone."""
    if isinstance(settings, dict):
        return {
            name: _last_name(value) if name == "file" and isinstance(value, str) else without_folders(value)
            for name, value in settings.items()
        }
    if isinstance(settings, list):
        return [without_folders(value) for value in settings]
    if isinstance(settings, str) and settings.startswith("file:"):
        return f"file:{_last_name(settings.removeprefix('file:'))}"
    return settings


def _last_name(path: str) -> str:
    return re.split(r"[\\/]", path)[-1]


def read_run(folder: Path) -> Run:
    """Read what the report shows of a run.

    Raises:
        RunError: the folder is none of a finished run, or a table lacks a column.
    """
    if not folder.is_dir():
        raise RunError(
            f"{folder}: expected the folder of a run, found none. Give the run folder that the study was run in."
        )
    tables = {name: _checked(folder / f"{name}.parquet", columns) for name, columns in REQUIRED.items()}
    tables |= {name: _optional(folder / f"{name}.parquet", columns) for name, columns in COLUMNS.items()}
    return Run(
        folder=folder,
        spec=read_json(folder / "spec.json"),
        environment=_json(folder / "environment.json"),
        card=read_json(folder / "card.json"),
        heads=_heads(folder / "split"),
        architecture=_architecture(folder / "architecture.json"),
        chosen=_json(folder / "chosen.json"),
        answers=_json(folder / "answers.json"),
        tables=tables,
    )


def _checked(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table, with every column the report reads."""
    table = read_table(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise RunError(f"{path}: expected the column '{missing[0]}', found {', '.join(map(str, table.columns))}.")
    return table


def _optional(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table, or an empty one with its columns."""
    return _checked(path, columns) if path.is_file() else pd.DataFrame(columns=list(columns))


def _json(path: Path) -> dict[str, Any]:
    """The JSON object, or an empty one."""
    return dict(read_json(path)) if path.is_file() else {}


def _architecture(path: Path) -> dict[str, Any]:
    """Rows and total, whether the file is an object of both or a bare list of rows."""
    found: Any = read_json(path) if path.is_file() else []
    return {"rows": found} if isinstance(found, list) else dict(found)


def _heads(folder: Path) -> dict[str, dict[str, Any]]:
    """Head of each protocol's split, by the protocol's name."""
    return {path.parent.name: dict(read_json(path)) for path in sorted(folder.glob("*/split.json"))}
