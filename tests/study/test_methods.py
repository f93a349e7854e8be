"""Methods in a study: from images to scores and report, the same bytes twice, gone on with where it stopped."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import RunError, SpecError
from leukolab.base.files import read_json
from leukolab.base.home import Home
from leukolab.images.decode import decode
from leukolab.plan import read_events
from leukolab.plan.cluster import APART
from leukolab.report.page import write_report
from leukolab.results.folder import RunFolder
from leukolab.spec import CropSpec, StudySpec, load_study
from leukolab.study.estimate import plan_study
from leukolab.study.fits import crop_name
from leukolab.study.merge import merge_runs
from leukolab.study.predict import open_model, predict_images
from leukolab.study.predictors import predictors_of
from leukolab.study.run import run_study
from leukolab.study.thumbnails import Thumbnails
from leukolab.study.tracking.entries import entries

METHOD = """
name: mine
title: Two early layers, logistic regression
features:
  - backbone: tf_efficientnet_lite0
    weights: none
    layers: [blocks.1, blocks.2]
    over: cell
    crop: {edge_px: 48, about: cell, size_px: 48}
reduce: {standardise: true, clip: 6}
learner: {estimator: LogisticRegression, parameters: {C: 0.1}}
weigh: group
"""
SECOND = """
  - backbone: tf_efficientnet_lite0
    weights: none
    layers: [blocks.0]
    crop: {size_px: 48}
  - handcrafted: [size, colour, nucleus]
    crop: {edge_px: 48, about: cell, size_px: 48}
