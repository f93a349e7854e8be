"""Methods in a study: which images they see and how, one fit per outer part, and what a finished one leaves.

A method learns on the training and validation images of an outer part together. Its inner folds are used once before:
each fold's scores on images it did not learn from calibrate the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from leukolab.base.errors import SpecError, WeightsError
from leukolab.base.files import whole_folder, write_table
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest
from leukolab.base.streams import stream_seed
from leukolab.engine.embed.kept import LayerBank
from leukolab.engine.embed.layers import LayerReader, layer_reader
from leukolab.images import PixelStore, open_store, pack
from leukolab.images.crops import cell_square
from leukolab.images.decode import Pixels
from leukolab.images.geometry import fit as fit_square
from leukolab.methods import Examples, Scale, fit, fit_scale, load_method, sample_weights, scores
from leukolab.methods.keep import to_bytes
from leukolab.results.folder import RunFolder
from leukolab.results.seals import seal
from leukolab.spec import CropSpec, MethodSpec, NetworkFeatures, RuntimeSpec, StudySpec
from leukolab.splits import Split, groups_fingerprint
from leukolab.study.jobs import Job, outers_of, predictions_frame
from leukolab.study.prepare import Material

FIT_SECONDS = 5.0
"""Of one fit with its inner folds, about."""
FIT_VERSION = 2
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


def method_of(run: RunFolder, name: str, runtime: RuntimeSpec) -> list[LayerReader]:
    """The readers of a method of a run, without its images, in the order in which it learned from them.

    Raises:
        WeightsError: the weights of a backbone are not those that it learned with.
    """
    record = run.methods
    specs = {name: MethodSpec.model_validate(record.specs[name])}
    methods = Methods(specs, {}, Home(run.path), record.seed, runtime)
    readers = methods.readers_of(name)
    learned_with = record.weights.get(name, ())
    for place, reader in enumerate(readers):
        if learned_with[place : place + 1] != (reader.weights.digest,):
            raise WeightsError(
                f"{reader.spec.backbone}: expected the weights that this run learned with, found others here. "
                "Install the same version of the package, or give the same file."
            )
    return readers


@dataclass(frozen=True)
class Methods:
    """The methods of a run on its images.

    Attributes:
        specs: by name, as the run was begun with them.
        stores: packed pixels by the name of the crop.
    """

    specs: Mapping[str, MethodSpec]
    stores: Mapping[str, PixelStore] = field(repr=False)
    home: Home
    seed: int
    runtime: RuntimeSpec

    @cached_property
    def readers(self) -> dict[NetworkFeatures, LayerReader]:
        """Each different kind of features once."""
        wanted = dict.fromkeys(one for spec in self.specs.values() for one in spec.features)
        return {one: layer_reader(one, self.seed, self.runtime.trunk, self.runtime.threads or 0) for one in wanted}

    @cached_property
    def banks(self) -> dict[NetworkFeatures, LayerBank]:
        """What each reader makes of the images."""
        return {
            one: LayerBank(reader, self.stores[crop_name(one.crop)], self.home) for one, reader in self.readers.items()
        }

    def readers_of(self, name: str) -> list[LayerReader]:
        """Those of a method, in the order in which it learns from them."""
        return [self.readers[one] for one in self.specs[name].features]

    def banks_of(self, name: str) -> list[LayerBank]:
        """Those that a method learns from, in that order."""
        return [self.banks[one] for one in self.specs[name].features]


def begin(spec: StudySpec, material: Material, home: Home) -> Methods:
    """The methods that a study names, their images packed.

    Raises:
        SpecError: a method is not known, or its name is that of another or of a reading.
    """
    specs: dict[str, MethodSpec] = {}
    for method in map(load_method, spec.methods):
        if method.name in specs or method.name in spec.readings:
            raise SpecError(
                f"methods: expected names that differ from one another and from readings, found '{method.name}' twice. "
                "Change the name in one of the files.",
                settings=("methods",),
            )
        specs[method.name] = method
    crops = {crop_name(one.crop): one.crop for method in specs.values() for one in method.features}
    names = list(material.index["image_id"])
    stores = {name: pack_crop(crop, material.paths, names, home) for name, crop in crops.items()}
    return Methods(specs, stores, home, spec.seed, spec.runtime)


def recorded(run: RunFolder, material: Material, home: Home) -> Methods:
    """The methods of a run, from its folder and the packed pixels in `home`."""
    record, names = run.methods, list(material.index["image_id"])
    specs = {name: MethodSpec.model_validate(one) for name, one in record.specs.items()}
    stores = {name: open_store(home, key, names) for name, key in record.stores.items()}
    return Methods(specs, stores, home, record.seed, run.spec.runtime)


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
    spec = methods.specs[job.reading]
    features = np.concatenate([bank.read() for bank in methods.banks_of(job.reading)], axis=1)
    fitted, scale = _fitted(job, spec, material, features)
    split, tables = material.splits[job.protocol], []
    for role in ("tuning", "test"):
        images = split.part(job.outer, 1, role)["image_id"]
        if len(images):
            rows = material.store.rows(sorted(images.unique()))
            tables.append(predictions_frame(job.job, material, role, rows, scale(scores(fitted, features[rows]))))
    with whole_folder(run.job(job.key)) as temporary:
        write_table(temporary / RunFolder.JOB_PREDICTIONS, pd.concat(tables, ignore_index=True))
        (temporary / RunFolder.JOB_METHOD).write_bytes(to_bytes(fitted, scale))
        seal(temporary, asdict(job))


def _fitted(job: Job, spec: MethodSpec, material: Material, features: Any) -> tuple[Pipeline, Scale]:
    """What is learned from all images that no part sets aside, and the scale its probabilities need."""
    split = material.splits[job.protocol]
    groups = material.groups.set_index("image_id")["group"].reindex(material.index["image_id"]).to_numpy(object)

    def examples(rows: Any, copies: Any) -> Examples:
        labels = material.labels[rows]
        return Examples(features[rows], labels, sample_weights(spec, labels, groups[rows], copies))

    found, seen, counts = np.zeros((len(features), len(material.class_names))), [], dict[int, int]()
    for fold in split.folds(job.outer):
        train = split.part(job.outer, fold, "train")
        rows, copies = material.store.rows(list(train["image_id"])), train["copies"].to_numpy(np.int64)
        held = material.store.rows(list(split.part(job.outer, fold, "validation")["image_id"]))
        found[held] = scores(fit(spec, examples(rows, copies), job.seed), features[held])
        seen.append(held)
        counts |= dict(zip(rows.tolist(), copies.tolist(), strict=True))
    held = np.unique(np.concatenate(seen))
    ones = np.ones(len(held), dtype=np.int64)
    scale = fit_scale(found[held], material.labels[held], examples(held, ones).weights)
    everyone = np.union1d(held, np.array(sorted(counts)))
    copies = np.array([counts.get(row, 1) for row in everyone.tolist()])
    return fit(spec, examples(everyone, copies), job.seed), scale


def fit_seconds(methods: Methods, jobs: list[Job]) -> float:
    """What these fits would take: features that are not kept yet, by one pass that is measured, and the fits."""
    banks = {bank.key: bank for job in jobs for bank in methods.banks_of(job.reading)}
    return sum(bank.seconds_left() for bank in banks.values()) + FIT_SECONDS * len(jobs)
