"""A study about to run, or a run as its folder describes it: settings, images, frozen network, banks."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from leukolab.base.home import Home
from leukolab.engine.bank import Bank
from leukolab.engine.cached import first_depth
from leukolab.engine.network import Classifier, assemble, fresh_head
from leukolab.engine.pixels import Images, Rows
from leukolab.engine.trunk import Trunk, cut_depth
from leukolab.engine.weights import Weights, load_state
from leukolab.results.folder import RunFolder
from leukolab.spec import StudySpec
from leukolab.study.fits import Methods, recorded
from leukolab.study.jobs import Job
from leukolab.study.prepare import Material, recorded_material


@dataclass(frozen=True)
class Session:
    """Everything that training needs; the network of `trunk` is as loaded and stays so."""

    spec: StudySpec
    run: RunFolder
    home: Home
    material: Material
    network: Classifier
    methods: Methods
    _banks: dict[tuple[int, int], Bank] = field(default_factory=dict, repr=False)
    _depths: dict[str, int] = field(default_factory=dict, repr=False)
    _lent: list[Classifier] = field(default_factory=list, repr=False)

    @cached_property
    def images(self) -> Images:
        """The packed pixels."""
        return Images(self.material.store.array, self.material.store.key)

    def depth(self, reading: str) -> int:
        """Stages above the cut for this reading's activations; 0 where none are kept."""
        if reading not in self._depths:
            self._depths[reading] = cut_for(self.spec, self.network, reading)
        return self._depths[reading]

    def bank_depth(self, reading: str) -> int:
        """The cut of the bank this reading is fed from: where it trains heads only, another reading's will do."""
        return self.depth(reading) or max((self.depth(name) for name in self.spec.readings), default=0)

    def bank(self, depth: int, seed: int | None = None) -> Bank:
        """The bank with the cut at `depth`, its views drawn from `seed` (the study's where None)."""
        place = depth, self.spec.seed if seed is None else seed
        if place not in self._banks:
            trunk = Trunk(self.network, self.spec.image.size_px, depth, self.spec.runtime, self.home)
            order = training_order(self.material)
            self._banks[place] = Bank(trunk, self.images, self.spec.training.augment, place[1], self.home, order)
        return self._banks[place]

    def bank_of(self, job: Job) -> Bank:
        """The bank this job is fed from."""
        return self.bank(self.bank_depth(job.reading), self.view_seed(job))

    def view_seed(self, job: Job) -> int:
        """The seed of the views a job sees: the study's, or its own."""
        return job.seed if self.spec.training.augment.bank == "model" else self.spec.seed

    def fresh(self, job: Job) -> Classifier:
        """A network to train for a job: the weights as loaded, and the job's own head; the next call takes it back."""
        if not self._lent:
            self._lent.append(copy.deepcopy(self.network))
        network = self._lent[0]
        network.load_state_dict(self.network.state_dict())
        head = fresh_head(network.head.in_features, network.head.out_features, job.seed)
        network.head.load_state_dict(head.state_dict())
        return network


def training_order(material: Material) -> Rows:
    """Rows of the packed pixels (n,), so that those stand together which train in the same outer parts.

    It is that of the whole split, not of the outer parts a run asks for, so that runs of other parts share their views.
    """
    idle: list[np.ndarray] = []
    for split in material.splits.values():
        training = split.table[split.table["role"] == "train"]
        for outer in split.outers:
            here = np.ones(len(material.index), bool)
            here[material.store.rows(list(training.loc[training["outer"] == outer, "image_id"].unique()))] = False
            idle.append(here)
    return np.lexsort(idle[::-1])


def cut_for(spec: StudySpec, network: Classifier, reading: str) -> int:
    """Where this reading's activations are kept: so many stages from the top; 0 where they are not."""
    augment = spec.training.augment
    depth = first_depth(network, spec.readings[reading].stages)
    if not depth or (augment.active and augment.views == "online"):
        return 0
    return cut_depth(network, spec.image.size_px, depth)


def recorded_session(run: Path, home: Home) -> Session:
    """The session of a run, from its folder and the packed pixels in `home`; the image files are not needed.

    Raises:
        RunError: the folder is not that of a run.
        ImageError: the packed pixels are not in `home`.
    """
    folder = RunFolder(run)
    spec, material = folder.spec, recorded_material(folder, home)
    weights = Weights(**folder.architecture.weights)
    network = recorded_network(folder, spec, len(material.class_names), weights)
    return Session(spec, folder, home, material, network, recorded(folder, material, home))


def recorded_network(run: RunFolder, spec: StudySpec, classes: int, weights: Weights) -> Classifier:
    """The network as the run began with it, its head drawn from the study's seed."""
    network = assemble(spec.model, classes, weights, load_state(run.file(RunFolder.TRUNK), weights.digest))
    network.head.load_state_dict(
        fresh_head(network.head.in_features, network.head.out_features, spec.seed).state_dict()
    )
    return network
