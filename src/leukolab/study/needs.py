"""What a run writes at the least, and what its network holds, against disks and memory, before anything is trained.

Each number is a lower bound, so that nothing is refused that would have worked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leukolab.base.capacity import free_disk, free_memory
from leukolab.base.errors import SpecError, StorageError
from leukolab.base.home import Home
from leukolab.base.shelf import limit, usage
from leukolab.base.sizes import size_text
from leukolab.engine import describe
from leukolab.engine.cached import first_depth
from leukolab.engine.views import bank_size
from leukolab.results.seals import sealed
from leukolab.spec import leaves_of, views_of
from leukolab.study.jobs import Job
from leukolab.study.memory import check_fits
from leukolab.study.session import Session

KERNEL_BYTES = 8
"""Of a float64, one for each pair of images."""


def check_disk(session: Session, jobs: Sequence[Job], home: Home) -> None:
    """See that what a new run writes fits onto its disks; a run that goes on has written some of it already.

    Args:
        session: at work, or planned.
        jobs: all models of the run.
        home: where features will lie.

    Raises:
        StorageError: it does not; both numbers are named.
    """
    run = session.run
    if any(sealed(run.job(job.key)) for job in jobs):
        return
    held = sum(entry.bytes for entry in usage(home) if entry.kind == "features")
    features = max(0, min(feature_bytes(session, jobs), limit(home)) - held)
    for place, needed, what in ((run.path, state_bytes(session, jobs), "run"), (home.path, features, "home")):
        free = free_disk(place)
        if needed > free:
            raise StorageError(
                f"{place}: this run needs at least {size_text(needed)} on this disk, {size_text(free)} are free. "
                f"Free some space, or choose another {what} folder.",
                settings=(f"{what} folder",),
            )


def check_batches(session: Session) -> None:
    """See that what the network holds of a batch fits into the memory of this machine; of a card's nobody asks here.

    Raises:
        SpecError: it does not; both numbers are named.
    """
    spec, images = session.spec, len(session.material.index)
    if spec.runtime.device != "cpu":
        return
    number_bytes = 4 if spec.runtime.precision == "float32" else 2
    image_bytes = number_bytes * describe.widest(session.network, spec.image.size_px)
    batches = {"runtime.trunk_batch_size": spec.runtime.trunk_batch_size or 1}
    if any(first_depth(session.network, one.stages) and not session.depth(name) for name, one in spec.readings.items()):
        batches["runtime.evaluation_batch_size"] = spec.runtime.evaluation_batch_size  # of pixels, not of what is kept
    for setting, size in batches.items():
        check_fits(min(size, images) * image_bytes, setting)


def check_kernels(session: Session) -> None:
    """See that a kernel machine fits into memory: it holds a number for each pair of images that it learns from.

    Raises:
        SpecError: it does not; both numbers are named.
    """
    free = free_memory()
    learned = session.material.splits[session.spec.believed_protocol].learned_at_once
    for one in (leaf for spec in session.methods.specs.values() for leaf in leaves_of(spec)):
        views = len(views_of(one))
        needed = KERNEL_BYTES * (learned * views) ** 2 if one.learner.estimator == "SVC" else 0
        if free is not None and needed > free:
            raise SpecError(
                f"method {one.name}: {learned:,} images to learn from, each seen {views}x, make a kernel of "
                f"{size_text(needed)}; of this machine's memory {size_text(free)} are free. Take a linear classifier "
                "(methods=[l450]), leave out 'also', or take a machine with more memory.",
                settings=("methods",),
            )


def feature_bytes(session: Session, jobs: Sequence[Job]) -> int:
    """Bytes of what the frozen part gives for every image and view."""
    bank = session.bank(max((session.depth(name) for name in session.spec.readings), default=0))
    numbers = bank.width + int(np.prod(bank.trunk.shape or (0,)))
    return len(session.material.index) * numbers * 2 * passes(session, jobs)


def state_bytes(session: Session, jobs: Sequence[Job]) -> int:
    """Bytes of the trained parts of all models."""
    states = 0
    for reading, spec in session.spec.readings.items():
        learning = describe.learning_parameters(session.network, spec.stages)
        states += 4 * max(learning.values()) * sum(job.reading == reading for job in jobs)
    return states


def passes(session: Session, jobs: Sequence[Job]) -> int:
    """Passes of the frozen part over the images: the plain view, and every bank."""
    augment = session.spec.training.augment
    if augment.active and augment.views == "online":
        return 1
    stages = [stage for reading in session.spec.readings.values() for stage in reading.stages]
    banks = len({session.view_seed(job) for job in jobs if job.learning_rate is not None})
    return 1 + banks * max((bank_size(augment, stage.epochs) for stage in stages), default=0)
