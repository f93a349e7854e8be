"""A data set is added by one file in `datasets/`: everything that takes data sets then knows it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from leukolab.base.home import Home
from leukolab.cards import card_names, datasets, get_card, read_index, verify
from leukolab.cards.registry import data_set
from leukolab.cli.table import table
from leukolab.spec import DataSpec, load_study
from leukolab.study.prepare import prepare

FILE = '''
"""Cells of a school: one folder per class, the subject before the dash."""

from leukolab.cards.card import Card
from leukolab.cards.index import Found, make_index
from leukolab.cards.listing import image_files, search
from leukolab.cards.readability import verify_readable
from leukolab.cards.reading import Reading

CARD = Card(
    name="school", title="Cells drawn at school", source="a school", doi="", licence="CC0",
    class_names=("calm", "wild"), positive=("wild",), parts=("all",), subjects_known=True,
    layout="calm/ and wild/ of <subject>-<number>.png", notes=("Drawn.",),
)


def find_root(path):
    return search(path, lambda folder: (folder / "calm").is_dir() and (folder / "wild").is_dir())


def read(root, spec):
    found = [
        Found(path, name, "all", path.stem.partition("-")[0])
        for name in CARD.class_names
        for path in image_files(root / name)
    ]
    return Reading(make_index(root, found, CARD.class_names, None))


def verify(root, spec):
    return verify_readable(CARD, root, read(root, spec).index)
'''


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Images of a data set whose one file lies in a folder that belongs to `cards.datasets` for this test."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "school.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path / "more")])
    random = np.random.default_rng(0)
    for number, name in enumerate(("calm", "wild")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for picture in range(24):
            pixels = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}{picture // 2}-{picture}.png")
    yield tmp_path / "images"
    sys.modules.pop(f"{datasets.__name__}.school", None)
    if isinstance(getattr(datasets, "school", None), ModuleType):
        del datasets.school
    data_set.cache_clear()


def test_it_is_listed_shown_and_verified(school: Path) -> None:
    assert "school" in card_names()
    assert get_card("school").title == "Cells drawn at school"
    asked = {
        ("list",): "Cells drawn at school",
        ("show", "school"): "layout: calm/",
        ("verify", "school", str(school)): "48 images can be read",
    }
    for arguments, sentence in asked.items():
        answer = CliRunner().invoke(table, ["data", *arguments])
        assert answer.exit_code == 0, answer.output
        assert sentence in answer.output


def test_its_index_and_its_proof(school: Path) -> None:
    index = read_index(DataSpec(card="school"), school.parent)
    assert index["class_name"].value_counts().to_dict() == {"calm": 24, "wild": 24}
    assert index["subject"].nunique() == 24
    assert verify(DataSpec(card="school"), school).whole


def test_a_study_works_on_it(school: Path, tmp_path: Path) -> None:
    spec = load_study("demo", ["data.card=school", "image.size_px=32", "protocol=corrected"])
    material = prepare(spec, school, Home(tmp_path / "home"))
    assert material.card.name == "school"
    assert material.class_names == ("calm", "wild")
    assert len(material.index) == 48
    assert material.splits["corrected"].head.leakage == "none"
