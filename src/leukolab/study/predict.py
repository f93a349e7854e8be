"""Classify images with the model a run chose: probabilities of its members, mixed with its weights."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError, ImageError, RunError
from leukolab.base.progress import progress
from leukolab.cards import Classes
from leukolab.cards.listing import image_files, not_listed
from leukolab.engine import runtime
from leukolab.images import decode
from leukolab.images.decode import Pixels
from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.results.seals import check_model
from leukolab.results.wen import wen_mix
from leukolab.spec import StudySpec
from leukolab.stats import calls
from leukolab.study.predictors import Ask, See, Seen, predictors_of

BATCH = 64


@dataclass(frozen=True)
class Model:
    """What a run offers for use: its members and their weights."""

    spec: StudySpec
    classes: Classes
    see: See
    members: tuple[Ask, ...]
    weights: tuple[float, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.classes.names

    def ask(self, seen: Seen) -> np.ndarray:
        """Probabilities (n, k) of images whose squares these are, see `predictors.See`: the mean of members."""
        return wen_mix(np.stack([ask(seen) for ask in self.members]), np.asarray(self.weights))

    def predict(self, paths: Iterable[str | Path]) -> pd.DataFrame:
        """Class and probabilities of each readable image; research use only.

        Args:
            paths: images, or folders of images.

        Returns:
            path, class and one `p_<class name>` per class; `attrs["unreadable"]` holds a sentence per unreadable image.

        Raises:
            DataError: a path does not exist, or there is no image at all.
        """
        table, unreadable = predict_images(self, find_images([Path(path) for path in paths]))
        table.attrs["unreadable"] = unreadable
        return table


def open_model(run: str | Path) -> Model:
    """Load the chosen model of a finished run.

    Raises:
        RunError: the folder holds no finished run, or a part of the model is missing, damaged or changed.
        WeightsError: its tensors do not fit the network.
    """
    folder = RunFolder(Path(run))
    if not folder.has(RunFolder.chosen):
        raise RunError(
            f"{run}: expected the folder of a finished run, found no {RunFolder.chosen.file}. "
            "Finish it with 'study run'."
        )
    check_model(folder)
    member = folder.offered()
    return model_of(folder, member, folder.final_keys(member))


def model_of(folder: RunFolder, member: Member, keys: Sequence[str] = ()) -> Model:
    """One member of a run whose seal was proved, made of the trained models with these keys, its own where none.

    Raises:
        WeightsError: its tensors do not fit the network.
    """
    spec = here(folder.spec)
    see, members = predictors_of(folder, member, spec, keys)
    return Model(spec, folder.classes, see, members, member.weights or (1.0,))


def here(spec: StudySpec) -> StudySpec:
    """The settings of a run with a runtime that this machine has."""
    return spec.model_copy(update={"runtime": _runtime_here(spec)})


def find_images(places: Iterable[str | Path]) -> list[Path]:
    """Image files named, and those below the folders named, in order of name.

    A folder that may not be read is among them, so that `predict_images` says so. Hidden files, and folders that this
    program wrote, are left out.

    Raises:
        DataError: a place is empty or does not exist, or there is no image at all.
    """
    found: list[Path] = []
    for place in places:
        if not str(place) or not os.path.exists(place):  # noqa: PTH110 (that of pathlib raises where one may not look)
            raise DataError(f"{str(place) or repr('')}: expected an image or a folder here, found nothing.")
        path = Path(place)
        found += sorted([*image_files(path, any_name=True), *not_listed(path).closed]) if path.is_dir() else [path]
    if not found:
        raise DataError("no images found there; expected files such as .bmp, .png, .jpg, .tif or .webp.")
    return found


def predict_images(model: Model, paths: list[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Class and probabilities of each readable image, and a sentence for each unreadable one.

    Returns:
        Table with `path`, `class`, and `p_<class name>` columns; sentences.
    """
    tables: list[pd.DataFrame] = []
    unreadable: list[str] = []
    starts = range(0, len(paths), BATCH)
    with runtime.settled(model.spec.runtime):
        for start in progress(starts, len(starts), "predict"):
            pairs = list(_decoded(paths[start : start + BATCH], model, unreadable))
            if pairs:
                seen = tuple(np.stack(squares) for squares in zip(*(squares for _, squares in pairs), strict=True))
                tables.append(_table(model, [path for path, _ in pairs], model.ask(seen)))
    return (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()), unreadable


def _runtime_here(spec: StudySpec) -> Any:
    """The run's runtime, or the best here where the run had a device this machine lacks."""
    update = {"device": "auto", "precision": "auto", "threads": None}
    return (
        runtime.resolve_runtime(spec.runtime.model_copy(update=update))
        if spec.runtime.device == "cuda"
        else spec.runtime
    )


def _decoded(paths: list[Path], model: Model, unreadable: list[str]) -> Iterator[tuple[Path, tuple[Pixels, ...]]]:
    for path in paths:
        if path.is_dir():
            unreadable.append(
                f"{path}: expected a folder that may be read, found no permission: its images are not seen."
            )
            continue
        try:
            yield path, model.see(decode(path))
        except ImageError as error:
            unreadable.append(str(error))


def _table(model: Model, paths: list[Path], probs_nk: np.ndarray) -> pd.DataFrame:
    called = calls(probs_nk)
    table = pd.DataFrame({"path": [_written(path) for path in paths], "class": [model.class_names[c] for c in called]})
    for number, name in enumerate(model.class_names):
        table[f"p_{name}"] = probs_nk[:, number].round(6)
    return table


def _written(path: Path) -> str:
    """The path as text for a table: bytes that are no UTF-8 stand as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
