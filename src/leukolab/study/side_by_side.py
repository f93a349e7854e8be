"""How many models train side by side, one process each, where nobody says so.

Two processes of one thread train faster than one of two threads: no thread waits for another (a quarter faster for the
last stage of Lite0 on two cores, measured in docs/log/2026-11-25.md). Starting a process takes seconds, so a short
study has one.
"""

from __future__ import annotations

import os

from leukolab.base.cores import cores
from leukolab.engine import runtime
from leukolab.plan import read_target
from leukolab.spec import StudySpec
from leukolab.study.jobs import outers_of
from leukolab.study.prepare import Material

SHORT = 100_000
"""Images learned from below the head, over all models and epochs, up to which a study is short."""
MOST = 4
"""Processes at the most: from there on they share the memory's bandwidth, not the cores."""
GIB_EACH = 4
"""Memory a process may need with large networks."""


def processes(on: str, spec: StudySpec, material: Material) -> int:
    """How many jobs share the cores of this machine: what `on` says, or for `auto` what suits the study.

    Raises:
        SpecError: `on` means nothing, or a graphics card is asked for that is not there.
    """
    if workers := read_target(on).workers:
        return workers
    if runtime.resolve_runtime(spec.runtime).device != "cpu" or images_learned_from(spec, material) <= SHORT:
        return 1
    return min(cores(), MOST, max(1, _memory_gib() // GIB_EACH))


def where(on: str, spec: StudySpec, material: Material) -> str:
    """`on`, with `auto` replaced by the processes that suit the study."""
    return on if on != "auto" else f"local:{processes(on, spec, material)}"


def images_learned_from(spec: StudySpec, material: Material) -> int:
    """Images that go through what learns below the head, over all models and epochs."""
    total = 0
    for protocol, split in material.splits.items():
        training = split.table[split.table["role"] == "train"]
        for reading in spec.readings.values():
            rates = len(reading.learning_rates or spec.training.learning_rates)
            epochs = sum(stage.epochs for stage in reading.stages if stage.release not in ("head", 0))
            outers = outers_of(spec, reading.outer_parts, protocol, split.outers)
            total += int(training.loc[training["outer"].isin(outers), "copies"].sum()) * rates * epochs
    return total


def _memory_gib() -> int:
    """Physical memory; plenty where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return MOST * GIB_EACH
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
