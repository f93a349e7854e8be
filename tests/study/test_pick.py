"""Of a table that holds the predictions of several models or parts, one is scored, and it is told which."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError, RunError
from leukolab.base.files import write_table
from leukolab.results.folder import RunFolder
from leukolab.study.compare_files import compare_files
from leukolab.study.evaluation import Evaluation, evaluate_file
from leukolab.study.pick import Pick
from small_runs import SmallRun

COLUMNS = ["metric", "unit", "value"]


def scored(
    path: Path, member: str | None = None, role: str | None = None, positive: tuple[str, ...] = ()
) -> Evaluation:
    return evaluate_file(path, bootstrap=100, pick=Pick(member, role), positive=positive)


def of_run(run: RunFolder, member: str, role: str) -> pd.DataFrame:
    """What the run itself says of a member."""
    table = run.scores
    return table[(table["member"] == member) & (table["role"] == role)][COLUMNS].reset_index(drop=True)


def test_of_a_run_the_offered_model_is_scored_on_its_test_images(mixing_run: SmallRun) -> None:
    run = mixing_run.folder
    found = scored(run.file(RunFolder.predictions))
    member = run.offered().member
    (said,) = [one for one in found.findings if one.code == "read.picked"]
    assert said.values == {"member": member, "role": "test"}
    assert found.classes is not None
    assert found.classes.names == run.class_names
    values = of_run(run, member, "test")
    pd.testing.assert_frame_equal(found.scores[COLUMNS], values[COLUMNS])
    assert found.scores["low"].notna().any()


def a_model(run: RunFolder, protocol: str) -> str:
    return next(name for name, one in run.member_list().items() if (one.kind, one.protocol) == ("model", protocol))


@pytest.mark.parametrize("role", ["tuning", "test"])
def test_any_member_of_a_run_on_any_part(mixing_run: SmallRun, role: str) -> None:
    run = mixing_run.folder
    member = a_model(run, "corrected")
    found = scored(run.file(RunFolder.predictions), member, role)
    pd.testing.assert_frame_equal(found.scores[COLUMNS], of_run(run, member, role)[COLUMNS])


def test_a_split_with_persons_on_two_sides_has_no_interval_here_either(mixing_run: SmallRun) -> None:
    run = mixing_run.folder
    found = scored(run.file(RunFolder.predictions), a_model(run, "published"))
    assert found.scores["low"].isna().all()
    assert "interval.two_sides" in found.scores["interval"].iloc[0]


def test_a_table_of_one_job_asks_for_the_part_alone(small_run: object) -> None:
    run = RunFolder(small_run.folder)  # type: ignore[attr-defined]
    path = run.job(str(run.jobs["key"].iloc[0])) / RunFolder.JOB_PREDICTIONS
    found = scored(path)
    (said,) = [one for one in found.findings if one.code == "read.picked"]
    assert said.values == {"member": str(run.jobs["job"].iloc[0]), "role": "test"}


def test_outside_of_a_run_nobody_knows_which_is_meant(mixing_run: SmallRun, tmp_path: Path) -> None:
    path = tmp_path / "copy.parquet"
    shutil.copy(mixing_run.folder.file(RunFolder.predictions), path)
    with pytest.raises(DataError, match=r"one member, found those of \d+ in the column 'member'.*Set member to one of"):
        scored(path)
    member = mixing_run.folder.offered().member
    with pytest.raises(DataError, match=r"one role, found those of 4 in the column 'role'"):
        scored(path, member)
    with pytest.raises(DataError, match="member: found no 'offered'"):
        scored(path, "offered")
    table = pd.read_parquet(path)
    mine = table[(table["member"] == member) & (table["role"] == "tuning")]
    assert scored(path, member, "tuning", ("1",)).confusion.iloc[:, 1:].to_numpy().sum() == len(mine)


def test_a_table_without_such_columns_has_nothing_to_pick(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("label,p_healthy,p_blast\nhealthy,0.9,0.1\nblast,0.2,0.8\n")
    with pytest.raises(DataError, match="role: expected a column 'role' to find 'test' in, found none"):
        scored(path, role="test")


def test_an_image_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id,label,p_healthy,p_blast\na,healthy,0.9,0.1\nb,blast,0.2,0.8\na,healthy,0.3,0.7\n")
    with pytest.raises(DataError, match="expected each image once, found 'a' again"):
        scored(path)


def test_an_edited_table_of_a_run_is_not_scored(mixing_run: SmallRun, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(mixing_run.folder.path, tmp_path / "run")))
    path = run.file(RunFolder.predictions)
    own = (run.predictions["label"] == 1).astype("float32")
    write_table(path, run.predictions.assign(p_0=1 - own, p_1=own))
    for read in (lambda: scored(path), lambda: compare_files([path, path])):
        with pytest.raises(RunError, match=r"predictions\.parquet .the predictions.: expected it as the run wrote it"):
            read()


def test_an_edited_table_of_a_job_is_not_scored(small_run: object, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(small_run.folder, tmp_path / "run")))  # type: ignore[attr-defined]
    path = run.job(str(run.jobs["key"].iloc[0])) / RunFolder.JOB_PREDICTIONS
    table = pd.read_parquet(path)
    write_table(path, table.assign(p_0=np.float32(0), p_1=np.float32(1)))
    with pytest.raises(RunError, match=r"jobs.* \(a trained model\): expected it as the run wrote it"):
        scored(path)


def test_of_several_outer_parts_both_readings_are_named(parts_run: object) -> None:
    run = RunFolder(parts_run.folder)  # type: ignore[attr-defined]
    path, member = run.file(RunFolder.predictions), run.offered().member
    with pytest.raises(DataError, match=r"found two: .*set member=.*every outer part pooled"):
        scored(path)
    assert scored(path, member).findings[0].values["member"] == member
