"""Outer parts run one by one, merged: the same as one run of them all, to the byte."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table, write_json, write_table
from leukolab.base.home import Home
from leukolab.cli import main
from leukolab.plan import hold, read_events
from leukolab.results.folder import RunFolder
from leukolab.results.seals import seal
from leukolab.spec import load_study
from leukolab.study.merge import merge_runs
from leukolab.study.predict import open_model, predict_images
from leukolab.study.run import run_study, train_study
from leukolab.study.status import read_progress
from leukolab.study.tracking.entries import entries, run_end

Snapshot = Callable[[Path], dict[str, str]]
Learned = Callable[[Path], pd.DataFrame]
RECORDS = ("chosen.json", "answers.json", "spec.json", "study.yaml")
SAME = ("jobs", "predictions", "rivals", "scores", "members", "hypotheses", "confusion", "class_report")


@pytest.fixture(scope="module")
def merged(part_runs: Any, home: Home, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts, the later ones named first, with their whole report; the parts themselves stay as they were."""
    out: Path = tmp_path_factory.mktemp("merged") / "run"
    runs = [str(part_runs.others), str(part_runs.first)]
    before = [snapshot(Path(run)) for run in runs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 50)
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(home), "study", "merge", *runs, "--out", str(out)])
    assert not ended.value.code
    assert [snapshot(Path(run)) for run in runs] == before
    return out


