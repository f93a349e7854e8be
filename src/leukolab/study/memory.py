"""The memory that a run or an evaluation needs at the least, held against what there is, before anything is spent.

Each number is a lower bound, so that nothing is refused that would have worked.
"""

from __future__ import annotations

import pandas as pd

from leukolab.base.capacity import free_memory
from leukolab.base.errors import SpecError
from leukolab.base.sizes import size_text
from leukolab.spec import StudySpec

PROCESS_BYTES = 150 * 2**20
"""Of a process that trains, before it holds anything."""
ROW_BYTES = 50
"""Of an image in a fold of a split, as a table holds it."""


def check_memory(spec: StudySpec, index: pd.DataFrame) -> None:
    """See that the largest step of a run fits into the memory of this machine.

    Args:
        index: of the labelled images; label and subject are read.

    Raises:
        SpecError: it does not; both numbers are named.
    """
    needed, setting = max((size, setting) for setting, size in memory_needs(spec, index).items())
    check_fits(needed, setting)


def check_fits(needed: int, setting: str) -> None:
    """See that what `setting` asks for fits into the memory of this machine.

    Raises:
        SpecError: it does not; both numbers are named.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise SpecError(
            f"{setting}: expected what fits into the memory of this machine, {size_text(free)} now, got what needs "
            f"{size_text(needed)} at the least. Lower {setting}.",
            settings=(setting,),
        )


def memory_needs(spec: StudySpec, index: pd.DataFrame) -> dict[str, int]:
    """Setting to the bytes that its step takes, at the least.

    Of batches it is the pixels alone, on a card as they are packed; `needs.check_batches` asks the network.
    """
    images, classes = len(index), index["label"].nunique()
    pixel_bytes = (4 if spec.runtime.device == "cpu" else 1) * 3 * spec.image.size_px**2
    runtime, protocols = spec.runtime, spec.active_protocols.values()
    copies = max((one.balance.per_class or 0) * one.split.outer * one.split.folds for one in protocols)
    return {
        "training.batch_size": min(spec.training.batch_size, images) * pixel_bytes,
        "runtime.trunk_batch_size": min(runtime.trunk_batch_size or 1, images) * pixel_bytes,
        "balance.per_class": copies * classes * ROW_BYTES,
        "bootstrap": interval_bytes(spec.bootstrap, int(index["subject"].nunique()), classes),
        "image.crop_px": 3 * (spec.image.crop_px or 0) ** 2,
    }


def interval_bytes(bootstrap: int, groups: int, classes: int) -> int:
    """Bytes of the weights of groups, and of seven sums by class at both ends, float64 in every replicate."""
    return 8 * bootstrap * (groups + 2 * 7 * classes)