"""
SPLIT = "{kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TABLES = ("predictions", "scores", "members", "confusion")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> StudySpec:
    path = tmp_path_factory.mktemp("methods") / "mine.yaml"
    path.write_text(METHOD, encoding="utf-8")
    machine = path.with_name("machine.yaml")
    machine.write_text(
        METHOD.replace("name: mine", "name: machine")
        .replace("LogisticRegression", "SVC")
        .replace("features:\n", f"features:\n{SECOND}"),
        encoding="utf-8",
    )
    return load_study(
        "own",
        [
            f"methods=['{path}', '{machine}']", "data.card=phantom", "image.size_px=48", "model.weights=none",
            f"protocols.corrected.split={SPLIT}", "bootstrap=100", "outer_parts=[1, 2]", "runtime.trunk=torch",
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(spec: StudySpec, two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "first"
    run_study(spec, two_class, folder, home, "local")
    return RunFolder(folder)


def test_methods_are_models_like_any_other(finished: RunFolder) -> None:
    members = finished.members
    models = members[members["kind"] == "model"]
    assert sorted(set(models["reading"])) == ["machine", "mine"]
    assert models["learning_rate"].isna().all()
    assert finished.offered().reading in ("machine", "mine")
    scored = finished.scores
    own = scored[scored["member"].isin(models["member"]) & (scored["metric"] == "balanced_accuracy")]
    assert set(own["role"]) == {"validation", "tuning", "test"}
    page = finished.page.read_text(encoding="utf-8")
    assert "mine" in page
    paragraph = (finished.page.parent / "methods.md").read_text(encoding="utf-8")
    assert "each subject of a class weighed alike" in paragraph
    assert "It was trained with" not in paragraph


def test_the_report_shows_what_handcrafted_numbers_are_worth(finished: RunFolder, tmp_path: Path) -> None:
    table = pd.read_csv(finished.page.parent / "tables" / "importance_numbers.csv", keep_default_na=False)
    assert set(zip(table["method"], table["outer"], strict=True)) == {("machine", 1), ("machine", 2)}
    job = finished.jobs.set_index("job").loc["corrected/machine/outer2", "key"]
    assert table.loc[table["outer"] == 2, "increase"].tolist() == finished.job_importance(job)["increase"].tolist()
    mean = table[table["kind"] == "feature"].groupby("name")["increase"].mean().sort_values(ascending=False)
    other = write_report(finished, Thumbnails.open(finished, None).get, tmp_path / "id", "id")
    for page, words in ((finished.page, "subjects weighed alike"), (other, "setiap subjek berbobot sama")):
        section = page.read_text(encoding="utf-8").partition('id="importance"')[2].partition("</section>")[0]
        assert words in section
        assert all(f">{name}<" in section for name in mean.index[:15])
        assert f">{mean.index[15]}<" not in section


def test_no_method_learns_from_what_it_is_tested_on(finished: RunFolder) -> None:
    split = finished.split("corrected")
    table = finished.predictions
    for outer in (1, 2):
        learned = {name for fold in split.folds(outer) for role in ("train", "validation")
                   for name in split.part(outer, fold, role)["image_id"]}  # fmt: skip
        mine = table[table["member"] == f"corrected/mine/outer{outer}"]
        asked = set(mine.loc[mine["role"] != "validation", "image_id"])
        assert asked
        assert not learned & asked


def test_each_image_that_is_learned_from_is_predicted_once_by_folds_that_did_not_learn_from_it(
    finished: RunFolder,
) -> None:
    split = finished.split("corrected")
    table = finished.predictions
    mine = table[(table["member"] == "corrected/mine/outer1") & (table["role"] == "validation")]
    assert mine["image_id"].is_unique
    assert set(mine["image_id"]) == set(split.part(1, 0, "validation")["image_id"])


@pytest.mark.parametrize("method", ["mine", "machine"])
def test_every_method_predicts_what_was_scored_from_its_features_in_their_order(
    method: str, finished: RunFolder, two_class: Path
) -> None:
    member = finished.member_list()[f"corrected/{method}/outer1"]
    scored = asked_once(finished, member.member)
    paths = [two_class / finished.index.set_index("image_id").loc[name, "path"] for name in scored.index]
    see, (ask,) = predictors_of(finished, member, finished.spec)
    found = ask(tuple(np.stack(squares) for squares in zip(*(see(decode(path)) for path in paths), strict=True)))
    assert found == pytest.approx(scored[["p_0", "p_1"]].to_numpy(), abs=1e-6)


def asked_once(run: RunFolder, member: str) -> pd.DataFrame:
    """Predictions of the tuning and test part, by the method that learned from all others."""
    table = run.predictions
    return table[(table["member"] == member) & (table["role"] != "validation")].set_index("image_id").sort_index()


def test_predict_gives_what_was_scored(finished: RunFolder, two_class: Path) -> None:
    member = finished.offered().member
    scored = asked_once(finished, member)
    paths = [two_class / finished.index.set_index("image_id").loc[name, "path"] for name in scored.index]
    table, unreadable = predict_images(open_model(finished.path), paths)
    assert unreadable == []
    names = [f"p_{name}" for name in finished.class_names]
    assert table[names].to_numpy() == pytest.approx(scored[["p_0", "p_1"]].to_numpy(), abs=2e-6)


def test_pixels_of_different_crops_are_packed_apart() -> None:
    crops = [CropSpec(edge_px=edge, about=about, size_px=size) for edge, about, size in
             [(None, "middle", 224), (224, "middle", 224), (224, "cell", 224), (None, "middle", 300)]]  # fmt: skip
    assert len({crop_name(crop) for crop in crops}) == len(crops)
    assert crop_name(crops[1]) == crop_name(crops[1].model_copy(update={"size_px": 300}))  # packed before resizing


def test_two_methods_of_one_name_are_refused(spec: StudySpec, two_class: Path, home: Home, tmp_path: Path) -> None:
    twice = spec.model_copy(update={"methods": spec.methods[:1] * 2})
    with pytest.raises(SpecError, match="found 'mine' twice"):
        run_study(twice, two_class, tmp_path / "run", home, "local")


def test_a_method_that_was_changed_predicts_nothing(finished: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    path = run.file(RunFolder.methods)
    path.write_text(path.read_text(encoding="utf-8").replace("blocks.2", "blocks.3"), encoding="utf-8")
    with pytest.raises(RunError, match=r"methods\.json \(the methods\)"):
        open_model(run.path)


def test_another_home_gives_the_same_bytes(
    finished: RunFolder, spec: StudySpec, two_class: Path, tmp_path: Path
) -> None:
    run_study(spec, two_class, tmp_path / "run", Home(tmp_path / "home"), "local:2")
    again = RunFolder(tmp_path / "run")
    same_bytes(again, finished)


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or not BENCHMARKS.is_dir(), reason="its machines are the benchmark's, made for Linux"
)
def test_machines_of_a_cluster_that_share_no_disk_give_the_same_bytes(
    finished: RunFolder, spec: StudySpec, two_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv(APART, "1")
    with importlib.import_module("ray_cluster").cluster(head_cpus=0, others=2) as machines:
        run_study(spec, two_class, tmp_path / "run", Home(tmp_path / "home"), machines.on)
    again = RunFolder(tmp_path / "run")
    begun = [event for event in read_events(again.path) if event.event == "started"]
    assert {event.kind for event in begun} == {"layers", "fit"}
    assert os.getpid() not in {event.pid for event in begun}
    same_bytes(again, finished)


def same_bytes(one: RunFolder, other: RunFolder) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    for folder in other.job("").iterdir():
        for file in folder.iterdir():
            assert (one.job(folder.name) / file.name).read_bytes() == file.read_bytes(), file


def test_a_lost_or_damaged_fit_is_made_anew(
    finished: RunFolder, spec: StudySpec, two_class: Path, home: Home, tmp_path: Path
) -> None:
    run = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    first, second, *_ = sorted(run.job("").iterdir())
    kept = {file: file.read_bytes() for folder in (first, second) for file in folder.iterdir()}
    shutil.rmtree(first)
    data = bytearray((second / RunFolder.JOB_METHOD).read_bytes())
    data[len(data) // 2] ^= 1
    (second / RunFolder.JOB_METHOD).write_bytes(bytes(data))
    run_study(spec, two_class, run.path, home, "local")
    assert {file: file.read_bytes() for file in kept} == kept
    pd.testing.assert_frame_equal(run.predictions, finished.predictions)


def test_with_all_outer_parts_the_method_in_use_has_learned_from_every_image(
    spec: StudySpec, two_class: Path, home: Home, tmp_path: Path
) -> None:
    both = tmp_path / "both.yaml"
    both.write_text(
        f"name: both\ntitle: Best of two\nhow: choose\namong: ['{spec.methods[0]}', '{spec.methods[1]}']\n",
        encoding="utf-8",
    )
    whole = spec.model_copy(update={"methods": (str(both),), "outer_parts": None})
    run_study(whole, two_class, tmp_path / "run", home, "local")
    run = RunFolder(tmp_path / "run")
    (key,) = run.finals.keys.values()
    chosen = [read_json(run.job(key) / RunFolder.JOB_CHOICE)["chosen"] for key in run.jobs["key"]]
    final = read_json(run.job(key) / RunFolder.JOB_CHOICE)["chosen"]
    assert chosen.count(final) == max(map(chosen.count, chosen))
    assert key not in set(run.jobs["key"])
    tried = run.job_choice(run.jobs["key"].iloc[0]).tried
    assert len(tried) == 2
    assert sum(one.chosen for one in tried) == 1
    page = run.page.read_text(encoding="utf-8")
    assert "What was chosen inside" in page
    assert f"Offered for use is both, fitted once more on all {len(run.index)}" in page
    assert "Offered for use is the model chosen in outer part" not in page
    assert "fitted once more on all images" in (run.page.parent / "methods.md").read_text(encoding="utf-8")
    paths = [two_class / path for path in run.index["path"]][:4]
    before, _ = predict_images(open_model(run.path), paths)
    (ask,) = predictors_of(run, run.offered(), run.spec)[1]
    see = predictors_of(run, run.offered(), run.spec)[0]
    of_part = ask(tuple(np.stack(squares) for squares in zip(*(see(decode(path)) for path in paths), strict=True)))
    assert np.abs(before[[f"p_{name}" for name in run.class_names]].to_numpy() - of_part).max() > 1e-4
    (run.job(key) / RunFolder.JOB_CHOICE).unlink()
    with pytest.raises(RunError, match=key):
        open_model(run.path)
    run_study(whole, two_class, run.path, home, "local")
    again, _ = predict_images(open_model(run.path), paths)
    pd.testing.assert_frame_equal(again, before)


def test_readings_and_methods_stand_side_by_side(spec: StudySpec, two_class: Path, home: Home, tmp_path: Path) -> None:
    raw = spec.model_dump()
    raw["readings"] = {"head": {"stages": [{"name": "head", "release": "head", "epochs": 1}]}}
    raw["methods"], raw["outer_parts"] = raw["methods"][:1], [1]
    run_study(StudySpec.model_validate(raw), two_class, tmp_path / "run", home, "local")
    run = RunFolder(tmp_path / "run")
    assert {one.reading for one in run.member_list().values() if one.kind == "model"} == {"head", "mine"}
    assert set(run.history["job"].str.split("/").str[1]) == {"head"}
    assert np.isfinite(run.scores.loc[run.scores["metric"] == "auc", "value"]).all()
    assert {"head", "mine"} <= set(run.page.read_text(encoding="utf-8").replace("<", " ").replace(">", " ").split())
    paths = [two_class / path for path in run.index["path"]][:2]
    before, predictions = predict_images(open_model(run.path), paths)[0], run.predictions
    kept = {file: file.read_bytes() for file in run.job("").rglob("*.*")}
    for key in run.jobs["key"].iloc[[0, -1]]:
        shutil.rmtree(run.job(key))
    run_study(run.spec, two_class, run.path, home, "local:2")
    assert {file.name for file in kept if file.read_bytes() != kept[file]} <= {"history.parquet", "result.json"}
    pd.testing.assert_frame_equal(run.predictions, predictions)
    pd.testing.assert_frame_equal(predict_images(open_model(run.path), paths)[0], before)


def test_methods_are_refused_beside_ensembles_and_a_study_needs_something_to_run() -> None:
    with pytest.raises(SpecError, match="expected none beside ensembles"):
        load_study("wen", ["methods=[k450]"])
    with pytest.raises(SpecError, match="expected one reading or one method"):
        load_study("own", ["methods=[]"])


def test_a_plan_counts_the_fits_that_are_left(
    finished: RunFolder, spec: StudySpec, two_class: Path, home: Home, tmp_path: Path
) -> None:
    before = plan_study(spec, two_class, tmp_path / "none", home)
    assert (before.models, before.left) == (4, 4)
    after = plan_study(spec, two_class, finished.path, home)
    assert (after.models, after.left, after.hours) == (4, 0, 0.0)


def test_outer_parts_run_one_by_one_are_merged_to_the_same_tables(
    finished: RunFolder, spec: StudySpec, two_class: Path, home: Home, tmp_path: Path
) -> None:
    for outer in (1, 2):
        part = spec.model_copy(update={"outer_parts": (outer,)})
        run_study(part, two_class, tmp_path / str(outer), home, "local")
    merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "both", home)
    both = RunFolder(tmp_path / "both")
    for name in ("predictions", "scores", "confusion"):
        pd.testing.assert_frame_equal(getattr(both, name), getattr(finished, name))
    assert both.jobs["job"].tolist() == finished.jobs["job"].tolist()
    assert not both.finals.keys


@pytest.fixture(scope="module")
def cheap(spec: StudySpec) -> StudySpec:
    """All outer parts, one method."""
    return spec.model_copy(update={"methods": spec.methods[:1], "outer_parts": None})


@pytest.fixture(scope="module")
def at_once(cheap: StudySpec, two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """All outer parts in one run."""
    folder = tmp_path_factory.mktemp("at_once") / "run"
    run_study(cheap, two_class, folder, home, "local")
    return RunFolder(folder)


@pytest.fixture(scope="module")
def single(cheap: StudySpec, two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same in two runs."""
    folder = tmp_path_factory.mktemp("single")
    for name, outers in (("first", (1,)), ("others", (2, 3))):
        run_study(cheap.model_copy(update={"outer_parts": outers}), two_class, folder / name, home, "local")
    return [folder / "first", folder / "others"]


