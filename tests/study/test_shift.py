"""A finished run on changed test images: as they are it says what it said, and every finished piece is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError, RunError, SpecError
from leukolab.base.files import read_table
from leukolab.base.home import Home
from leukolab.cli.study import CHANGES
from leukolab.images.shifts import STRENGTHS
from leukolab.results.folder import RunFolder
from leukolab.results.seals import check_outcome
from leukolab.study import shift
from leukolab.study.predict import open_model

SOME = {"colour": (1.0,), "size": (1.0,), "focus": (2.0,)}
PIECES = 4


@pytest.fixture(scope="module", autouse=True)
def some_strengths() -> Iterator[None]:
    """Few changes: each is tested by itself with the images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift, "STRENGTHS", SOME)
        yield


def no_report(run: RunFolder, *_: object, **__: object) -> Path:
    return run.page


@pytest.fixture(scope="module")
def shifted(small_run: Any, home: Home, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Networks and their ensemble, every test image. Not to be changed."""
    folder = Path(shutil.copytree(small_run.folder, tmp_path_factory.mktemp("shift") / "run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", no_report)
        shift.shift_run(folder, small_run.data, home)
    return RunFolder(folder)


@pytest.fixture
def copy(shifted: RunFolder, tmp_path: Path, quick_report: None) -> RunFolder:
    return RunFolder(Path(shutil.copytree(shifted.path, tmp_path / "run")))


def test_as_they_are_all_score_what_the_run_scored(shifted: RunFolder) -> None:
    plain = shifted.shifts[shifted.shifts["kind"] == "none"]
    assert plain["apart"].max() < 1e-5
    scores = shifted.scores[shifted.scores["role"] == "test"].set_index(["member", "metric", "unit"])
    assert set(plain["method"]) == {"chosen", "features", "colour"}
    for row in plain.to_dict("records"):
        own = scores.loc[(row["member"], row["metric"], row["unit"])]
        assert [row["value"], row["low"], row["high"]] == pytest.approx(
            [own["value"], own["low"], own["high"]], abs=1e-4, nan_ok=True
        ), row


def test_every_change_is_scored_for_everybody(shifted: RunFolder) -> None:
    table = shifted.shifts[shifted.shifts["metric"] == "auc"]
    assert len(table) == PIECES * 3 * 2
    assert not table["value"].isna().any()
    wide = table[table["unit"] == "subject"].pivot_table("value", ["kind", "strength"], "method")
    assert (wide.nunique() > 1).all()


def test_the_run_is_as_sealed_as_before(shifted: RunFolder) -> None:
    check_outcome(shifted)
    assert open_model(shifted.path).class_names == shifted.class_names
    shifted_table = shifted.file(RunFolder.shifts)
    assert shifted.sealing.outcome[shifted_table.name]


def test_pieces_that_are_there_are_not_made_again(
    copy: RunFolder, small_run: Any, home: Home, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copy.shifts
    pieces = sorted(copy.changed("").parent.glob("*.parquet"))
    assert len(pieces) == PIECES
    pieces[0].unlink()
    pieces[1].write_bytes(pieces[1].read_bytes()[:50])
    asked: list[shift.Piece] = []
    monkeypatch.setattr(
        shift, "_predicted", lambda bench, witnesses, piece, real=shift._predicted: (
            asked.append(piece) or real(bench, witnesses, piece))
    )  # fmt: skip
    shift.shift_run(copy.path, small_run.data, home)
    assert sorted(copy.changed(piece.key) for piece in asked) == pieces[:2]
    pd.testing.assert_frame_equal(copy.shifts, before)
    assert any("2 of them done before" in line for line in said)


def test_one_kind_of_change_alone(copy: RunFolder, small_run: Any, home: Home) -> None:
    whole = copy.shifts
    shift.shift_run(copy.path, small_run.data, home, kinds=["colour"])
    wanted = whole[whole["kind"].isin(["none", "colour"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(copy.shifts.reset_index(drop=True), wanted)


def test_the_command_line_knows_every_kind_of_change() -> None:
    assert set(STRENGTHS) == set(CHANGES)


def test_ctrl_c_keeps_what_is_done(
    copy: RunFolder, small_run: Any, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for piece in copy.changed("").parent.glob("*.parquet"):
        piece.unlink()

    def stopped(bench, witnesses, piece, real=shift._predicted):
        if piece.kind == "size":
            raise KeyboardInterrupt
        return real(bench, witnesses, piece)

    monkeypatch.setattr(shift, "_predicted", stopped)
    with pytest.raises(KeyboardInterrupt):
        shift.shift_run(copy.path, small_run.data, home)
    kept = [read_table(path) for path in copy.changed("").parent.glob("*.parquet")]
    assert sorted(str(table["kind"].iloc[0]) for table in kept) == ["colour", "none"]
    check_outcome(copy)


def test_some_images_are_spread_over_classes_and_subjects() -> None:
    labels = np.repeat([0, 1], [40, 20])
    groups = np.array([f"s{number // 5}" for number in range(60)])
    rows = shift.spread(labels, groups, 12, 1)
    assert len(rows) == len(set(rows)) == 12
    assert (labels[rows] == 1).sum() == 6
    assert len(set(groups[rows[labels[rows] == 0]])) == 6
    assert len(set(groups[rows[labels[rows] == 1]])) == 4
    assert (shift.spread(labels, groups, 100, 1) == np.arange(60)).all()


def test_what_cannot_be_done_is_refused(copy: RunFolder, small_run: Any, home: Home, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected some of 1, got 7"):
        shift.shift_run(copy.path, small_run.data, home, [7])
    other = Path(shutil.copytree(small_run.data, tmp_path / "other"))
    first, second = (other / path for path in copy.index["path"][:2])
    shutil.copyfile(first, second)
    with pytest.raises(DataError, match="expected the images that the run was made from"):
        shift.shift_run(copy.path, other, home)
    copy.drop(RunFolder.chosen)
    with pytest.raises(RunError, match="expected a finished run"):
        shift.shift_run(copy.path, small_run.data, home)
