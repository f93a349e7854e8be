"""Shuffled numbers: what a method uses costs it, what it does not use costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from leukolab.images.handcrafted import features
from leukolab.methods import Fold, Images, Learned, learn
from leukolab.methods.importance import COLUMNS, MOST, importance
from leukolab.spec import AnyFeatures, CropSpec, HandcraftedFeatures, LearnerSpec, MethodSpec, NetworkFeatures

CROP = CropSpec(edge_px=48, about="cell", size_px=48)
SEEN = HandcraftedFeatures(handcrafted=("size", "nucleus"), crop=CROP)
NAMES = [one.name for one in features(SEEN.handcrafted)]
LAYERS = NetworkFeatures(backbone="net", layers=("a",))


def drawn(n: int, told: float, seed: int, *seen: AnyFeatures) -> Images:
    """Numbers of which the first alone tells the class, by as much as `told`; layers tell nothing."""
    rng, labels = np.random.default_rng(seed), np.arange(n) % 2
    sources = {one: rng.normal(size=(n, len(NAMES))).astype(np.float32) for one in seen}
    for one in seen:
        if isinstance(one, HandcraftedFeatures):
            sources[one][:, 0] += told * labels
    return Images(sources, labels, np.array([f"g{row // 8}" for row in range(n)], dtype=object), 2)


def learned(*seen: AnyFeatures) -> Learned:
    learner = LearnerSpec(estimator="LogisticRegression", parameters={"C": 0.1})
    spec = MethodSpec(name="mine", title="Mine", features=seen, learner=learner)
    rows = np.arange(240)
    folds = [Fold(rows[rows % 3 != k], np.ones(160, np.int64), rows[rows % 3 == k]) for k in range(3)]
    return learn(spec, drawn(240, 3.0, 1, *seen), folds, 1)


@pytest.mark.parametrize("seen", [(SEEN,), (LAYERS, SEEN)])
def test_the_number_that_tells_the_class_costs_most_and_so_does_its_family(seen: tuple[AnyFeatures, ...]) -> None:
    method = learned(*seen)
    test = drawn(MOST, 3.0, 2, *seen)
    table = importance(method, test, 5)
    assert list(table.columns) == list(COLUMNS)
    assert table[table["kind"] == "feature"]["name"].tolist() == NAMES
    assert table["unit"].iloc[len(set(table["family"]))] == features(("size",))[0].unit
    numbers = table[table["kind"] == "feature"].set_index("name")["increase"]
    families = table[table["kind"] == "family"].set_index("name")["increase"]
    assert numbers.idxmax() == NAMES[0]
    assert numbers.max() > 0.3
    assert numbers.drop(NAMES[0]).abs().max() < 0.1
    assert families["size"] > 0.3 > abs(families["nucleus"])
    probabilities = method.probabilities(test.sources)
    assert importance(method, test, 5).equals(table)
    assert np.array_equal(method.probabilities(test.sources), probabilities)


def test_numbers_seen_in_colour_and_in_grey_are_shuffled_together() -> None:
    grey = SEEN.model_copy(update={"grey": True})
    table = importance(learned(SEEN, grey), drawn(MOST, 3.0, 2, SEEN, grey), 5)
    numbers = table[table["kind"] == "feature"].set_index("name")["increase"]
    assert len(numbers) == len(NAMES)
    assert numbers[NAMES[0]] > 0.5


def test_a_method_that_sees_none_has_no_rows() -> None:
    assert importance(learned(LAYERS), drawn(60, 0.0, 2, LAYERS), 5).empty
