"""A finished run, whole and proved, as `study merge` and comparisons take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.keys import file_digest
from leukolab.plan import held
from leukolab.results.folder import RunFolder
from leukolab.results.records import RivalsRecord
from leukolab.results.seals import check_whole, sealed
from leukolab.spec import StudySpec
from leukolab.splits import Split


@dataclass(frozen=True)
class FinishedRun:
    """What a finished run holds, before any score."""

    folder: RunFolder
    spec: StudySpec
    splits: dict[str, Split]
    jobs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    """Of models and rivals."""
    rivals: RivalsRecord
    whole: bool
    """Whether it has a seal, which was proved."""

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def outers(self, protocol: str) -> set[int]:
        """The outer parts it ran."""
        return set(self.jobs.loc[self.jobs["protocol"] == protocol, "outer"].astype(int))

    def of_outer(self, protocol: str, outer: int) -> pd.DataFrame:
        """Its predictions of one outer part, ordered so that two runs can be compared."""
        jobs = self.jobs[(self.jobs["protocol"] == protocol) & (self.jobs["outer"] == outer)]["job"]
        rivals = [one.member for one in self.rivals.members if (one.protocol, one.outer) == (protocol, outer)]
        mine = self.predictions[self.predictions["member"].isin([*jobs, *rivals])]
        return mine.sort_values(["member", "role", "image_id"], ignore_index=True)


def read_finished(run: Path) -> FinishedRun:
    """A run whose every model and rival is there.

    Raises:
        RunError: it is not finished, damaged, or in use.
    """
    folder = RunFolder(run)
    if held(run):
        raise RunError(f"{run}: expected a finished run, found that a process works in it. Wait until it is done.")
    if not folder.has(RunFolder.chosen):
        raise RunError(
            f"{run}: expected a finished run, found no {RunFolder.chosen.file}. Finish it with 'study run' first."
        )
    spec, jobs = folder.spec, folder.jobs
    for job, key in zip(jobs["job"], jobs["key"], strict=True):
        if not sealed(folder.job(key)):
            raise RunError(
                f"{run}: expected the finished model '{job}', found none or a damaged one. "
                "Run the study there again first: it trains what is missing."
            )
    rivals = _proved_rivals(folder, jobs)
    whole = check_whole(folder)
    predictions = [folder.job_predictions(key) for key in jobs["key"]]
    return FinishedRun(
        folder=folder,
        spec=spec,
        splits=folder.splits(),
        jobs=jobs,
        history=folder.histories(jobs["key"]),
        predictions=pd.concat([*predictions, folder.rivals], ignore_index=True),
        rivals=rivals,
        whole=whole,
    )


def _proved_rivals(folder: RunFolder, jobs: pd.DataFrame) -> RivalsRecord:
    """The simple rivals of every outer part, in the file as the run wrote it.

    Raises:
        RunError: those of a part are missing, or the file is another.
    """
    record, path = folder.rivals_record, folder.file(RunFolder.rivals)
    there = {(rival.protocol, rival.outer) for rival in record.members}
    for protocol, outer in jobs[["protocol", "outer"]].drop_duplicates().itertuples(index=False):
        if (protocol, outer) not in there:
            raise RunError(
                f"{folder.path}: expected the simple rivals of outer part {outer} ({protocol}), found none. "
                "Run the study there again first."
            )
    if not path.exists() or record.file != file_digest(path):
        raise RunError(
            f"{path}: expected the simple rivals as the run wrote them, found a changed or damaged "
            "file. Run the study there again first."
        )
    return record
