from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from leukolab.audit.exact import TURNS, turned
from leukolab.audit.looks import Looks, colours_digest, look_at
from leukolab.audit.twins import COLUMNS, KINDS, find_twins
from leukolab.images import decode


def kinds(pairs: pd.DataFrame) -> dict[frozenset[str], str]:
    return {frozenset((row.image_id, row.other_id)): str(row.kind) for row in pairs.itertuples()}


def test_every_planted_twin_is_found_and_no_other(planted: Any, planted_looks: Looks) -> None:
    twins = find_twins(planted.paths, planted.names, planted.labels, planted_looks)
    assert kinds(twins.pairs) == planted.twins
    assert list(twins.pairs.columns) == list(COLUMNS)
    assert set(twins.pairs["kind"]) <= set(KINDS)
    assert not twins.pairs["contradicts"].any()
    assert twins.pairs["doubt"].is_monotonic_increasing
    assert (twins.pairs.loc[twins.pairs["kind"].isin(KINDS[:3]), "doubt"] == 0).all()
    cells = twins.thresholds[twins.thresholds["form"] == "cell"]
    assert (cells["known_false"] > 1000).all()
    assert not cells["full"].any()


def test_the_turn_lays_the_first_as_the_other(planted: Any, planted_looks: Looks) -> None:
    pairs = find_twins(planted.paths, planted.names, planted.labels, planted_looks).pairs
    paths = dict(zip(planted.names, planted.paths, strict=True))
    for row in pairs[pairs["kind"] == "flipped"].itertuples():
        first, other = decode(paths[str(row.image_id)]), decode(paths[str(row.other_id)])
        assert (turned(first, int(str(row.turn))) == other).all()
    assert sorted(pairs.loc[pairs["turn"] > 0, "turn"]) == [1, 3, 6]


def test_twins_of_two_classes_contradict_and_do_not_spoil_the_threshold(planted: Any, planted_looks: Looks) -> None:
    labels = np.array(planted.labels)
    labels[-4:] = 1 - labels[-4:]
    pairs = find_twins(planted.paths, planted.names, labels, planted_looks).pairs
    assert kinds(pairs) == planted.twins
    assert pairs["contradicts"].sum() == 4
    labels[-4:] = -1
    assert not find_twins(planted.paths, planted.names, labels, planted_looks).pairs["contradicts"].any()


def test_without_classes_the_threshold_is_fixed(planted: Any, planted_looks: Looks) -> None:
    twins = find_twins(planted.paths, planted.names, [-1] * len(planted.names), planted_looks)
    assert kinds(twins.pairs) == planted.twins
    assert set(twins.thresholds["known_false"]) == {0}


def test_a_picture_in_many_files_is_tied_to_its_first(planted: Any, tmp_path: Path) -> None:
    data = planted.paths[0].read_bytes()
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths[:3]:
        path.write_bytes(data)
    for path in paths[3:]:
        Image.open(planted.paths[0]).save(path.with_suffix(".webp"), lossless=True)
    paths[3:] = [path.with_suffix(".webp") for path in paths[3:]]
    pairs = find_twins(paths, list("abcde"), [0] * 5).pairs
    assert sorted(zip(pairs["image_id"], pairs["other_id"], pairs["kind"], strict=True)) == [
        ("a", "b", "identical_bytes"),
        ("a", "c", "identical_bytes"),
        ("a", "d", "identical_pixels"),
        ("d", "e", "identical_bytes"),
    ]


def test_fields_are_searched_too(four_class: Path, tmp_path: Path) -> None:
    paths = sorted(four_class.glob("*/*.png"))[:40]
    Image.open(paths[3]).save(tmp_path / "again.jpg", quality=85)
    names = [*(str(number) for number in range(40)), "again"]
    labels = [*(number % 2 for number in range(40)), 1]
    twins = find_twins([*paths, tmp_path / "again.jpg"], names, labels)
    assert kinds(twins.pairs) == {frozenset(("3", "again")): "near_field"}


def test_fields_that_overlap_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    slides = [smear(rng) for _ in range(41)]
    cuts = [slide[:160, :160] for slide in slides] + [slides[40][70:230, 50:210]]
    for number, cut in enumerate(cuts):
        Image.fromarray(cut).save(tmp_path / f"{number:02d}.jpg", quality=85)
    paths = sorted(tmp_path.glob("*.jpg"))
    twins = find_twins(paths, [path.stem for path in paths], [*(number % 2 for number in range(41)), 0])
    assert kinds(twins.pairs) == {frozenset(("40", "41")): "near_field"}
    assert len(look_at(paths[:3], list("abc")).table.query("form == 'field'")) == 3


def smear(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Dark discs at random places on a pale ground, 240 x 240."""
    rows, columns = np.mgrid[:240, :240]
    picture = np.full((240, 240), 225.0)
    for row, column, radius, level in rng.uniform([0, 0, 6, 60], [240, 240, 16, 190], (60, 4)):
        picture[np.hypot(rows - row, columns - column) < radius] = level
    noisy = picture + rng.normal(0, 2, picture.shape)
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_unreadable_and_empty_images_have_no_twins(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    for name, level in (("black", 0), ("dark", 3), ("grey", 128), ("pale", 200)):
        Image.new("RGB", (90, 90), (level,) * 3).save(tmp_path / f"{name}.png")
    paths = sorted(tmp_path.glob("*.png"))
    names = [path.stem for path in paths]
    looks = look_at(paths, names)
    assert find_twins(paths, names, [0, 1, 0, 1, 0], looks).pairs.empty
    table = looks.table.set_index("image_id")
    assert "another kind" in table.loc["broken", "sentence"]
    assert table.loc["broken", "form"] == "unread"
    assert (table.loc[["black", "grey"], "deviation"] == 0).all()
    assert find_twins([], [], []).pairs.empty


def test_colours_know_a_picture_in_every_lay(picture: NDArray[np.uint8]) -> None:
    digests = {colours_digest(np.ascontiguousarray(turned(picture, turn))) for turn in range(len(TURNS))}
    assert len(digests) == 1
    assert len({turned(picture, turn).tobytes() for turn in range(len(TURNS))}) == 8
    picture[0, 0, 0] += 1
    assert colours_digest(picture) not in digests
