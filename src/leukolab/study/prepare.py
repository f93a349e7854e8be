"""From a folder of images to everything training needs: index, packed pixels, identity groups, splits."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.issues import conflicts
from leukolab.base.errors import DataError, SplitError
from leukolab.base.findings import Finding
from leukolab.base.home import Home
from leukolab.cards import Classes, class_names, classes_of, get_card, locate, read_index
from leukolab.cards.card import Card
from leukolab.images import PixelStore, open_store, pack
from leukolab.report.texts import load_texts
from leukolab.results.folder import RunFolder
from leukolab.spec import ProtocolSpec, StudySpec
from leukolab.splits import Split, identity_groups, make_split
from leukolab.study.memory import check_memory
from leukolab.study.twins import twins_of

NEWS = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """The image files of a study, before any is opened: their card, and the labelled rows of its index."""

    card: Card
    root: Path
    """The data set's folder on this machine."""
    index: pd.DataFrame
    classes: Classes

    def settled(self, spec: StudySpec) -> StudySpec:
        """The settings with the classes of the disease that were decided on."""
        positive = self.classes.positive
        if spec.data.positive is not None or not positive:
            return spec
        kept = {"positive": positive[0] if len(positive) == 1 else positive}
        return spec.model_copy(update={"data": spec.data.model_copy(update=kept)})


@dataclass(frozen=True)
class Material:
    """What a study works on. The rows of `index` and of `store.array` are the same images in the same order.

    Paths in `index` are those below `root`, the data set's folder on this machine.
    """

    card: Card
    index: pd.DataFrame
    store: PixelStore
    groups: pd.DataFrame
    splits: dict[str, Split]
    classes: Classes
    root: Path | None = None
    """None where a run was read back without its images."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.classes.names

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 (n,)."""
        return self.index["label"].to_numpy(np.int64)

    @property
    def paths(self) -> list[Path]:
        """Files of the images, in order.

        Raises:
            DataError: the folder of the images is not known here.
        """
        if self.root is None:
            raise DataError("images: expected the folder they lie in, found none noted here. Give the data folder.")
        return [self.root / path for path in self.index["path"]]


def prepare(spec: StudySpec, data: Path, home: Home, search: bool = True) -> Material:
    """Find, pack, group and split the images of a study; `search` as of `packed`.

    Raises:
        DataError, ImageError, SplitError: what is there does not allow this study.
    """
    return packed(find_sources(spec, data), spec, home, search)


def find_sources(spec: StudySpec, data: Path) -> Sources:
    """Find the images of a study and read their index; nothing is written.

    Raises:
        DataError: no card has this name, or its images are not in `data`.
        SpecError: `data.subject_from` is no pattern, or the card does not take one; of two classes nobody says which
            one is the disease; a setting asks for more memory than there is.
    """
    card = get_card(spec.data.card)
    root = folder_of(locate(card.name, data))
    index = read_index(spec.data, data)
    classes = classes_of(_class_names(index), spec.data, card)
    classes.check_decided()
    labelled = index[index["label"] >= 0].sort_values("image_id", ignore_index=True)
    check_memory(spec, labelled)
    return Sources(card, root, labelled, classes)


def packed(sources: Sources, spec: StudySpec, home: Home, search: bool = True) -> Material:
    """Pack, group and split the images that were found.

    Args:
        sources: from `find_sources`.
        spec: settings.
        home: the home folder.
        search: whether near-twins are looked for where that was not done before; a plan needs no such search.

    Raises:
        ImageError, SplitError: what is there does not allow this study.
    """
    card, root, index = sources.card, sources.root, sources.index
    NEWS.info(f"{len(index):,} images of {card.name}")
    store = pack(
        [Path(path) for path in index["path"]], list(index["image_id"]), spec.image.size_px, spec.image.crop_px, home
    )
    index = index.merge(store.measures, on="image_id", validate="one_to_one")
    twins = twins_of(index, spec.data, home, search)
    groups, found = identity_groups(index, card.same_person, twins.pairs), conflicts(index, twins.pairs)
    splits = {
        name: _with(make_split(index, groups, name, protocol, spec.seed, twins.searched), found)
        for name, protocol in spec.active_protocols.items()
    }
    for name, protocol in spec.active_protocols.items():
        _check_roles(spec, name, protocol, splits[name])
    _say_findings(splits)
    index = index.assign(path=[Path(os.path.relpath(path, root)).as_posix() for path in index["path"]])
    return Material(card, index, store, groups, splits, sources.classes, root)


