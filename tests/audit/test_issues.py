from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.audit.issues import issues, persons
from leukolab.audit.looks import Looks, look_at
from leukolab.audit.twins import find_twins
from leukolab.report.texts import languages, load_texts


def pairs(*names: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(names), columns=["image_id", "other_id"])


def index(names: list[str], labels: list[int], subjects: list[str | None]) -> pd.DataFrame:
    classes = [("normal", "all")[label] for label in labels]
    return pd.DataFrame({"image_id": names, "label": labels, "class_name": classes, "subject": subjects})


def test_subjects_that_share_cells_are_one_person_through_others_too() -> None:
    subjects = ["1", "15", "1", "16", "H2", "H2", None, "9"]
    table = index(list("abcdefgh"), [1] * 8, subjects)
    assert persons(table, pairs(("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"))) == [["1", "15", "16"]]
    assert persons(table, pairs()) == []
    assert persons(table.drop(columns="subject"), pairs(("a", "b"))) == []


def test_clean_data_have_no_findings(planted: Any, planted_looks: Looks) -> None:
    first = 100
    names = planted.names[:first]
    looks = Looks(planted_looks.table[:first], planted_looks.textures[:first])
    twins = find_twins(planted.paths[:first], names, planted.labels[:first], looks)
    real = [name for name in names if not name.endswith("x")]
    assert len(real) == first
    found = issues(index(names, planted.labels[:first], [f"s{name}" for name in names]), twins)
    assert {finding.code for finding in found} <= {"audit.doubtful"}


def test_twins_subjects_and_labels_are_told(planted: Any, planted_looks: Looks) -> None:
    labels = list(planted.labels)
    labels[-1] = 1 - labels[-1]
    subjects: list[str | None] = [f"s{name}" for name in planted.names]
    subjects[0], subjects[1] = "S7", "s07"
    subjects[10] = subjects[12] = "s7"
    subjects[20] = subjects[21] = "both"
    table = index(planted.names, labels, subjects)
    found = {one.code: one for one in issues(table, find_twins(planted.paths, planted.names, labels, planted_looks))}
    assert found["audit.twins"].values == {"pairs": 8, "identical": 2, "flipped": 2, "near": 4}
    assert found["audit.contradicting_labels"].values["pairs"] == 1
    assert found["audit.contradicting_labels"].values["examples"] == "009 (all) = 009x (normal)"
    assert found["audit.contradicting_labels"].severity == "problem"
    assert found["audit.shared_subjects"].values["sets"] == [[f"s00{n}", f"s00{n}x"] for n in range(2, 10)]
    assert found["audit.shared_subjects"].values["persons"] == 8
    assert found["audit.subject_in_two_classes"].values["examples"] == "both (all, normal)"
    assert found["audit.alike_subjects"].values["examples"] == "S7 / s7"


def test_names_with_leading_zeros_are_alike(planted: Any, planted_looks: Looks) -> None:
    subjects: list[str | None] = [f"s{name}" for name in planted.names]
    subjects[30], subjects[32] = "007", "7"
    twins = find_twins(planted.paths, planted.names, planted.labels, planted_looks)
    found = {one.code: one for one in issues(index(planted.names, planted.labels, subjects), twins)}
    assert found["audit.alike_subjects"].values == {"sets": 1, "examples": "007 / 7"}


@pytest.fixture
def odd(planted: Any, tmp_path: Path) -> list[Path]:
    """Twenty cells, and one file for each oddity."""
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.new("RGB", (160, 160)).save(tmp_path / "black.png")
    Image.open(planted.paths[0]).resize((90, 90)).save(tmp_path / "small.png")
    Image.fromarray(np.random.default_rng(1).integers(60, 200, (160, 160, 3), dtype=np.uint8)).save(
        tmp_path / "field.png"
    )
    speck = np.zeros((160, 160, 3), np.uint8)
    speck[70:80, 70:80] = 200
    Image.fromarray(speck).save(tmp_path / "speck.png")
    return [*sorted(tmp_path.glob("*.png")), *planted.paths[10:40]]


def test_odd_images_are_told_by_name(odd: list[Path]) -> None:
    names = [path.stem for path in odd]
    twins = find_twins(odd, names, [-1] * len(odd), look_at(odd, names))
    table = index(names, [0] * len(odd), [None] * len(odd)).drop(columns="subject")
    found = {one.code: one.values for one in issues(table, twins)}
    assert found["audit.unreadable"] == {"images": 1, "examples": "broken"}
    assert found["audit.one_colour"] == {"images": 1, "examples": "black"}
    assert found["audit.no_cell"] == {"images": 1, "examples": "speck"}
    assert found["audit.odd_size"] == {"width": 160, "height": 160, "images": 1, "examples": "small"}
    assert found["audit.mixed_forms"] == {"cells": 33, "fields": 1}
    assert found["audit.fixed_threshold"] == {"threshold": 0.8}


def test_every_finding_can_be_said_in_every_language(planted: Any, planted_looks: Looks, odd: list[Path]) -> None:
    names = [path.stem for path in odd]
    of_odd = issues(index(names, [0] * len(odd), ["s"] * len(odd)), find_twins(odd, names, [-1] * len(odd)))
    table = index(planted.names, planted.labels, [f"s{name}" for name in planted.names])
    of_twins = issues(table, find_twins(planted.paths, planted.names, planted.labels, planted_looks))
    for language in languages():
        texts = load_texts(language)
        assert all(texts.finding(finding) for finding in (*of_odd, *of_twins))
