"""The offered model is sealed whole: whatever a call or a score depends on is as the run wrote it, or is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table, write_json, write_table
from leukolab.base.home import Home
from leukolab.results.compare import contender_of
from leukolab.results.folder import RunFolder
from leukolab.results.seals import drop_damaged, seal, sealed
from leukolab.study.finish import report_run
from leukolab.study.finished import read_finished
from leukolab.study.predict import open_model
from small_runs import SmallRun


@pytest.fixture
def trained(small_run: Any, tmp_path: Path) -> RunFolder:
    """A copy of a trained run, to be spoilt."""
    return RunFolder(Path(shutil.copytree(small_run.folder, tmp_path / "trained")))


@pytest.fixture
def scored(mixing_run: SmallRun, tmp_path: Path) -> RunFolder:
    """A copy of a run with drawn predictions, to be spoilt."""
    return RunFolder(Path(shutil.copytree(mixing_run.folder.path, tmp_path / "scored")))


def change(path: Path, **values: Any) -> None:
    write_json(path, read_json(path) | values)


def reversed_names(run: RunFolder) -> Path:
    path = run.file(RunFolder.card)
    change(path, class_names=list(reversed(run.class_names)))
    return path


def another_mean(run: RunFolder) -> Path:
    path = run.file(RunFolder.architecture)
    change(path, weights=run.architecture.weights | {"mean": [0.1, 0.1, 0.1]})
    return path


def another_size(run: RunFolder) -> Path:
    path = run.file(RunFolder.SETTINGS)
    found = read_json(path)
    write_json(path, found | {"image": found["image"] | {"crop_px": 20}})
    return path


def another_trunk(run: RunFolder) -> Path:
    path = run.file(RunFolder.TRUNK)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    return path


def another_choice(run: RunFolder) -> Path:
    path = run.file(RunFolder.chosen)
    change(path, member=str(run.jobs["job"].iloc[-1]))
    return path


def other_weights(run: RunFolder) -> Path:
    path = run.file(RunFolder.members)
    table = run.members
    write_table(path, table.assign(chosen=list(reversed(table["chosen"].tolist()))))
    return path


def exchanged_models(run: RunFolder) -> Path:
    path = run.file(RunFolder.jobs)
    table = run.jobs
    write_table(path, table.assign(key=list(reversed(table["key"].tolist()))))
    return path


def resealed_model(run: RunFolder) -> Path:
    folder = run.job(run.keys_of(run.offered())[0])
    seal_path = folder / RunFolder.SEAL
    facts = read_json(seal_path)
    seal_path.unlink()
    (folder / RunFolder.JOB_MODEL).write_bytes(b"other weights")
    seal(folder, {name: value for name, value in facts.items() if name != "files"})
    assert sealed(folder)
    return seal_path


SPOILT = (
    reversed_names, another_mean, another_size, another_trunk, another_choice, other_weights, exchanged_models,
    resealed_model,
)  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_model_of_which_any_part_was_changed_is_refused_by_the_name_of_the_part(
    spoil: Callable[[RunFolder], Path], trained: RunFolder
) -> None:
    path = spoil(trained)
    with pytest.raises(RunError) as caught:
        open_model(trained.path)
    assert str(path) in str(caught.value)
    assert "changed since" in str(caught.value)


def test_running_the_study_again_makes_what_was_changed_anew(trained: RunFolder, small_run: Any, home: Home) -> None:
    from leukolab.study.run import run_study

    names = trained.class_names
    reversed_names(trained)
    another_trunk(trained)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", lambda run, *_, **__: run.page)
        run_study(small_run.spec, small_run.data, trained.path, home)
    assert open_model(trained.path).class_names == names


def test_a_run_without_a_seal_predicts_nothing_and_says_how_it_is_sealed(trained: RunFolder) -> None:
    trained.drop(RunFolder.sealing)
    with pytest.raises(RunError, match=r"of an earlier version\. Run the same 'study run' command again"):
        open_model(trained.path)


@pytest.mark.usefixtures("quick_report")
def test_a_run_without_a_seal_is_still_reported_and_compared_with_a_warning(
    scored: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    scored.drop(RunFolder.sealing)
    report_run(scored.path, None)
    contender_of(scored, "old")
    assert [one.getMessage().count("has no seal") for one in caplog.records if one.levelname == "WARNING"] == [1, 1]
    assert not scored.has(RunFolder.sealing)


@pytest.mark.parametrize("empty", [{}, {"files": {}}, {"files": []}, [], {"files": {"history.parquet": ""}}])
def test_a_seal_that_names_no_files_seals_nothing(empty: Any, trained: RunFolder) -> None:
    folder = trained.job(trained.jobs["key"].iloc[0])
    assert sealed(folder)
    write_json(folder / RunFolder.SEAL, empty)
    assert not sealed(folder)
    drop_damaged(trained)
    assert not folder.exists()


def test_the_folder_of_another_model_under_a_models_key_is_not_sealed(trained: RunFolder) -> None:
    first, second = (trained.job(key) for key in trained.jobs["key"].iloc[:2])
    shutil.rmtree(first)
    shutil.copytree(second, first)
    assert sealed(second)
    assert not sealed(first)


def better(table: pd.DataFrame) -> pd.DataFrame:
    """Predictions that are right wherever they were wrong."""
    own = (table["label"] == 1).astype("float32")
    return table.assign(p_0=1 - own, p_1=own)


def flattered(run: RunFolder) -> Path:
    path = run.file(RunFolder.predictions)
    write_table(path, better(run.predictions))
    return path


def regrouped(run: RunFolder) -> Path:
    path = run.file(RunFolder.groups)
    write_table(path, run.groups.assign(group=run.groups["image_id"]))
    return path


def resplit(run: RunFolder) -> Path:
    path = run.path / RunFolder.SPLIT / run.protocols[0] / "split.parquet"
    table = read_table(path)
    write_table(path, table.assign(copies=table["copies"] + 1))
    return path


EDITED = (flattered, regrouped, resplit, reversed_names)


@pytest.mark.parametrize("spoil", EDITED, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize(
    "read", [lambda run: report_run(run.path, None), lambda run: contender_of(run, "edited")], ids=["report", "compare"]
)
def test_nothing_is_scored_that_was_edited(
    read: Callable[[RunFolder], object], spoil: Callable[[RunFolder], Path], scored: RunFolder
) -> None:
    path = spoil(scored)
    with pytest.raises(RunError) as caught:
        read(scored)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("spoil", [regrouped, another_trunk, reversed_names], ids=lambda spoil: spoil.__name__)
def test_nothing_is_merged_that_was_edited(spoil: Callable[[RunFolder], Path], trained: RunFolder) -> None:
    path = spoil(trained)
    with pytest.raises(RunError) as caught:
        read_finished(trained.path)
    assert str(path) in str(caught.value)


@pytest.mark.usefixtures("quick_report")
def test_edited_scores_are_told_and_written_anew_by_a_report_and_refused_elsewhere(
    scored: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    whole = scored.file(RunFolder.scores).read_bytes()
    write_table(scored.file(RunFolder.scores), scored.scores.assign(value=1.0))
    with pytest.raises(RunError, match=r"scores\.parquet .the scores.*'study report'"):
        contender_of(scored, "edited")
    report_run(scored.path, None)
    assert any("scores.parquet: lost, damaged or changed" in one.getMessage() for one in caplog.records)
    assert scored.file(RunFolder.scores).read_bytes() == whole
    contender_of(scored, "as it was")
