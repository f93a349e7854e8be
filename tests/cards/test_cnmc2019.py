from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.base.errors import DataError
from leukolab.cards import class_names, get_card, read_index, verify, verify_lines
from leukolab.cards.datasets import cnmc2019
from leukolab.cards.datasets.cnmc2019.official import HEADERS, official_digests, official_sha256, official_twins
from leukolab.spec import DataSpec
from leukolab.splits import identity_groups

PRELIMINARY = "validation_data/C-NMC_test_prelim_phase_data"
LABELS_FILE = f"{PRELIMINARY}_labels.csv"
BOTH = DataSpec(card="cnmc2019", parts=("training", "preliminary"))


def image(path: Path, seed: int = 0, size: int = 450) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "C-NMC_Leukemia"
    for number, name in enumerate(
        ["fold_0/all/UID_11_10_1_all.bmp", "fold_1/hem/UID_H7_2_3_hem.png", "fold_2/hem/UID_h3_10_1_hem.bmp"]
    ):
        image(root / "training_data" / name, number, 16)
    image(root / PRELIMINARY / "1.bmp", 8, 16)
    image(root / PRELIMINARY / "2.jpg", 9, 16)
    labels = "Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\nUID_H50_2_1_hem.bmp,2.bmp,0\n"
    (root / LABELS_FILE).write_text(labels)
    return root


def test_the_index_has_subjects_fields_folds_and_true_names(root: Path) -> None:
    index = read_index(BOTH, root.parent).set_index("image_id")
    assert class_names(index) == ("hem", "all")
    assert list(index.index) == sorted(index.index)
    small = index.loc["training_data/fold_2/hem/UID_h3_10_1_hem.bmp"]
    assert (small["subject"], small["field"], small["label"], small["official_fold"]) == ("h3", "h3_10", 0, 2)
    prelim = index.loc[f"{PRELIMINARY}/1.bmp"]
    assert (prelim["subject"], prelim["label"], prelim["part"]) == ("57", 1, "preliminary")
    assert index.loc[f"{PRELIMINARY}/2.jpg", "subject"] == "H50"
    assert index["official_fold"].isna().sum() == 2


@pytest.mark.parametrize("inside", ["training_data", "training_data/fold_0", "validation_data", "."])
def test_the_root_is_found_from_inside(root: Path, inside: str) -> None:
    assert cnmc2019.find_root(root / inside) == root


def test_both_labelled_parts_by_default_and_the_final_one_on_request(root: Path) -> None:
    image(root / "testing_data/C-NMC_test_final_phase_data/1.bmp", 5, 16)
    assert set(read_index(DataSpec(card="cnmc2019"), root)["part"]) == {"training", "preliminary"}
    final = read_index(DataSpec(card="cnmc2019", parts=("final",)), root)
    assert final[["label", "class_name"]].values.tolist() == [[-1, "hidden"]]


def test_a_part_that_is_not_there(root: Path) -> None:
    with pytest.raises(DataError, match=r"expected the images of part 'final', found none.*data\.parts"):
        read_index(DataSpec(card="cnmc2019", parts=("final",)), root)


def test_missing_labels_of_the_preliminary_part(root: Path) -> None:
    (root / LABELS_FILE).unlink()
    with pytest.raises(DataError, match="expected the labels of the preliminary part here, found no file"):
        read_index(BOTH, root)


def test_labels_with_other_columns(root: Path) -> None:
    (root / LABELS_FILE).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected columns Patient_ID, new_names and labels, found a, b"):
        read_index(BOTH, root)


def test_an_image_without_a_row(root: Path) -> None:
    image(root / PRELIMINARY / "3.bmp", 1, 16)
    with pytest.raises(DataError, match=r"3\.bmp: expected a row for it"):
        read_index(BOTH, root)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("fold_0/all/cell.bmp", "found 'cell'"), ("fold_0/all/UID_H1_1_1_hem.bmp", "expected a 'hem' image")],
)
def test_a_name_that_is_not_as_it_should_be(root: Path, name: str, sentence: str) -> None:
    image(root / "training_data" / name, 1, 16)
    with pytest.raises(DataError, match=sentence):
        read_index(BOTH, root)


def test_a_class_without_images(root: Path) -> None:
    (root / "training_data/fold_0/all/UID_11_10_1_all.bmp").unlink()
    with pytest.raises(DataError, match="found none of 'all'"):
        read_index(DataSpec(card="cnmc2019", parts=("training",)), root)


def test_two_endings_of_one_name(root: Path) -> None:
    image(root / "training_data/fold_0/all/UID_11_10_1_all.png", 1, 16)
    with pytest.raises(DataError, match="differ in their ending"):
        read_index(BOTH, root)


