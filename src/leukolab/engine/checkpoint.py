"""Where a training stands after an epoch, in one file; a damaged file counts as absent."""

from __future__ import annotations

import contextlib
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from leukolab.base.files import atomic
from leukolab.engine.training import History
from leukolab.engine.weights import State
from leukolab.spec import StageSpec


@dataclass(frozen=True)
class Standing:
    """A training between two epochs.

    Attributes:
        stage: number of the stage it is in, from 0.
        epochs: epochs done of that stage.
        best: validation accuracy and negative loss of the best epoch of that stage.
        waited: epochs since the first one of its accuracy.
        history: rows of all epochs so far, of all stages.
        learned: all tensors that have learned, as they are.
        kept: those of this stage, as they were at its best epoch.
        moments: the optimiser's.
    """

    stage: int = 0
    epochs: int = 0
    best: tuple[float, float] = (-1.0, -math.inf)
    waited: int = 0
    history: History = field(default_factory=list)
    learned: State = field(default_factory=dict)
    kept: State = field(default_factory=dict)
    moments: State = field(default_factory=dict)

    def after(self, row: dict[str, float | str]) -> Standing:
        """One epoch further; an equal accuracy with a lower loss is better, but does not reset `waited`."""
        score = float(row["val_accuracy"]), -float(row["val_loss"])
        return replace(
            self,
            epochs=self.epochs + 1,
            best=max(score, self.best),
            waited=0 if score[0] > self.best[0] else self.waited + 1,
            history=[*self.history, row],
        )

    def waited_out(self, stage: StageSpec) -> bool:
        """Whether patience has run out."""
        return stage.stops_after is not None and self.waited >= stage.stops_after


FACTS = ("stage", "epochs", "best", "waited", "history")
STATES = ("learned", "kept", "moments")


def save(path: Path | None, standing: Standing) -> None:
    """Write a standing in place of the one before; nothing where there is no path."""
    if path is not None:
        save_all(path, [standing])


def load(path: Path | None) -> Standing | None:
    """The standing at `path`; None where there is none or it is damaged: the training then begins again."""
    standings = load_all(path)
    return standings[0] if standings else None


def save_all(path: Path, standings: Sequence[Standing]) -> None:
    """Write the standings of several trainings into one file, in place of the one before."""
    tensors = {
        f"{number}/{group}/{name}": tensor.detach().cpu().contiguous()
        for number, standing in enumerate(standings)
        for group in STATES
        for name, tensor in getattr(standing, group).items()
    }
    facts = json.dumps([{name: getattr(standing, name) for name in FACTS} for standing in standings])
    with atomic(path) as temporary, _system_errors():
        save_file(tensors, temporary, {"facts": facts, "checksum": _checksum(tensors, facts)})


@contextlib.contextmanager
def _system_errors() -> Iterator[None]:
    """Errors of the system, such as a full disk, as `OSError`: safetensors gives their number in its text only."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]), str(error)) if number else error from error


def load_all(path: Path | None) -> list[Standing] | None:
    """The standings at `path`; None where there are none, or the file is damaged."""
    if path is None or not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["checksum"] != _checksum(tensors, metadata["facts"]):
            return None
        facts = json.loads(metadata["facts"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    states: list[dict[str, State]] = [{group: {} for group in STATES} for _ in facts]
    for name, tensor in tensors.items():
        number, group, rest = name.split("/", 2)
        states[int(number)][group][rest] = tensor
    return [_standing(fact, state) for fact, state in zip(facts, states, strict=True)]


def _standing(facts: dict[str, Any], states: dict[str, State]) -> Standing:
    return Standing(**(facts | {"best": tuple(facts["best"])} | states))


def _checksum(tensors: State, facts: str) -> str:
    total = zlib.crc32(facts.encode())
    for name in sorted(tensors):
        data = tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data
        total = zlib.crc32(data, zlib.crc32(name.encode(), total))
    return f"{total:08x}"