def same_finals(one: RunFolder, other: RunFolder) -> None:
    assert one.finals == other.finals
    (key,) = one.finals.keys.values()
    assert key not in set(one.jobs["key"])
    for file in other.job(key).iterdir():
        assert (one.job(key) / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_merged_run_of_all_outer_parts_has_the_methods_fitted_on_all_images(
    at_once: RunFolder, single: list[Path], home: Home, two_class: Path, tmp_path: Path
) -> None:
    merge_runs(single, tmp_path / "both", home)
    both = RunFolder(tmp_path / "both")
    same_finals(both, at_once)
    paths = [two_class / path for path in both.index["path"]][:3]
    found, expected = (predict_images(open_model(run.path), paths)[0] for run in (both, at_once))
    pd.testing.assert_frame_equal(found, expected)
    merge_runs([single[0], both.path], tmp_path / "again", Home(tmp_path / "empty"))
    same_finals(RunFolder(tmp_path / "again"), at_once)


def test_where_the_home_folder_was_cleared_a_merge_names_the_data_folder_and_takes_it(
    at_once: RunFolder, single: list[Path], two_class: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    merge_runs(single, tmp_path / "without", Home(tmp_path / "home"))
    assert "methods: not fitted on all images" in caplog.text
    assert "name the data folder" in caplog.text
    assert open_model(tmp_path / "without")
    assert not RunFolder(tmp_path / "without").finals.keys
    merge_runs(single, tmp_path / "with", Home(tmp_path / "home"), data=two_class)
    same_finals(RunFolder(tmp_path / "with"), at_once)


def test_a_tracker_is_told_of_methods_without_curves(finished: RunFolder) -> None:
    models = [entry for entry in entries(finished.path) if entry.kind == "model"]
    assert len(models) == 4
    assert {tuple(entry.files) for entry in models} == {(RunFolder.JOB_METHOD,)}
    assert not any(entry.points for entry in models)