@pytest.fixture
def record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merged folder ends with its predictions."""
    monkeypatch.setattr("leukolab.study.merge.finish", lambda folder, *_: folder.page)


@pytest.fixture
def another(part_runs: Any, tmp_path: Path) -> Path:
    """A copy of the run of parts 2 and 3, to be spoilt; without a seal, as an earlier version left it."""
    run = Path(shutil.copytree(part_runs.others, tmp_path / "another"))
    RunFolder(run).drop(RunFolder.sealing)
    return run


def change(path: Path, **values: Any) -> None:
    write_json(path, read_json(path) | values)


def refused(runs: list[Path], out: Path) -> str:
    """The sentence; nothing is left behind."""
    with pytest.raises(RunError) as caught:
        merge_runs(runs, out, Home(out.parent))
    assert not out.exists()
    assert not list(out.parent.glob(".*"))
    return str(caught.value)


def test_parts_merged_are_one_run_of_all_parts(part_runs: Any, merged: Path) -> None:
    for name in SAME:
        assert (merged / f"{name}.parquet").read_bytes() == (part_runs.whole / f"{name}.parquet").read_bytes(), name
    for name in RECORDS:
        assert (merged / name).read_bytes() == (part_runs.whole / name).read_bytes(), name


@pytest.mark.usefixtures("quick_report")
def test_a_merged_run_is_merged_again(part_runs: Any, home: Home, tmp_path: Path) -> None:
    """Part 1 with part 2, then both with part 3: the same as all of them at once."""
    for outer in (2, 3):
        spec = load_study(str(part_runs.first / "study.yaml"), [f"outer_parts=[{outer}]"])
        run_study(spec, part_runs.data, tmp_path / str(outer), home)
    merge_runs([part_runs.first, tmp_path / "2"], tmp_path / "two", home)
    assert set(RunFolder(tmp_path / "two").jobs["outer"]) == {1, 2}
    for number, runs in enumerate(([tmp_path / "3", tmp_path / "two"], [tmp_path / "two", part_runs.others])):
        merge_runs(runs, tmp_path / f"all {number}", home)
        for name in (*(f"{table}.parquet" for table in SAME), *RECORDS):
            found, expected = (folder / name for folder in (tmp_path / f"all {number}", part_runs.whole))
            assert found.read_bytes() == expected.read_bytes(), name


def test_a_run_that_goes_on_with_more_parts_trains_these_alone(part_runs: Any) -> None:
    """`outer_parts=[1]`, then `[1, 2, 3]` in the same folder."""
    events = read_events(part_runs.whole)
    opened = [place for place, event in enumerate(events) if event.event == "opened"]
    trained = [event.name for event in events[opened[1] :] if (event.event, event.kind) == ("finished", "train")]
    jobs = RunFolder(part_runs.whole).jobs
    assert sorted(trained) == sorted(jobs.loc[jobs["outer"] > 1, "job"])
    assert len(trained) == 2 * 2 * 2
    first, whole = (set(RunFolder(run).jobs["key"]) for run in (part_runs.first, part_runs.whole))
    assert first < whole


@pytest.mark.usefixtures("record_only")
def test_a_part_may_come_twice_where_it_is_the_same(
    part_runs: Any, home: Home, tmp_path: Path, learned: Learned
) -> None:
    merge_runs([part_runs.first, part_runs.whole, part_runs.others, part_runs.first], tmp_path / "out", home)
    assert learned(tmp_path / "out").equals(learned(part_runs.whole))
    for name in ("jobs", "rivals"):
        expected = (part_runs.whole / f"{name}.parquet").read_bytes()
        assert (tmp_path / "out" / f"{name}.parquet").read_bytes() == expected, name


def test_every_test_image_is_there_once(merged: Path) -> None:
    folder = RunFolder(merged)
    predictions, members = folder.predictions, folder.member_list().values()
    (colour,) = [one for one in members if (one.kind, one.method) == ("pooled", "colour")]
    tested = predictions[predictions["member"].isin(colour.sources) & (predictions["role"] == "test")]["image_id"]
    assert sorted(tested) == sorted(folder.index["image_id"])
    assert folder.split("corrected").tests_once


def test_the_page_shows_all_parts_together(merged: Path) -> None:
    page = (merged / "report" / "report.html").read_text(encoding="utf-8")
    for item in ("figure-pooled", "table-pooled-scores", "figure-hypotheses", "table-hypotheses"):
        assert f'id="{item}"' in page
    assert "Balanced accuracy by subject over 3 outer parts together" in page
    scores = RunFolder(merged).scores
    pooled = [one.member for one in RunFolder(merged).member_list().values() if one.kind == "pooled"]
    scores = scores[scores["member"].isin(pooled) & (scores["metric"] == "balanced_accuracy")]
    table = page[page.index('id="table-pooled-scores"') :]
    table = table[: table.index("</table>")]
    assert [f"{value:.3f}" for value in scores["value"] if f">{value:.3f}<" not in table] == []
    assert "Chosen in each part" in table
    shown = pd.read_csv(merged / "report" / "tables" / "pooled_scores.csv")
    np.testing.assert_allclose(sorted(shown["value"]), sorted(scores["value"]))
    assert set(shown["parts"]) == {3}


def test_a_merged_run_can_be_used_like_any_other(part_runs: Any, merged: Path, home: Home) -> None:
    images = sorted(part_runs.data.rglob("*.png"))[:2] or sorted(part_runs.data.rglob("*.bmp"))[:2]
    table, unreadable = predict_images(open_model(merged), images)
    expected, _ = predict_images(open_model(part_runs.first), images)
    assert not unreadable
    pd.testing.assert_frame_equal(table, expected)
    told = {entry.key: entry for entry in entries(merged)}
    assert len([key for key in told if key.startswith("train-")]) == 3 * 2 * 2
    pooled = RunFolder(merged).chosen.pooled
    assert pooled is not None
    assert told[pooled.member].metrics["test/image/balanced_accuracy"] > 0


def test_a_merged_run_goes_on_without_training(
    part_runs: Any, merged: Path, home: Home, tmp_path: Path, learned: Learned
) -> None:
    run = Path(shutil.copytree(merged, tmp_path / "run"))
    before = len(read_events(run))
    train_study(RunFolder(run).spec, part_runs.data, run, home)
    assert not [event for event in read_events(run)[before:] if event.event == "started"]
    for name in ("jobs", "rivals"):
        assert (run / f"{name}.parquet").read_bytes() == (merged / f"{name}.parquet").read_bytes(), name
    assert RunFolder(run).predictions.equals(learned(merged))


def test_a_merged_run_tells_that_its_jobs_are_done(merged: Path, home: Home) -> None:
    progress = read_progress(merged, home)
    assert (progress.state, progress.reported) == ("finished", True)
    assert progress.plan is not None
    assert {row.state for row in progress.plan.rows} == {"done"}
    models = [row for row in progress.plan.rows if row.kind == "train"]
    assert len(models) == 3 * 2 * 2
    assert all(row.seconds is not None for row in models)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", 8, r"expected the setting 'seed' of .*first, 7, found 8\. Only the outer parts may differ"),
        ("bootstrap", 200, "expected the setting 'bootstrap'"),
        ("runtime", {"device": "cpu", "trunk": "openvino"}, "expected the setting 'runtime.precision'"),
        ("ensembles", {"schemes": ["kappa"], "scenarios": ["inter_lr"]}, "expected the setting 'ensembles.schemes'"),
    ],
)
def test_another_setting_is_refused_by_name(
    name: str, value: Any, said: str, part_runs: Any, another: Path, tmp_path: Path
) -> None:
    change(another / "spec.json", **{name: value})
    sentence = refused([part_runs.first, another], tmp_path / "out")
    assert re.search(said, sentence), sentence
    assert f"({part_runs.first / 'study.yaml'}), with other outer_parts" in sentence


def test_other_images_weights_or_splits_are_refused(part_runs: Any, another: Path, tmp_path: Path) -> None:
    runs, out = [part_runs.first, another], tmp_path / "out"
    split = another / "split" / "corrected" / "split.parquet"
    table = read_table(split)
    write_table(split, table.iloc[::-1].reset_index(drop=True))
    assert "expected the corrected split of" in refused(runs, out)
    write_table(split, table)
    weights = read_json(another / "architecture.json")["weights"]
    change(another / "architecture.json", weights=weights | {"digest": "0" * 64})
    assert "expected the weights of the backbone of" in refused(runs, out)
    change(another / "data.json", fingerprint="0" * 64)
    assert "expected the images (fingerprint of the data) of" in refused(runs, out)


@pytest.mark.parametrize("record", ["architecture.json", "environment.json"])
def test_a_part_without_a_record_is_refused(record: str, part_runs: Any, another: Path, tmp_path: Path) -> None:
    (another / record).unlink()
    sentence = refused([part_runs.first, another], tmp_path / "out")
    assert f"{another / record}: expected a file here, found none" in sentence


@pytest.mark.usefixtures("record_only")
def test_what_not_every_run_has_may_be_missing(part_runs: Any, another: Path, home: Home, tmp_path: Path) -> None:
    (another / RunFolder.composition.file).unlink()
    merge_runs([another, part_runs.first], tmp_path / "out", home)
    assert RunFolder(tmp_path / "out").composition.empty
    ends = [run_end(RunFolder(run)) for run in (another, part_runs.first)]
    assert run_end(RunFolder(tmp_path / "out")) == max(ends)


def test_a_part_that_comes_twice_must_be_the_same(part_runs: Any, another: Path, tmp_path: Path) -> None:
    model = another / "jobs" / read_table(another / "jobs.parquet")["key"].iloc[0] / "predictions.parquet"
    predictions = read_table(model)
    predictions.loc[0, ["p_0", "p_1"]] = [0.25, 0.75]
    write_table(model, predictions)
    facts = read_json(model.parent / "result.json")
    (model.parent / "result.json").unlink()
    seal(model.parent, {name: value for name, value in facts.items() if name != "files"})
    sentence = refused([part_runs.first, part_runs.others, another], tmp_path / "out")
    assert f"{another}: expected outer part 2 (corrected) as it is in {part_runs.others}" in sentence


def test_an_unfinished_run_is_refused(part_runs: Any, another: Path, tmp_path: Path) -> None:
    job = read_table(another / "jobs.parquet").iloc[1]
    (another / "jobs" / job["key"] / "result.json").unlink()
    assert f"expected the finished model '{job['job']}'" in refused([part_runs.first, another], tmp_path / "out")
    write_table(another / "jobs.parquet", read_table(another / "jobs.parquet").drop(index=1))
    rivals = read_json(another / "rivals.json")["members"]
    change(another / "rivals.json", members=[rival for rival in rivals if rival["outer"] != 3])
    assert "expected the simple rivals of outer part 3" in refused([part_runs.first, another], tmp_path / "out")
    (another / "chosen.json").unlink()
    assert "expected a finished run, found no chosen.json" in refused([part_runs.first, another], tmp_path / "out")


def test_a_run_in_use_or_with_a_damaged_model_is_refused(part_runs: Any, another: Path, tmp_path: Path) -> None:
    with hold(another):
        assert "found that a process works in it" in refused([part_runs.first, another], tmp_path / "out")
    job = read_table(another / "jobs.parquet").iloc[1]
    with (another / "jobs" / job["key"] / "model.safetensors").open("r+b") as stream:
        stream.truncate(100)
    text = refused([part_runs.first, another], tmp_path / "out")
    assert f"'{job['job']}', found none or a damaged one" in text


@pytest.mark.skipif(os.name == "nt", reason="pipes with names as POSIX has them")
def test_what_no_run_writes_is_not_taken_over(part_runs: Any, another: Path, tmp_path: Path) -> None:
    folder = next(path for path in sorted((another / "heads").iterdir()) if path.is_dir())
    os.mkfifo(folder / "pipe")
    assert "expected a file that a run wrote, found none" in refused([part_runs.first, another], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_rivals_are_refused(part_runs: Any, another: Path, tmp_path: Path) -> None:
    rivals = read_table(another / "rivals.parquet")
    write_table(another / "rivals.parquet", rivals.assign(p_0=0.5, p_1=0.5))
    assert "expected the simple rivals as the run wrote them" in refused([part_runs.first, another], tmp_path / "out")


def test_one_run_or_a_folder_in_use_is_refused(part_runs: Any, tmp_path: Path) -> None:
    assert "expected at least two run folders, got 1" in refused([part_runs.first], tmp_path / "out")
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(RunError, match=r"found files\. Choose another run folder"):
        merge_runs([part_runs.first, part_runs.others], tmp_path, Home(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]
