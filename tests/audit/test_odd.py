from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leukolab.audit.looks import Looks
from leukolab.audit.odd import odd
from leukolab.audit.twins import find_twins
from leukolab.report.texts import languages, load_texts


def test_clean_data_have_no_findings(planted: Any, planted_looks: Looks) -> None:
    looks = Looks(planted_looks.table[:100], planted_looks.textures[:100])
    assert odd(find_twins(planted.paths[:100], planted.names[:100], planted.labels[:100], looks)) == ()


@pytest.fixture
def odd_files(planted: Any, tmp_path: Path) -> list[Path]:
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


def test_odd_images_are_told_by_name_in_every_language(odd_files: list[Path]) -> None:
    names = [path.stem for path in odd_files]
    told = odd(find_twins(odd_files, names, [-1] * len(names)))
    found = {one.code: one.values for one in told}
    assert found["audit.unreadable"] == {"count": 1, "named": ["broken"]}
    assert found["audit.one_colour"] == {"count": 1, "named": ["black"]}
    assert found["audit.no_cell"] == {"count": 1, "named": ["speck"]}
    assert found["audit.odd_size"] == {"width": 160, "height": 160, "count": 1, "named": ["small"]}
    assert found["audit.mixed_forms"] == {"cells": 33, "fields": 1}
    assert found["audit.fixed_threshold"] == {"threshold": 0.8}
    for language in languages():
        assert all(load_texts(language).finding(finding) for finding in told)
