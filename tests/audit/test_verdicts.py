from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leukolab.audit.verdicts import by_doubt, judged, read_verdicts
from leukolab.base.errors import DataError

IMAGES = ["a", "b", "c", "d"]
INDEX = pd.DataFrame(
    {"image_id": IMAGES, "class_name": ["x", "x", "x", "y"], "subject": ["1", "2", "2", None], "label": [0, 0, 0, 1]}
)


def pairs(*rows: tuple[str, str, str, float, float, bool]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["image_id", "other_id", "kind", "score", "doubt", "sure"])


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "accept.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "image_id,other_id,verdict\nb,a,Same\nc,a,different\nd,a,\n",
        "Other_ID;Image_ID;Verdict\r\na;b;same\r\nc;a;different\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_is_read_as_a_page_or_a_spreadsheet_writes_it(tmp_path: Path, text: str, encoding: str) -> None:
    found = read_verdicts(written(tmp_path, text, encoding), IMAGES)
    assert found.to_numpy().tolist() == [["a", "b", "same"], ["a", "c", "different"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image_id,other_id\na,b\n", "expected the columns image_id, other_id and verdict, found image_id, other_id"),
        ("image_id,other_id,verdict\na,b,maybe\n", "row 2: verdict: expected 'same' or 'different', got 'maybe'"),
        ("image_id,other_id,verdict\na,bb,same\n", "row 2: other_id: expected an image of this data set, got 'bb'"),
        ("image_id,other_id,verdict\na,b,same\nb,a,different\n", "expected one verdict on each pair, found two on 'a'"),
    ],
)
def test_a_list_that_does_not_fit_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_verdicts(written(tmp_path, text), IMAGES)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: expected a list of pairs here, found none"):
        read_verdicts(tmp_path / "none.csv", IMAGES)


def test_labels_contradict_a_likeness_but_not_equal_pixels() -> None:
    found = pairs(
        ("d", "a", "near_twin", 0.8, 0.1, True),
        ("a", "d", "identical_pixels", 1.0, 0.0, True),
        ("a", "b", "near_twin", 0.6, 3.0, False),
        ("c", "d", "near_twin", 0.6, 3.0, False),
    )
    assert judged(found, INDEX)["verdict"].tolist() == ["two_classes", "", "doubtful"]


def test_a_person_has_the_last_word_and_may_name_pairs_of_their_own() -> None:
    found = pairs(("a", "d", "near_twin", 0.8, 0.1, True), ("a", "b", "near_twin", 0.9, 0.0, True))
    said = pd.DataFrame(
        [["a", "d", "same"], ["a", "b", "different"], ["b", "c", "same"]], columns=["image_id", "other_id", "verdict"]
    )
    table = judged(found, INDEX, said).set_index(["image_id", "other_id"])
    assert table["verdict"].to_dict() == {("a", "b"): "different", ("a", "d"): "same", ("b", "c"): "same"}
    assert table.loc[("b", "c"), "kind"] == "said"


def test_the_most_doubtful_pair_comes_first() -> None:
    found = pairs(
        ("a", "b", "identical_pixels", 1.0, 0.0, True),
        ("a", "c", "near_twin", 0.6, 0.9, True),
        ("b", "c", "near_twin", 0.55, 0.95, True),
        ("a", "d", "near_twin", 0.8, 0.1, True),
    )
    shown = by_doubt(judged(found, INDEX), INDEX)
    assert list(zip(shown["image_id"], shown["other_id"], strict=True)) == [
        ("a", "d"),
        ("a", "c"),
        ("a", "b"),
        ("b", "c"),
    ]
    assert shown.loc[0, ["class_name", "other_class", "subject"]].tolist() == ["x", "y", "1"]
