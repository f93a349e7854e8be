"""What every data card must keep to; a new file in `datasets/` is found by itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leukolab.cards import card_lines, card_names, get_card
from leukolab.cards.registry import data_set
from leukolab.report.texts import languages, load_texts
from leukolab.spec import DataSpec

CARDS = card_names()


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_filled_in(name: str) -> None:
    card = get_card(name)
    assert card.name == name
    assert card.title
    assert card.source
    assert card.licence
    assert card.layout
    assert card.notes
    assert len(card.parts) == len(set(card.parts)) >= 1


@pytest.mark.parametrize("name", CARDS)
def test_counts_are_of_known_parts_and_classes(name: str) -> None:
    card = get_card(name)
    assert set(card.counts) <= set(card.parts)
    for classes in card.counts.values():
        assert set(classes) <= {*card.class_names, "hidden"}
        assert all(count > 0 for count in classes.values())


@pytest.mark.parametrize("name", CARDS)
def test_views_cover_every_class_and_use_every_label(name: str) -> None:
    card = get_card(name)
    assert card.binary_view is None or len(card.views[card.binary_view].class_names) == 2
    for view in card.views.values():
        assert set(card.class_names) <= set(view.labels)
        assert sorted(set(view.labels.values())) == list(range(len(view.class_names)))
        assert view.title


@pytest.mark.parametrize("name", CARDS)
def test_a_card_of_fixed_classes_says_which_are_the_disease(name: str) -> None:
    card = get_card(name)
    assert not card.class_names or set() < set(card.positive) < set(card.class_names)
    for view in card.views.values():
        assert set() < set(view.positive) < set(view.class_names)


@pytest.mark.parametrize("name", CARDS)
def test_nothing_is_found_where_there_is_nothing(name: str, tmp_path: Path) -> None:
    assert data_set(name).find_root(tmp_path) is None
    assert data_set(name).find_root(tmp_path / "none") is None


def check_index(index: pd.DataFrame) -> None:
    """The contract of an index, for whichever card made it."""
    assert index["image_id"].is_unique
    assert index["image_id"].is_monotonic_increasing
    assert index["label"].dtype == "int64"
    assert index["order"].dtype == "int64"
    assert str(index["official_fold"].dtype) == "Int64"
    assert not index["image_id"].str.contains("\\", regex=False).any()
    assert all(Path(path).is_absolute() for path in index["path"])
    assert index.groupby("label")["class_name"].nunique().eq(1).all()
    assert {"subject", "field", "part", "class_name_full"} <= set(index)


def test_every_index_keeps_the_contract(tmp_path: Path) -> None:
    from PIL import Image

    layouts = {
        "all_subtypes": [f"Original/{c}/WBC-{m}{c}-00{n}.jpg" for c, m in SUBTYPES.items() for n in (1, 2)],
        "cnmc2019": [f"training_data/fold_{f}/{c}/UID_{s}{f}_999_1_{c}.bmp" for f in (0, 1) for c, s in CELLS.items()],
        "folder": ["a/1.png", "b/1.png", "b/2.png"],
        "phantom": [f"{c}/S{n}_0001.png" for n, c in enumerate(("normal", "all"))],
    }
    assert set(layouts) == set(CARDS)
    for name, files in layouts.items():
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(tmp_path / name / file)
        if name == "phantom":
            (tmp_path / name / "phantom.json").write_text('{"layout": "two_class"}')
        root = data_set(name).find_root(tmp_path / name)
        assert root == tmp_path / name
        index = data_set(name).read(root, DataSpec(card=name)).index
        assert len(index) == len(files)
        check_index(index)
        known = get_card(name).subjects_known
        assert index["subject"].notna().all() == known
        proof = data_set(name).verify(root, DataSpec(card=name))
        assert proof.card is get_card(name)
        assert proof.root == root
        assert not proof.unreadable
        assert sum(count.found for count in proof.counts) in (0, len(files))


SUBTYPES = {"Benign": "", "Early": "Malignant-", "Pre": "Malignant-", "Pro": "Malignant-"}
CELLS = {"all": "", "hem": "H"}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_can_be_shown(name: str) -> None:
    card = get_card(name)
    text = "\n".join(card_lines(card))
    assert text.startswith(f"{name}: ")
    assert ("synthetic" in text) == card.synthetic
    assert all(note in text for note in card.notes)


@pytest.mark.parametrize("name", CARDS)
def test_published_scores_are_metrics_that_every_language_names(name: str) -> None:
    for published in get_card(name).published_scores:
        assert published.scores
        for metric, value in published.scores.items():
            assert 0 < float(value) <= 1
            for language in languages():
                assert load_texts(language).name("metrics", metric) not in ("", metric)
