from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.errors import DataError, RunError, SpecError
from leukolab.base.files import read_json, read_table, write_json, write_table
from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.engine import cached
from leukolab.report.hypotheses import in_words
from leukolab.report.texts import load_texts
from leukolab.results import seals
from leukolab.results.folder import RunFolder
from leukolab.spec import RuntimeSpec, load_study
from leukolab.study.estimate import plan_study
from leukolab.study.finish import finish, report_run
from leukolab.study.prepare import prepare
from leukolab.study.run import run_study, session_of

Snapshot = Callable[[Path], dict[str, str]]
Learned = Callable[[Path], pd.DataFrame]
TABLES = ("predictions.parquet", "scores.parquet", "history.parquet")


def folders(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "jobs").iterdir())


def test_a_run_leaves_everything_it_promises(wen_run: Any) -> None:
    run = wen_run.folder
    assert wen_run.report == run / "report" / "report.html"
    jobs = pd.read_parquet(run / "jobs.parquet")
    assert len(jobs) == 2 * 2 * 2
    assert folders(run) == sorted(jobs["key"])
    for key in jobs["key"]:
        names = {path.name for path in (run / "jobs" / key).iterdir()}
        assert names == {"history.parquet", "predictions.parquet", "model.safetensors", "result.json"}
    members = [one for one in RunFolder(run).member_list().values() if one.kind == "ensemble"]
    assert {name: sum(one.protocol == name for one in members) for name in ("published", "corrected")} == {
        "published": 9 + 3 + 1,
        "corrected": 9 + 3 + 1,
    }
    hypotheses = pd.read_parquet(run / "hypotheses.parquet")
    assert {text[:2] for text in hypotheses["hypothesis"]} == {"H1", "H2", "H3", "H4"}
    kept = load_study(str(run / "study.yaml"))
    assert kept.data.positive_names == RunFolder(run).card.positive
    asked = kept.model_copy(update={"data": kept.data.model_copy(update={"positive": None})})
    assert asked == wen_run.spec


def test_labels_beside_predictions_are_those_of_the_images(wen_run: Any) -> None:
    folder = RunFolder(wen_run.folder)
    labels = folder.index.set_index("image_id")["label"]
    predictions = folder.predictions
    assert (labels[predictions["image_id"]].to_numpy() == predictions["label"].to_numpy()).all()


@pytest.mark.usefixtures("quick_report")
@pytest.mark.parametrize("tuning", [True, False])
def test_the_best_ensemble_is_never_chosen_on_the_test_part(tuning: bool, small_run: Any, tmp_path: Path) -> None:
    run, part = tmp_path / "run", "tuning" if tuning else "validation"
    shutil.copytree(small_run.folder, run)
    for path in [] if tuning else [run / "predictions.parquet", run / "split" / "corrected" / "split.parquet"]:
        table = read_table(path)
        write_table(path, table[table["role"] != "tuning"].reset_index(drop=True))
    spec = read_json(run / "spec.json")
    spec["protocols"]["corrected"] |= {"champion_on": "validation", "weights_on": "validation"}
    write_json(run / "spec.json", spec)
    finish(RunFolder(run), None)
    table = read_table(run / "hypotheses.parquet").set_index("hypothesis")
    assert set(table["picked_on"]) == {part}
    said = in_words(table.reset_index(), load_texts()).set_index("hypothesis")["sentence"]
    assert said["H2"].endswith(f" The ensemble was chosen on the {part} part.")
    assert not said.drop(index="H2").str.contains("was chosen").any()


def test_the_page_of_a_run_holds_its_scores(subtypes_run: Any) -> None:
    page = subtypes_run.report.read_text(encoding="utf-8")
    scores = pd.read_parquet(subtypes_run.folder / "scores.parquet")
    summaries = [one.member for one in RunFolder(subtypes_run.folder).member_list().values() if one.kind == "summary"]
    summary = scores[scores["member"].isin(summaries) & (scores["metric"] == "accuracy") & (scores["unit"] == "image")]
    assert len(summary) >= 4
    missing = [row.member for row in summary.itertuples() if f"{row.value:.3f}" not in page]
    assert not missing


def test_no_name_of_a_folder_outside_stands_in_the_tables(wen_run: Any) -> None:
    for path in [*wen_run.folder.glob("*.json"), *wen_run.folder.glob("*.parquet")]:
        if path.name != "environment.json":
            assert str(wen_run.data).encode() not in path.read_bytes(), path.name


