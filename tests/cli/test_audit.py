from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from leukolab.base.files import read_table
from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.cli import main
from leukolab.images import cell_mask
from leukolab.splits import groups_fingerprint


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of 12 subjects; one of S002 is cut out again under S004, and one is copied into the other class."""
    folder = draw_data_set(tmp_path_factory.mktemp("cells") / "cells", "two_class", 12, 3, 96, 7)
    cell = np.array(Image.open(folder / "all" / "S002_0001.png"))
    inside = ndimage.binary_erosion(cell_mask(cell), iterations=2)
    Image.fromarray(cell * inside[..., None]).save(folder / "all" / "S004_0009.png")
    shutil.copy(folder / "all" / "S006_0001.png", folder / "normal" / "S001_0009.png")
    return folder


def audit(cells: Path, home: Home, out: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "data", "audit", "folder", str(cells), "--subject-from", "(S[0-9]+)_",
              "--out", str(out), *more])  # fmt: skip
    return int(ended.value.code or 0)


def test_what_contradicts_is_told_to_people_and_machines(
    cells: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(cells, home, tmp_path) == 3
    told = capsys.readouterr()
    assert "38 images" in told.out
    assert "Problem: 1 pair of equal images stands in two classes" in told.out
    assert "S00" not in told.out + told.err
    head = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert not head["clean"]
    assert {one["code"] for one in head["findings"]} == {
        "audit.contradicting_labels",
        "audit.shared_subjects",
        "audit.twins",
        "audit.doubtful",
    }
    groups = read_table(tmp_path / "groups.parquet")
    about = json.loads((tmp_path / "groups.json").read_text(encoding="utf-8"))
    assert about["groups_fingerprint"] == groups_fingerprint(groups)
    assert {"near_twin", "flipped", "identical_bytes"} <= set(about["searched"])
    assert about["groups"] == groups["group"].nunique() == 10
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert pairs.loc[0, ["image_id", "other_id"]].tolist() == ["all/S006_0001.png", "normal/S001_0009.png"]
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2 * page.count('<article class="pair')
    assert "S002, S004" in page


def test_a_list_of_verdicts_changes_groups_and_stays_in_the_page(
    cells: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "image_id,other_id,verdict\nall/S002_0001.png,all/S004_0009.png,different\n"
    accept = tmp_path / "accept.csv"
    accept.write_text(rows + "all/S006_0001.png,normal/S001_0009.png,different\n", encoding="utf-8")
    assert audit(cells, home, tmp_path / "out", "--accept", str(accept), "--language", "id") == 0
    groups = read_table(tmp_path / "out" / "groups.parquet")
    assert groups["group"].nunique() == 12
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert page.count('value="different" checked') == 2
    assert "Simpan daftar" in page
    assert "12 kelompok identitas" in capsys.readouterr().out


def test_bad_input_is_exit_code_2(cells: Path, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(cells, home, tmp_path, "--accept", str(tmp_path / "none.csv")) == 2
    assert "expected a list of pairs here, found none. Check data.accept (--accept)" in capsys.readouterr().err


def test_a_page_holds_whatever_a_file_is_called(home: Home, tmp_path: Path) -> None:
    folder = draw_data_set(tmp_path / "cells", "two_class", 4, 2, 96, 7)
    name = "S2_<img src=x onerror=alert(1)>&.png"
    shutil.copy(folder / "all" / "S002_0001.png", folder / "all" / name)
    audit(folder, home, tmp_path / "out")
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "S2_&lt;img src=x" in page
