"""Facts that must hold on the real images, where `LEUKOLAB_DATA` names their folder."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from leukolab.cards import get_card, locate, read_index, verify
from leukolab.images import cell_statistics, colour_statistics, decode, map_files, pixel_digest
from leukolab.spec import DataSpec
from leukolab.splits import identity_groups

CELLS = DataSpec(card="cnmc2019", parts=("training", "preliminary"))


@pytest.fixture(scope="module")
def data(real_data: Path) -> Path:
    return real_data


def index_of(spec: DataSpec, data: Path, folder: str) -> pd.DataFrame:
    if not (data / folder).is_dir():
        pytest.skip(f"LEUKOLAB_DATA holds no {folder}")
    return read_index(spec, data / folder)


@pytest.fixture(scope="module")
def subtypes(data: Path) -> pd.DataFrame:
    return index_of(DataSpec(card="all_subtypes"), data, "ALL_subtypes")


@pytest.fixture(scope="module")
def cells(data: Path) -> pd.DataFrame:
    return index_of(CELLS, data, "C-NMC_Leukemia")


def over(index: pd.DataFrame, function) -> list:
    return list(map_files(lambda path: function(decode(Path(path))), list(index["path"]), "Reading"))


@pytest.mark.slow
def test_every_cell_is_proved_and_one_changed_pixel_is_named(cells: pd.DataFrame, data: Path, tmp_path: Path) -> None:
    result = verify(DataSpec(card="cnmc2019"), locate("cnmc2019", data))
    assert set(cells["image_id"]) <= set(result.proved)
    assert len(result.missing) + len(result.proved) == 15_115
    assert result.sound
    assert not result.unproved
    chosen = cells.iloc[[5, 1500]]
    for row in chosen.itertuples():
        (tmp_path / row.image_id).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(row.path, tmp_path / row.image_id)
    changed = tmp_path / chosen["image_id"].iloc[1]
    pixels = decode(changed)
    pixels[200, 200, 1] ^= 1
    Image.fromarray(pixels).save(changed, lossless=True, exact=True)
    result = verify(DataSpec(card="cnmc2019"), tmp_path)
    assert result.altered == (chosen["image_id"].iloc[1],)
    assert result.proved == (chosen["image_id"].iloc[0],)


def test_all_subtypes_is_whole_with_forty_pairs_in_pro(subtypes: pd.DataFrame) -> None:
    assert subtypes.groupby("class_name").size().to_dict() == {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}
    digests = pd.Series(over(subtypes, pixel_digest), index=subtypes["class_name"])
    sizes = digests.groupby(digests.to_numpy()).size()
    assert sizes.value_counts().to_dict() == {1: 3176, 2: 40}
    assert set(digests[digests.duplicated(keep=False).to_numpy()].index) == {"Pro"}


def test_colour_alone_tells_the_four_classes(subtypes: pd.DataFrame) -> None:
    features, labels = np.stack(over(subtypes, colour_statistics)), subtypes["label"].to_numpy()
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    trees = ExtraTreesClassifier(300, random_state=0, n_jobs=2).fit(features[train], labels[train])
    assert trees.score(features[test], labels[test]) > 0.97


@pytest.mark.slow
def test_size_and_colour_tell_leukaemic_cells_of_unseen_subjects(cells: pd.DataFrame) -> None:
    groups = identity_groups(cells, get_card("cnmc2019").same_person)["group"]
    assert groups.groupby(cells["label"].to_numpy()).nunique().to_dict() == {0: 24, 1: 32}
    features, labels = np.stack(over(cells, cell_statistics)), cells["label"].to_numpy()
    assert roc_auc_score(labels, features[:, 0]) == pytest.approx(0.80, abs=0.02)
    scores = np.zeros(len(labels))
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(features, labels, groups):
        trees = ExtraTreesClassifier(300, class_weight="balanced", min_samples_leaf=2, random_state=0, n_jobs=2)
        scores[test] = trees.fit(features[train], labels[train]).predict_proba(features[test])[:, 1]
    assert roc_auc_score(labels, scores) == pytest.approx(0.83, abs=0.02)


def test_statistics_are_fast(cells: pd.DataFrame) -> None:
    images = [decode(Path(path)) for path in cells["path"][::300]]
    seconds = []
    for image in images:
        start = time.perf_counter()
        colour_statistics(image)
        cell_statistics(image)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.02