def test_the_official_list_is_complete() -> None:
    paths = list(official_digests())
    assert sum(path.startswith("training_data/") for path in paths) == 10_661
    assert sum(path.startswith(f"{PRELIMINARY}/") for path in paths) == 1_867
    assert sum(path.startswith("testing_data/") for path in paths) == 2_586
    assert cnmc2019.CARD.images == 15_114
    twins = official_twins()
    assert twins.groupby("group").size().tolist() == [2] * 106
    assert set(twins["path"]) <= set(paths)


def test_rebuilt_bytes_have_the_official_length() -> None:
    assert [len(head) for head in HEADERS.values()] == [54, 138]
    assert [int.from_bytes(head[2:6], "little") for head in HEADERS.values()] == [608_454, 608_538]


def test_pillow_agrees_with_the_rebuilt_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = image(tmp_path / "a.bmp")
    pixels = np.array(Image.open(path))
    monkeypatch.setitem(HEADERS, "training", path.read_bytes()[:54])
    import hashlib

    assert official_sha256(pixels, "training") == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def official(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Makes the pixels of a file the official ones of a name."""
    listed: dict[str, str] = {}
    monkeypatch.setattr("leukolab.cards.datasets.cnmc2019.layout.official_digests", lambda: listed)

    def declare(name: str, path: Path) -> None:
        part = "training" if name.startswith("training") else "preliminary"
        listed[name] = official_sha256(np.array(Image.open(path)), part) or "of another size"

    return declare


def test_verify_proves_lossless_copies_and_names_what_is_wrong(
    root: Path, official: Callable[[str, Path], None]
) -> None:
    folder = root / "training_data/fold_0/all"
    for name in ("UID_1_1_1_all", "UID_1_1_2_all", "UID_1_1_3_all", "UID_1_1_4_all"):
        official(f"training_data/fold_0/all/{name}.bmp", image(folder / f"{name}.png", int(name[-5])))
    official("training_data/fold_0/all/UID_9_1_1_all.bmp", image(folder / "UID_1_1_2_all.png", 2))
    pixels = np.array(Image.open(folder / "UID_1_1_2_all.png"))
    pixels[449, 449, 2] ^= 1
    Image.fromarray(pixels).save(folder / "UID_1_1_2_all.png")
    Image.open(folder / "UID_1_1_3_all.png").save(folder / "UID_1_1_3_all.jpg")
    (folder / "UID_1_1_3_all.png").unlink()
    (folder / "UID_1_1_4_all.png").write_bytes(b"broken")
    result = verify(DataSpec(card="cnmc2019"), root)
    place = "training_data/fold_0/all"
    assert result.proved == (f"{place}/UID_1_1_1_all.png",)
    assert result.altered == (f"{place}/UID_1_1_2_all.png",)
    assert result.unproved == (f"{place}/UID_1_1_3_all.jpg",)
    assert "UID_1_1_4_all.png" in result.unreadable[0]
    assert result.missing == (f"{place}/UID_9_1_1_all.bmp",)
    assert f"{place}/UID_11_10_1_all.bmp" in result.extra
    assert not result.sound
    text = "\n".join(verify_lines(result))
    assert "1 altered: not the official pixels:\n    training_data/fold_0/all/UID_1_1_2_all.png" in text
    assert "1 missing" in text
    assert text.endswith("Not as it should be: see above.")


def test_a_resized_copy_is_altered_even_as_jpeg(root: Path, official: Callable[[str, Path], None]) -> None:
    name = "training_data/fold_0/all/UID_1_1_1_all"
    official(f"{name}.bmp", image(root / f"{name}.png", 1))
    (root / f"{name}.png").unlink()
    image(root / f"{name}.jpg", 1, 224)
    assert verify(DataSpec(card="cnmc2019"), root).altered == (f"{name}.jpg",)


def test_an_altered_labels_file_is_named(root: Path) -> None:
    assert LABELS_FILE in verify(DataSpec(card="cnmc2019"), root).altered


PERSONS = ("1 15 16 17 20 21", "43 44", "51 55 75 78", "H2 H4 H5 H6 H7", "H10 h3", "H14 H24")
"""Subject numbers that are one person each: they share cells, identical or cut out twice."""


def test_subject_numbers_that_share_cells_are_one_person() -> None:
    alone = ["2", "H3", "H1"]
    subjects = [*" ".join(PERSONS).split(), *alone]
    index = pd.DataFrame({"image_id": [f"{name}.bmp" for name in subjects], "subject": subjects})
    groups = identity_groups(index, get_card("cnmc2019").same_person)
    found = {frozenset(own) for _, own in index["subject"].groupby(groups["group"])}
    assert found == {frozenset(person.split()) for person in [*PERSONS, *alone]}