@pytest.mark.usefixtures("quick_report")
@pytest.mark.parametrize("name", ["wen_run", "subtypes_run"])
def test_the_same_seed_gives_the_same_bytes(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, trainings: list[str]
) -> None:
    """In another folder, from another home, after other work."""
    first = request.getfixturevalue(name)
    trainings.clear()
    run_study(first.spec, first.data, tmp_path / "again", Home(tmp_path / "home"))
    assert len(trainings) == len(folders(first.folder))
    for table in TABLES[:2]:
        assert (tmp_path / "again" / table).read_bytes() == (first.folder / table).read_bytes(), table
    assert folders(tmp_path / "again") == folders(first.folder)


@pytest.mark.usefixtures("predictions_only")
def test_a_lost_job_alone_is_trained_again(
    wen_run: Any, home: Home, tmp_path: Path, trainings: list[str], snapshot: Snapshot, learned: Learned
) -> None:
    run = tmp_path / "moved"
    shutil.copytree(wen_run.folder, run)
    lost = pd.read_parquet(run / "jobs.parquet").iloc[3]
    shutil.rmtree(run / "jobs" / lost["key"])
    run_study(wen_run.spec, wen_run.data, run, home)
    assert trainings == [lost["job"]]
    assert learned(run).equals(learned(wen_run.folder))
    name = f"jobs/{lost['key']}/model.safetensors"
    assert snapshot(run)[name] == snapshot(wen_run.folder)[name]


