"""Methods in a study: which images they see and how, one fit per outer part, and what a finished one leaves.

A method learns on the training and validation images of an outer part together. Its inner folds are used once before:
each fold's scores on images it did not learn from calibrate the probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from leukolab.base.errors import SpecError, WeightsError
from leukolab.base.files import whole_folder, write_json, write_table
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest
from leukolab.base.streams import stream_seed
from leukolab.engine.embed.kept import FeatureBank, Reader
from leukolab.engine.embed.readers import reader_of
from leukolab.images import PixelStore, open_store, pack
from leukolab.images.crops import cell_square
from leukolab.images.decode import Pixels
from leukolab.images.geometry import fit as fit_square
from leukolab.methods import Fold, Images, Learned, learn, load_method
from leukolab.methods.importance import importance
from leukolab.methods.keep import to_bytes
from leukolab.results.folder import RunFolder
from leukolab.results.seals import seal
from leukolab.spec import AnyFeatures, AnyMethod, CropSpec, RuntimeSpec, StudySpec, any_method, features_of
from leukolab.splits import Split, groups_fingerprint
from leukolab.study.jobs import Job, outers_of, predictions_frame
from leukolab.study.prepare import Material

FIT_SECONDS = 5.0
"""Of one fit with its inner folds, about."""
FIT_VERSION = 4
"""Raised by hand when the same inputs would give other predictions."""


def crop_name(crop: CropSpec) -> str:
    """What the packed pixels of a crop are known by in a run."""
    return f"{crop.about}-{crop.edge_px or f'whole-{crop.size_px}'}"


def pack_crop(crop: CropSpec, paths: list[Path], image_ids: list[str], home: Home) -> PixelStore:
    """Packed pixels as a crop asks for them; about a cell and cut out, they are kept at the scale of the files."""
    edge = crop.edge_px or crop.size_px
    return pack(paths, image_ids, edge, crop.edge_px, home, about_cell=crop.about == "cell")


def square_of(crop: CropSpec, image: Pixels) -> Pixels:
    """What `pack_crop` keeps of one image."""
    edge = crop.edge_px or crop.size_px
    return cell_square(image, edge) if crop.about == "cell" else fit_square(image, edge, crop.edge_px)


def readers_of(run: RunFolder, learned: Learned, name: str, runtime: RuntimeSpec) -> dict[AnyFeatures, Reader]:
    """What a learned method of a run sees with.

    Args:
        run: the run. name: of the method in it. learned: as it was fitted; only what its parts see is loaded.
        runtime: of this machine.

    Raises:
        WeightsError: weights, or the version of handcrafted features, are not those that it learned with.
    """
    record, readers = run.methods, dict[AnyFeatures, Reader]()
    learned_with = dict(zip(features_of(any_method(record.specs[name])), record.weights.get(name, ()), strict=False))
    for one in dict.fromkeys(one for part in learned.parts for one in part.spec.features):
        readers[one] = reader_of(one, record.seed, runtime.trunk, runtime.threads or 0)
        if learned_with.get(one) != readers[one].digest:
            raise WeightsError(
                f"{readers[one].title}: expected the weights or version that this run learned with, found others here. "
                "Install the same version of the package, or give the same file."
            )
    return readers


@dataclass(frozen=True)
class Packed(Mapping[str, PixelStore]):
    """Packed pixels of a run by the name of the crop, opened when asked for: a machine of a cluster may lack some.

    Attributes:
        store_keys: of the stores in `home`. image_ids: names of their images, in order.
    """

    home: Home
    store_keys: Mapping[str, str]
    image_ids: Sequence[str] = field(repr=False)
    _opened: dict[str, PixelStore] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> PixelStore:
        if name not in self._opened:
            self._opened[name] = open_store(self.home, self.store_keys[name], self.image_ids)
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.store_keys)

    def __len__(self) -> int:
        return len(self.store_keys)


@dataclass(frozen=True)
class Methods:
    """The methods of a run on its images.

    Attributes:
        specs: by name, as the run was begun with them.
        stores: packed pixels by the name of the crop.
    """

    specs: Mapping[str, AnyMethod]
    stores: Mapping[str, PixelStore] = field(repr=False)
    home: Home
    seed: int
    runtime: RuntimeSpec
    _banks: dict[AnyFeatures, FeatureBank] = field(default_factory=dict, repr=False)

    def bank(self, one: AnyFeatures) -> FeatureBank:
        """One kind of features of the images; what reads them is loaded once."""
        if one not in self._banks:
            reader = reader_of(one, self.seed, self.runtime.trunk, self.runtime.threads or 0)
            self._banks[one] = FeatureBank(reader, self.stores[crop_name(one.crop)], self.home)
        return self._banks[one]

    def banks_of(self, name: str) -> list[FeatureBank]:
        """What a method may learn from, in the order of its file."""
        return [self.bank(one) for one in features_of(self.specs[name])]

    def images(self, name: str, material: Material) -> Images:
        """All images as a method sees them."""
        sources = {one: self.bank(one).read() for one in features_of(self.specs[name])}
        groups = material.groups.set_index("image_id")["group"].reindex(material.index["image_id"]).to_numpy(object)
        return Images(sources, material.labels, groups, len(material.class_names))


def begin(spec: StudySpec, material: Material, home: Home) -> Methods:
    """The methods that a study names, their images packed.

    Raises:
        SpecError: a method is not known, or its name is that of another or of a reading.
    """
    specs: dict[str, AnyMethod] = {}
    for method in map(load_method, spec.methods):
        if method.name in specs or method.name in spec.readings:
            raise SpecError(
                f"methods: expected names that differ from one another and from readings, found '{method.name}' twice. "
                "Change the name in one of the files.",
                settings=("methods",),
            )
        specs[method.name] = method
    crops = {crop_name(one.crop): one.crop for method in specs.values() for one in features_of(method)}
    names = list(material.index["image_id"])
    stores = {name: pack_crop(crop, material.paths, names, home) for name, crop in crops.items()}
    return Methods(specs, stores, home, spec.seed, spec.runtime)


def recorded(run: RunFolder, material: Material, home: Home) -> Methods:
    """The methods of a run, from its folder and the packed pixels in `home`."""
    record, names = run.methods, list(material.index["image_id"])
    specs = {name: any_method(one) for name, one in record.specs.items()}
    return Methods(specs, Packed(home, record.stores, names), home, record.seed, run.spec.runtime)


def list_fits(spec: StudySpec, material: Material, methods: Methods) -> list[Job]:
    """One job per protocol, method and outer part."""
    jobs = []
    for protocol, split in material.splits.items():
        for name in methods.specs:
            for outer in outers_of(spec, {}, protocol, split.outers):
                job = f"{protocol}/{name}/outer{outer}"
                key = _key(material, methods, name, outer, split)
                jobs.append(Job(job, protocol, name, outer, None, 0, stream_seed(spec.seed, job), key))
    return jobs


def _key(material: Material, methods: Methods, name: str, outer: int, split: Split) -> str:
    """What a fit is known by."""
    table = split.table[split.table["outer"] == outer]
    inputs = {
        "features": digest([bank.key for bank in methods.banks_of(name)]),
        "labels": digest(dict(zip(material.index["image_id"], material.index["label"].tolist(), strict=True))),
        "groups": groups_fingerprint(material.groups),
        "split": digest(table.to_dict("list")),
    }
    return content_key("fit", FIT_VERSION, inputs, {"method": methods.specs[name].model_dump(), "seed": methods.seed})


def run_fit(job: Job, material: Material, methods: Methods, run: RunFolder) -> None:
    """Fit a method on one outer part, and write what it predicts, whole or not at all."""
    images, split = methods.images(job.reading, material), material.splits[job.protocol]
    learned = learn(methods.specs[job.reading], images, _folds(split, job.outer, material), job.seed)
    held = learned.held
    tables = [predictions_frame(job.job, material, "validation", held.rows, held.probabilities)]
    for role in ("tuning", "test"):
        asked = split.part(job.outer, 0, role)["image_id"]
        if len(asked):
            rows = material.store.rows(list(asked))
            found = learned.probabilities({one: values[rows] for one, values in images.sources.items()})
            tables.append(predictions_frame(job.job, material, role, rows, found))
    with whole_folder(run.job(job.key)) as temporary:
        write_table(temporary / RunFolder.JOB_PREDICTIONS, pd.concat(tables, ignore_index=True))
        write_learned(temporary, learned)
        worth = importance(learned, _test_images(job, material, images), job.seed)
        if len(worth):
            write_table(temporary / RunFolder.JOB_IMPORTANCE, worth)
        seal(temporary, asdict(job))


def _test_images(job: Job, material: Material, images: Images) -> Images:
    """Those of the outer part's test part."""
    rows = material.store.rows(list(material.splits[job.protocol].part(job.outer, 0, "test")["image_id"]))
    sources = {one: values[rows] for one, values in images.sources.items()}
    return Images(sources, images.labels[rows], images.groups[rows], images.classes)


def write_learned(folder: Path, learned: Learned) -> None:
    """A learned method, and beside it what was chosen and what was tried, as JSON."""
    (folder / RunFolder.JOB_METHOD).write_bytes(to_bytes(learned))
    tried = [asdict(one) for one in learned.tried]
    write_json(folder / RunFolder.JOB_CHOICE, {"chosen": learned.chosen.model_dump(mode="json"), "tried": tried})


def _folds(split: Split, outer: int, material: Material) -> list[Fold]:
    """The inner folds of an outer part as rows of the packed pixels."""
    found = []
    for fold in split.folds(outer):
        train = split.part(outer, fold, "train")
        held = material.store.rows(list(split.part(outer, fold, "validation")["image_id"]))
        copies = train["copies"].to_numpy(np.int64, copy=True)
        found.append(Fold(material.store.rows(list(train["image_id"])), copies, held))
    return found


def fit_seconds(methods: Methods, jobs: list[Job]) -> float:
    """What these fits would take: features that are not kept yet, by one pass that is measured, and the fits."""
    banks = {bank.key: bank for job in jobs for bank in methods.banks_of(job.reading)}
    return sum(bank.seconds_left() for bank in banks.values()) + FIT_SECONDS * len(jobs)
