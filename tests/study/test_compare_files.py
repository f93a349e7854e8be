"""Tables of predictions against each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError
from leukolab.study.compare_files import compare_files


def table(path: Path, wrong: list[int], **columns: object) -> Path:
    """Predictions of 12 subjects with four images each, so many of them wrong."""
    labels = np.repeat([0, 1], 24)
    called = np.where(np.concatenate([np.arange(4) < count for count in wrong]), 1 - labels, labels)
    rows = pd.DataFrame({"label": labels, "p_normal": 1.0 - called, "p_leukemia": called * 1.0})
    rows.assign(subject=[f"s{n // 4}" for n in range(48)]).assign(**columns).to_csv(path, index=False)
    return path


def test_files_are_matched_by_order(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv", [0] * 12), table(tmp_path / "b.csv", [1, 2] * 6)]
    found = compare_files(paths)
    assert found.values == pytest.approx({"a.csv": 1.0, "b.csv": 1 - 1.5 / 4})
    assert found.pairs[0][2].answer == "better"
    assert [finding.code for finding in found.findings][:2] == ["compare.same_images", "compare.subjects"]


def test_files_are_matched_by_image_id(tmp_path: Path) -> None:
    names = [f"i{n}" for n in range(48)]
    paths = [table(tmp_path / "a.csv", [0] * 12, image_id=names), table(tmp_path / "b.csv", [1] * 12, image_id=names)]
    turned = pd.read_csv(paths[1]).iloc[::-1].iloc[:-1]
    turned.to_csv(paths[1], index=False)
    found = compare_files(paths)
    assert found.findings[0].code == "compare.shared_images"
    assert found.findings[0].values["images"] == 47
    assert found.values["a.csv"] == pytest.approx(1)


def test_spellings_of_one_subject_are_told_once(tmp_path: Path) -> None:
    subjects = [f"s{n // 4}" if n % 2 else f"S0{n // 4}" for n in range(48)]
    paths = [table(tmp_path / name, [1, 2] * 6, subject=subjects) for name in ("a.csv", "b.csv")]
    found = compare_files(paths)
    assert [one.code for one in found.findings].count("read.subjects_merged") == 1
    assert next(one for one in found.findings if one.code == "compare.subjects").values == {"subjects": 12}


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole, other = table(tmp_path / "a.csv", [0] * 12), table(tmp_path / "b.csv", [1] * 12)
    pd.read_csv(other).iloc[:40].to_csv(other, index=False)
    with pytest.raises(DataError, match="or a column 'image_id' in each, found 48 and 40 rows without"):
        compare_files([whole, other])
    twice = table(tmp_path / "c.csv", [1] * 12, image_id="same")
    with pytest.raises(DataError, match="expected each image once, found 'same' again"):
        compare_files([twice, twice])


def test_without_subjects_there_is_no_test(tmp_path: Path) -> None:
    paths = [table(tmp_path / name, [1] * 12) for name in ("a.csv", "b.csv")]
    pd.read_csv(paths[0]).drop(columns="subject").to_csv(paths[0], index=False)
    found = compare_files(paths)
    assert found.pairs[0][2].answer == "no_test"
    assert not found.subjects_known


def test_exchanged_classes_are_named_and_one_file_is_not_compared_with_itself(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv", [0] * 12), table(tmp_path / "b.csv", [4] * 12)]
    finding = compare_files(paths).findings[0]
    assert finding.code == "compare.exchanged"
    assert finding.values == {"name": "b.csv", "auc": 0.0}
    with pytest.raises(DataError, match=r"expected each once, got '.*a.csv' 2 times"):
        compare_files([paths[0], paths[0]])
