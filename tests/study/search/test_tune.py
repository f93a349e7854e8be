"""A search over settings: what it leaves, what it may see, and that it goes on as if never stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from leukolab.base.errors import RunError, TrainingError
from leukolab.base.home import Home
from leukolab.base.pins import pinned
from leukolab.cards.draw import draw_data_set
from leukolab.engine import reference
from leukolab.results.folder import RunFolder
from leukolab.spec import StudySpec, load_study
from leukolab.study.estimate import plan_study
from leukolab.study.prepare import Material, packed
from leukolab.study.search import tune
from leukolab.study.search.space import read_space
from leukolab.study.search.tune import Search, tune_study

SETTINGS = (
    "image.size_px=48", "model.backbone=test_efficientnet", "model.weights=none", "bootstrap=100",
    "training.batch_size=16", "training.augment.views=2",
    "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "readings.two_stage.stages.0.epochs=2", "readings.two_stage.stages.1.epochs=2",
    "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
TEXTS = ("training.learning_rates=log:1e-3..1e-1", "model.dropout=0.0..0.5", "image.size_px=32,48")
FOLDS, EPOCHS = 2, 2


def spec(*settings: str) -> StudySpec:
    return load_study("demo", [*SETTINGS, *settings])


def search(*texts: str, **given: Any) -> Search:
    return Search(read_space(texts or TEXTS, spec()), **{"trials": 3, "start": 2, **given})


@dataclass(frozen=True)
class Found:
    folder: Path
    command: str
    finetune_epochs: int


@pytest.fixture(scope="module")
def found(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("searches") / "undisturbed"
    with pytest.MonkeyPatch.context() as patch:
        epochs = counted(patch)
        command = tune_study(spec(), search(), two_class, folder, home)
    return Found(folder, command, len(epochs))


def counted(patch: pytest.MonkeyPatch, stop: int | None = None) -> list[str]:
    """Epochs of fine-tuning from here on, by model; the process is killed, as it were, when `stop` are done."""
    done: list[str] = []
    real = reference.run_epoch

    def run_epoch(network: Any, training: Any, *rest: Any) -> tuple[float, float]:
        if len(done) == stop:
            raise KeyboardInterrupt
        result = real(network, training, *rest)
        done.append(training.name)
        return result

    patch.setattr(reference, "run_epoch", run_epoch)
    return done


def test_a_search_leaves_what_it_promises(found: Found, two_class: Path) -> None:
    table = pd.read_csv(found.folder / "trials.csv")
    settings = ["training.learning_rates", "model.dropout", "image.size_px"]
    assert list(table) == ["trial", "state", "balanced_accuracy", "fold_1", "fold_2", *settings]
    assert table["trial"].tolist() == [1, 2, 3]
    assert table[["fold_1", "fold_2"]].mean(axis=1).to_numpy() == pytest.approx(table["balanced_accuracy"].to_numpy())
    best = table.loc[table["balanced_accuracy"].idxmax()]
    study = load_study(str(found.folder / "best.yaml"))
    assert study.training.learning_rates == (best["training.learning_rates"],)
    assert study.model.dropout == best["model.dropout"]
    assert study.image.size_px == best["image.size_px"]
    assert study.outer_parts == (1,)
    assert study.runtime == spec().runtime
    expected = f"leukolab study run {found.folder}/best.yaml --data {two_class} --out {found.folder}/best"
    assert found.command == expected
    for name in ("history", "slices"):
        assert "<svg" in (found.folder / f"{name}.svg").read_text(encoding="utf-8")
    assert not list(found.folder.rglob("*.safetensors"))


def test_a_trial_trains_with_its_settings(found: Found) -> None:
    for row in pd.read_csv(found.folder / "trials.csv").to_dict("records"):
        spec = RunFolder(found.folder / "trials" / f"{row['trial']:04}").spec
        assert spec.training.learning_rates == (row["training.learning_rates"],)
        assert (spec.model.dropout, spec.image.size_px) == (row["model.dropout"], row["image.size_px"])


def test_a_trial_is_scored_on_each_models_own_validation_images(found: Found) -> None:
    row = pd.read_csv(found.folder / "trials.csv").iloc[1]
    run = found.folder / "trials" / "0002"
    predictions = pd.concat([RunFolder(run).job_predictions(path.name) for path in (run / "jobs").iterdir()])
    predictions = predictions[predictions["role"] == "validation"]
    folds = RunFolder(run).jobs.set_index("job")["fold"]
    assert set(predictions["member"]) == set(folds.index)
    for name, part in predictions.groupby("member"):
        expected = balanced_accuracy_score(part["label"], part["p_1"] >= 0.5)
        assert row[f"fold_{folds[name]}"] == pytest.approx(expected)


def test_no_trial_reads_or_predicts_a_tuning_or_test_image(
    found: Found, two_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the split is made, their files and the pixels packed from all files are gone; the trials are the same."""
    data, home, unseen = tmp_path / "data", Home(tmp_path / "home"), set[str]()
    shutil.copytree(two_class, data)

    def pack_and_delete(*arguments: Any) -> Material:
        material = packed(*arguments)
        table = material.splits["corrected"].table
        part = table[table["outer"] == 1]
        unseen.update(part.loc[part["role"].isin(["tuning", "test"]), "image_id"])
        for name, path in zip(material.index["image_id"], material.paths, strict=True):
            if name in unseen:
                path.unlink()
        shutil.rmtree(home / "pixels" / material.store.key)
        return material

    monkeypatch.setattr(tune, "packed", pack_and_delete)
    tune_study(spec(), search(), data, tmp_path / "search", home)
    assert len(unseen) >= 20
    tables = [*(tmp_path / "search").rglob("index.parquet"), *(tmp_path / "search").rglob("predictions.parquet")]
    assert len(tables) == 3 + 3 * FOLDS
    for path in tables:
        assert not unseen & set(pd.read_parquet(path)["image_id"])
    assert (tmp_path / "search" / "trials.csv").read_bytes() == (found.folder / "trials.csv").read_bytes()