def recorded_material(run: RunFolder, home: Home, data: Path | None = None) -> Material:
    """The material of a run as its folder describes it, with the packed pixels in `home`.

    Args:
        data: folder of images; without it the files of the images are not known, and not needed for training.

    Raises:
        RunError: the folder is not that of a run.
        ImageError: the packed pixels are not in `home`.
        DataError: the images are not in `data`.
    """
    card, index = get_card(run.spec.data.card), run.index
    store = open_store(home, run.data.pixels, list(index["image_id"]))
    root = None if data is None else folder_of(locate(card.name, data))
    return Material(card, index, store, run.groups, run.splits(), run.classes, root)


def packed_again(run: RunFolder, data: Path, home: Home) -> Material:
    """The images of a run, read from their files, and seen to be the same.

    Raises:
        DataError: they are not in `data`, or others are.
    """
    card, index, image = get_card(run.spec.data.card), run.index, run.spec.image
    root = folder_of(locate(card.name, data))
    store = pack([root / path for path in index["path"]], list(index["image_id"]), image.size_px, image.crop_px, home)
    if store.key != run.data.pixels:
        raise DataError(
            f"{data}: expected the images that the run was made from, found others. Give the folder it was run on.",
            settings=("data folder",),
        )
    return Material(card, index, store, run.groups, run.splits(), run.classes, root)


def folder_of(root: Path) -> Path:
    """The folder of a data set; its root may be a table of files."""
    return root.parent if root.is_file() else root


def _with(split: Split, found: list[Finding]) -> Split:
    """The split with what must be known of its data."""
    return replace(split, head=replace(split.head, findings=(*split.head.findings, *found)))


def _say_findings(splits: dict[str, Split]) -> None:
    for split in splits.values():
        for finding in split.head.findings:
            NEWS.info(f"{split.head.protocol}: {load_texts().finding(finding)}")


def composition(material: Material) -> pd.DataFrame:
    """Images, copies and groups by protocol, outer part, fold, role and class."""
    facts = material.index[["image_id", "class_name"]].merge(material.groups[["image_id", "group"]], on="image_id")
    tables = []
    for protocol, split in material.splits.items():
        rows = split.table.merge(facts, on="image_id")
        keys = ["outer", "fold", "role", "class_name"]
        counts = rows.groupby(keys, sort=True).agg(
            images=("image_id", "nunique"), copies=("copies", "sum"), groups=("group", "nunique")
        )
        tables.append(counts.reset_index().assign(protocol=protocol))
    return pd.concat(tables, ignore_index=True)


def _check_roles(spec: StudySpec, name: str, protocol: ProtocolSpec, split: Split) -> None:
    """The parts that choose between models must be there, before anything is trained."""
    wanted = {"champion_on": protocol.champion_on}
    if spec.ensembles is not None:
        wanted["weights_on"] = protocol.weights_on
    for setting, role in wanted.items():
        if role not in set(split.table["role"]):
            raise SplitError(
                f"protocols.{name}.{setting}: expected a part '{role}' in this split, found none. "
                f"Set split.tuning aside, or use protocols.{name}.{setting}=validation.",
                settings=(f"protocols.{name}.{setting}",),
            )


def _class_names(index: pd.DataFrame) -> tuple[str, ...]:
    names = class_names(index)
    if len(names) < 2:
        raise SplitError(f"expected images of at least two classes, found {', '.join(names) or 'none'}.")
    return names
