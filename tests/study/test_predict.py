from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError, RunError
from leukolab.results.calls import probabilities
from leukolab.results.folder import RunFolder
from leukolab.study.predict import find_images, open_model, predict_images


def stored(run: Path) -> pd.DataFrame:
    """The run's own test predictions of the model it offers, by image_id: `called`, p_0 ... p_{k-1}."""
    chosen, predictions = RunFolder(run).chosen, RunFolder(run).predictions
    mine = predictions[(predictions["role"] == "test") & (predictions["member"] == chosen.member)]
    return mine.set_index("image_id").sort_index().drop(columns=["member", "role", "label"])


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run"])
@pytest.mark.parametrize("moved", [False, True])
def test_predictions_are_those_the_run_has_stored(
    name: str, moved: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run = request.getfixturevalue(name)
    folder = run.folder
    if moved:
        folder = tmp_path / "elsewhere"
        shutil.copytree(run.folder, folder)
    expected = stored(folder)
    table, unreadable = predict_images(open_model(folder), [run.data / image_id for image_id in expected.index])
    assert unreadable == []
    names = RunFolder(folder).class_names
    assert list(table.columns) == ["path", "class", *(f"p_{name}" for name in names)]
    found = table[[f"p_{name}" for name in names]].to_numpy()
    probs = probabilities(expected)
    assert np.abs(found - probs).max() < 1e-3
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    clear = np.abs(probs[:, 1] - 0.5) > 1e-3 if len(names) == 2 else np.ptp(np.sort(probs)[:, -2:], axis=1) > 1e-3
    called = np.array(names)[(probs[:, 1] >= 0.5).astype(int) if len(names) == 2 else probs.argmax(axis=1)]
    assert (np.array(names)[expected["called"]] == called)[clear].all()
    assert (table["class"].to_numpy() == called)[clear].all()


def test_unreadable_images_are_named_and_the_others_classified(wen_run: Any, tmp_path: Path) -> None:
    good = min((wen_run.data / "all").iterdir())
    (tmp_path / "broken.png").write_bytes(good.read_bytes()[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    shutil.copy(good, tmp_path / "good.png")
    paths = find_images([tmp_path])
    table, unreadable = predict_images(open_model(wen_run.folder), paths)
    assert list(table["path"]) == [str(tmp_path / "good.png")]
    assert [sentence.partition(":")[0] for sentence in unreadable] == [
        str(tmp_path / "broken.png"),
        str(tmp_path / "empty.png"),
    ]


def test_images_are_found_in_folders_and_by_name(two_class: Path, tmp_path: Path) -> None:
    one = min((two_class / "all").iterdir())
    assert find_images([one]) == [one]
    assert len(find_images([two_class])) == 60
    with pytest.raises(DataError, match="found nothing"):
        find_images([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="no images found"):
        find_images([tmp_path])


def test_a_run_that_is_not_finished_or_damaged_says_so(wen_run: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the folder of a finished run"):
        open_model(tmp_path)


@pytest.mark.parametrize("harm", ["cut short", "one bit", "gone"])
@pytest.mark.parametrize("file", ["trunk.safetensors", "model.safetensors"])
def test_a_model_that_is_damaged_classifies_nothing(file: str, harm: str, wen_run: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(wen_run.folder, run)
    key = RunFolder(run).keys_of(RunFolder(run).offered())[0]
    path = run / file if file.startswith("trunk") else run / "jobs" / key / file
    data = bytearray(path.read_bytes())
    data[-9] ^= 64
    path.unlink()
    if harm != "gone":
        path.write_bytes(data if harm == "one bit" else data[:100])
    with pytest.raises(RunError, match=r"missing, damaged or changed since\. Run the study there again"):
        open_model(run)
