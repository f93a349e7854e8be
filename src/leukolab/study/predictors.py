"""Members of a chosen model as functions: what each sees of an image, and the probabilities it gives.

The members of one model see images alike: networks of a study the same square, a method the crops of its features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukolab.engine.embed.kept import Reader
from leukolab.engine.embed.kept import seen as seen_by
from leukolab.engine.inference import logits_of
from leukolab.engine.network import Classifier, restore
from leukolab.engine.pixels import Images
from leukolab.engine.weights import Weights, load_state
from leukolab.images.decode import Pixels
from leukolab.images.geometry import fit
from leukolab.methods import Learned
from leukolab.methods.keep import from_file
from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.spec import AnyFeatures, RuntimeSpec, StudySpec
from leukolab.study.fits import readers_of, square_of

See = Callable[[Pixels], tuple[Pixels, ...]]
"""An image to the squares that a model sees of it."""
Seen = tuple[NDArray[np.uint8], ...]
"""Squares of several images, uint8 (n, h, w, 3) each."""
Ask = Callable[[Seen], NDArray[np.floating[Any]]]
"""Squares to probabilities (n, k)."""


def predictors_of(
    run: RunFolder, member: Member, spec: StudySpec, keys: Sequence[str] = ()
) -> tuple[See, tuple[Ask, ...]]:
    """What the members of a model see, and each of them.

    Args:
        run: a finished run, its seal proved.
        member: the model offered.
        spec: settings of the run, with the runtime of this machine.
        keys: of the models it is made of; those of `member` where none is given.

    Raises:
        WeightsError: tensors or a fitted method do not fit, or are damaged.
    """
    keys = keys or run.keys_of(member)
    if member.learning_rate is None and not member.sources:
        return _method(run, member, keys[0], spec.runtime)
    weights = Weights(**run.architecture.weights)
    trunk = load_state(run.file(RunFolder.TRUNK), weights.digest)
    classes = len(run.classes.names)
    networks = [restore(spec.model, classes, weights, (trunk, load_state(run.job_model(key)))) for key in keys]
    return partial(_square, spec), tuple(partial(_network, network, spec.runtime) for network in networks)


def _square(spec: StudySpec, image: Pixels) -> tuple[Pixels, ...]:
    return (fit(image, spec.image.size_px, spec.image.crop_px),)


def _network(network: Classifier, runtime: RuntimeSpec, seen: Seen) -> NDArray[np.floating[Any]]:
    images, rows = Images(seen[0], ""), np.arange(len(seen[0]))
    return network.output.probabilities(logits_of(network.to(runtime.device), images, rows, runtime))


def _method(run: RunFolder, member: Member, key: str, runtime: RuntimeSpec) -> tuple[See, tuple[Ask, ...]]:
    learned = from_file(run.job(key) / RunFolder.JOB_METHOD)
    readers = readers_of(run, learned, member.reading, runtime)
    return partial(_crops, list(readers)), (partial(_learned, readers, learned),)


def _crops(features: list[AnyFeatures], image: Pixels) -> tuple[Pixels, ...]:
    return tuple(seen_by(square_of(one.crop, image), one) for one in features)


def _learned(readers: dict[AnyFeatures, Reader], learned: Learned, seen: Seen) -> NDArray[np.float64]:
    sources = {one: reader(pixels) for (one, reader), pixels in zip(readers.items(), seen, strict=True)}
    return learned.probabilities(sources)