@pytest.mark.usefixtures("predictions_only")
def test_a_stopped_run_leaves_whole_jobs_only_and_goes_on(
    wen_run: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learned: Learned
) -> None:
    real, done = cached.train, []

    def stopping(network: Any, training: Any, *given: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(training.name)
        return real(network, training, *given)

    with monkeypatch.context() as patch:
        patch.setattr(cached, "train", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_study(wen_run.spec, wen_run.data, tmp_path / "run", home)
    assert len(folders(tmp_path / "run")) == 2
    assert set(folders(tmp_path / "run")) < set(folders(wen_run.folder))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(seals, "write_json", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_study(wen_run.spec, wen_run.data, tmp_path / "run", home)
    assert len(folders(tmp_path / "run")) == 2
    run_study(wen_run.spec, wen_run.data, tmp_path / "run", home)
    assert learned(tmp_path / "run").equals(learned(wen_run.folder))


def test_what_computes_is_measured_once_and_obeyed_afterwards(wen_run: Any, home: Home, said: list[str]) -> None:
    open_runtime = RuntimeSpec(device="cpu", precision="float32")
    asked = wen_run.spec.model_copy(update={"runtime": open_runtime})
    material = prepare(asked, wen_run.data, home)
    session, jobs = session_of(material, asked, RunFolder(wen_run.folder), home)
    assert session.spec.runtime == wen_run.spec.runtime
    assert not any("frozen part" in line for line in said)
    assert sorted(job.key for job in jobs) == folders(wen_run.folder)


def test_a_folder_of_another_study_is_refused_and_kept(
    wen_run: Any, four_class: Path, home: Home, snapshot: Snapshot
) -> None:
    before = snapshot(wen_run.folder)
    other = load_study("demo_subtypes", ["model.weights=none"])
    with pytest.raises(RunError, match=r"with study 'demo', not 'demo_subtypes'\. Choose another run folder"):
        run_study(other, four_class, wen_run.folder, home)
    assert snapshot(wen_run.folder) == before


def test_a_folder_begun_on_other_images_is_refused_and_kept(
    wen_run: Any, home: Home, tmp_path: Path, snapshot: Snapshot
) -> None:
    before = snapshot(wen_run.folder)
    other = draw_data_set(tmp_path / "other", "two_class", 20, 3, 48, 8)
    with pytest.raises(RunError, match="begun on other images"):
        run_study(wen_run.spec, other, wen_run.folder, home)
    assert snapshot(wen_run.folder) == before


def test_a_folder_with_other_files_is_refused_and_kept(wen_run: Any, home: Home, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(RunError, match="found other files"):
        run_study(wen_run.spec, wen_run.data, tmp_path, home)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


def test_a_folder_in_which_nothing_was_done_is_as_good_as_empty(wen_run: Any, home: Home, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        run_study(wen_run.spec, tmp_path / "mistyped", tmp_path / "run", home)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    assert plan_study(wen_run.spec, wen_run.data, tmp_path / "run", home).left == 8


def test_an_outer_part_that_is_not_there_is_refused(wen_run: Any, home: Home, tmp_path: Path) -> None:
    spec = wen_run.spec.model_copy(update={"outer_parts": (4,)})
    with pytest.raises(SpecError, match="has parts 1 to"):
        run_study(spec, wen_run.data, tmp_path / "run", home)


def test_a_dry_run_touches_nothing(wen_run: Any, home: Home, tmp_path: Path, snapshot: Snapshot) -> None:
    data, done = snapshot(wen_run.data), snapshot(wen_run.folder)
    fresh = plan_study(wen_run.spec, wen_run.data, tmp_path / "run", home)
    augment = wen_run.spec.training.augment.model_copy(update={"bank": "model"})
    training = wen_run.spec.training.model_copy(update={"augment": augment})
    each = plan_study(wen_run.spec.model_copy(update={"training": training}), wen_run.data, tmp_path / "run", home)
    assert each.disk_gib > fresh.disk_gib, "a bank a model takes more room than one for all"
    assert not (tmp_path / "run").exists()
    assert (fresh.models, fresh.left) == (8, 8)
    assert fresh.hours > 0
    assert fresh.disk_gib > 0
    finished = plan_study(wen_run.spec, wen_run.data, wen_run.folder, home)
    assert (finished.models, finished.left, finished.heads) == (8, 0, 0)
    assert snapshot(wen_run.data) == data
    assert snapshot(wen_run.folder) == done


@pytest.mark.usefixtures("quick_report")
def test_a_run_moved_elsewhere_is_scored_again_from_itself_alone(wen_run: Any, tmp_path: Path) -> None:
    run = tmp_path / "another place"
    shutil.copytree(wen_run.folder, run)
    for name in ("scores.parquet", "members.parquet", "chosen.json", "answers.json"):
        (run / name).unlink()
    shutil.rmtree(run / "report")
    assert finish(RunFolder(run), None) == run / "report" / "report.html"
    assert (run / "thumbnails.npz").exists()
    for name in ("predictions.parquet", "scores.parquet", "members.parquet", "chosen.json", "answers.json"):
        assert (run / name).read_bytes() == (wen_run.folder / name).read_bytes(), name
    assert "another place" not in (run / "chosen.json").read_text()


@pytest.mark.parametrize(("name", "whole_page"), [("wen_run", False), ("subtypes_run", True)])
def test_a_report_written_twice_is_the_same_to_the_byte(
    name: str, whole_page: bool, request: pytest.FixtureRequest, tmp_path: Path, snapshot: Snapshot
) -> None:
    """And every table with it: what was mixed for the first is not mixed again beside it."""
    run = Path(shutil.copytree(request.getfixturevalue(name).folder, tmp_path / "run"))
    if not whole_page:
        request.getfixturevalue("quick_report")
    report_run(run, None)
    first = snapshot(run)
    assert report_run(run, None) == run / "report" / "report.html"
    second = snapshot(run)
    assert {path for path in first | second if first.get(path) != second.get(path)} == {"ledger.jsonl"}
    tables = [path for path in first if path.endswith((".parquet", "chosen.json", "answers.json"))]
    before = snapshot(request.getfixturevalue(name).folder)
    assert {path: first[path] for path in tables} == {path: before[path] for path in tables}


def test_a_run_without_its_predictions_says_so(wen_run: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"found none\. Is this the folder of a run"):
        finish(RunFolder(tmp_path), None)
    run = tmp_path / "run"
    shutil.copytree(wen_run.folder, run)
    (run / "predictions.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(RunError, match="damaged"):
        finish(RunFolder(run), None)


@pytest.mark.usefixtures("quick_report")
def test_a_run_that_is_being_extended_still_offers_its_model_and_no_old_scores(
    part_runs: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(part_runs.first, run)
    before = RunFolder(run).offered()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cached, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_study(load_study(str(run / "study.yaml"), ["outer_parts=[1, 2]"]), part_runs.data, run, home)
    folder = RunFolder(run)
    assert folder.offered() == before
    assert all(seals.sealed(folder.job(key)) for key in folder.keys_of(before))
    assert not folder.has(RunFolder.scores)
    assert not folder.has(RunFolder.predictions)