def test_a_search_killed_twice_goes_on_to_the_same_bytes(
    found: Found, two_class: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two epochs, and between a trial's training and the note of its score; no epoch is run twice."""
    folder = tmp_path / "search"
    with monkeypatch.context() as patch:
        counted(patch, stop=FOLDS * EPOCHS + 1)
        with pytest.raises(KeyboardInterrupt):
            tune_study(spec(), search(), two_class, folder, home)
    assert len(pd.read_csv(folder / "trials.csv")) == 1
    with monkeypatch.context() as patch:
        done = counted(patch)
        patch.setattr(tune.Trials, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            tune_study(spec(), search(trials=2), two_class, folder, home)
    with monkeypatch.context() as patch:
        more = counted(patch)
        command = tune_study(spec(), search(), two_class, folder, home)
    assert command == found.command.replace(str(found.folder), str(folder))
    assert FOLDS * EPOCHS + 1 + len(done) + len(more) == found.finetune_epochs == 3 * FOLDS * EPOCHS
    for name in ("trials.csv", "best.yaml", "history.svg", "slices.svg"):
        assert (folder / name).read_bytes() == (found.folder / name).read_bytes(), name


def test_a_search_in_two_processes_finds_the_same(found: Found, two_class: Path, home: Home, tmp_path: Path) -> None:
    """The models of a trial train side by side; they train on one thread here and there."""
    folder = tmp_path / "search"
    tune_study(spec(), search(trials=1), two_class, folder, home, on="local:2")
    ours, theirs = (pd.read_csv(place / "trials.csv") for place in (folder, found.folder))
    pd.testing.assert_frame_equal(ours, theirs.head(1))


def test_a_search_killed_before_its_first_trial_begins_again(two_class: Path, home: Home, tmp_path: Path) -> None:
    """A process killed by the system leaves its lock file."""
    folder = tmp_path / "search"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "packed", killed)
        folder.mkdir()
        (folder / ".lock").touch()
        with pytest.raises(KeyboardInterrupt):  # of `packed`: the folder was not refused
            tune_study(spec(), search(), two_class, folder, home)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_finished_search_trains_nothing_again(
    found: Found, two_class: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "train_models", killed)
    before = (found.folder / "trials.csv").read_bytes()
    assert tune_study(spec(), search(), two_class, found.folder, home) == found.command
    assert (found.folder / "trials.csv").read_bytes() == before


def test_diverged_trials_count_as_the_worst_and_repeated_ones_are_not_trained(
    two_class: Path, home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "search"
    some = search("training.learning_rates=1e36,0.01", sampler="genetic", trials=4)
    tune_study(spec(), some, two_class, folder, home)
    table = pd.read_csv(folder / "trials.csv")
    assert set(table["state"]) == {"done", "diverged"}
    assert (table["training.learning_rates"] > 1).equals(table["state"] == "diverged")
    assert table["balanced_accuracy"].isna().equals(table["state"] == "diverged")
    trained = [int(path.parent.name) for path in (folder / "trials").glob("*/spec.json")]
    assert sorted(trained) == table.loc[~table["training.learning_rates"].duplicated(), "trial"].tolist()
    assert len(trained) == 2
    assert load_study(str(folder / "best.yaml")).training.learning_rates == (0.01,)


def test_a_search_where_all_diverges_says_so(two_class: Path, home: Home, tmp_path: Path) -> None:
    some = search("training.learning_rates=1e35,1e36", trials=1)
    with pytest.raises(TrainingError, match=r"diverged in all 1 trials\. Search smaller learning rates"):
        tune_study(spec(), some, two_class, tmp_path / "search", home)


def test_a_folder_of_another_search_is_refused_and_kept(
    found: Found, two_class: Path, home: Home, tmp_path: Path, snapshot: Callable[[Path], dict[str, str]]
) -> None:
    before = snapshot(found.folder)
    other = replace(search(), sampler="genetic")
    with pytest.raises(RunError, match=r"begun with other settings \(sampler\)"):
        tune_study(spec(), other, two_class, found.folder, home)
    with pytest.raises(RunError, match=r"begun with other settings \(study\)"):
        tune_study(spec("seed=8"), search(), two_class, found.folder, home)
    with pytest.raises(RunError, match="begun on other images"):
        tune_study(spec(), search(), draw_data_set(tmp_path / "other", "two_class", 20, 3, 48, 8), found.folder, home)
    assert snapshot(found.folder) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "holiday.txt").write_text("mine")
    with pytest.raises(RunError, match="found other files"):
        tune_study(spec(), search(), two_class, tmp_path / "mine", home)


def test_the_study_with_the_best_settings_can_be_run(found: Found, two_class: Path, home: Home, tmp_path: Path) -> None:
    plan = plan_study(load_study(str(found.folder / "best.yaml")), two_class, tmp_path / "best", home)
    assert (plan.models, plan.left) == (FOLDS, FOLDS)


def test_pixels_stay_between_the_trials_of_a_search_over_their_size(
    two_class: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []

    def scores(place: Any, trial: Any) -> dict[str, float]:
        kept.append(f"pixels/{place.seen.store.key}" in pinned(home))
        return {"1": 0.5}

    monkeypatch.setattr(tune, "_scores", scores)
    tune_study(spec(), search(*TEXTS[::2]), two_class, tmp_path / "search", home)
    assert kept
    assert all(kept)
