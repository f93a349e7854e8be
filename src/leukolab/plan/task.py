"""A task: what it is called, what it reads and writes, what must be done before; and the plan as a file.

Artefacts are named by where they lie: `run/jobs/KEY` in the run folder, `home/features/KEY` in the home folder; each is
a file or a folder, whole or absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, write_json
from leukolab.base.home import Home

PLAN_FILE = "plan.json"
"""The plan in the run folder."""

PLAN_VERSION = 1
"""Version of the plan's file; newer programs read older ones."""


@dataclass(frozen=True)
class Task:
    """One piece of work; all fields have a JSON form.

    `key` is unique in a plan. `after` are keys that must be done before (a key that is not in the plan counts as done).
    `needs` are artefacts read, `makes` artefacts written: the task is done when all of `makes` exist. `cpus` and `gpus`
    are what a cluster sets aside for it. `cost` is the expected duration beside other tasks of its kind.
    """

    key: str
    name: str
    kind: str
    payload: dict[str, Any]
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    cpus: int = 1
    gpus: float = 0.0
    cost: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """The task that `to_dict` gave; lists become tuples.

        Raises:
            TypeError: a field is unknown or missing.
        """
        lists = {name: tuple(values[name]) for name in ("after", "needs", "makes") if name in values}
        return cls(**{**values, **lists})


@dataclass(frozen=True)
class Place:
    """Where a task finds things: the run folder, the home folder, the folder of images (if it reads any)."""

    run: Path
    home: Home
    data: Path | None = None

    def find(self, artefact: str) -> Path:
        """Path of an artefact here.

        Raises:
            ValueError: it begins with neither `run/` nor `home/`, or leads out of that folder.
        """
        root, *rest = PurePosixPath(artefact).parts or ("",)
        if root not in ("run", "home") or not rest or ".." in rest:
            raise ValueError(f"artefact '{artefact}': expected 'run/...' or 'home/...'")
        return (self.run if root == "run" else self.home.path).joinpath(*rest)

    def has(self, artefacts: Iterable[str]) -> bool:
        """Whether all of the artefacts exist here."""
        return all(self.find(artefact).exists() for artefact in artefacts)

    def absolute(self) -> Place:
        """The same place by absolute paths, for processes that work elsewhere."""
        return Place(self.run.absolute(), self.home.absolute(), self.data and self.data.absolute())


def write_plan(run: Path, tasks: Sequence[Task]) -> None:
    """Write the plan into the run folder, whole or not at all.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    write_json(run / PLAN_FILE, {"version": PLAN_VERSION, "tasks": [task.to_dict() for task in tasks]})


def read_plan(run: Path) -> tuple[Task, ...]:
    """The plan of a run folder.

    Raises:
        RunError: there is none, it is damaged, or a newer program wrote it.
    """
    path = run / PLAN_FILE
    found = read_json(path)
    try:
        version, tasks = int(found["version"]), found["tasks"]
        if version > PLAN_VERSION:
            raise RunError(
                f"{path}: written by a newer Leukolab (plan {version}); this one reads up to {PLAN_VERSION}. "
                "Update Leukolab, or choose another run folder.",
                settings=("run folder",),
            )
        return tuple(Task.from_dict(task) for task in tasks)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: expected a plan, found something else ({error}). Was it edited?") from error
