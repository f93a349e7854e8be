"""The simple rivals see what a single model of a study sees: fold by fold, averaged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from leukolab.spec import ProtocolSpec
from leukolab.splits import identity_groups, make_split
from leukolab.study import rivals
from leukolab.study.prepare import Material

SUBJECTS, EACH = 40, 3


@pytest.fixture
def material() -> Material:
    """40 subjects of three images; the label is also the only feature there is."""
    table = pd.DataFrame(
        [(f"s{s:02}_{n}.png", s % 2, "ab"[s % 2], f"s{s:02}") for s in range(SUBJECTS) for n in range(EACH)],
        columns=["image_id", "label", "class_name", "subject"],
    )
    index = table.assign(pixel_digest=table["image_id"])
    given = {"kind": "nested", "by": "group", "outer": 4, "folds": 3, "tuning": 0.2}
    protocol = ProtocolSpec.model_validate({"stance": "corrected", "split": given})
    groups = identity_groups(index)
    place = {name: row for row, name in enumerate(index["image_id"])}
    store = SimpleNamespace(rows=lambda names: np.array([place[name] for name in names], dtype=np.int64))
    splits = {"corrected": make_split(index, groups, "corrected", protocol, 5)}
    return Material(cast("Any", None), index, cast("Any", store), groups, splits, ("a", "b"))


def test_each_rival_is_trained_on_the_training_part_of_each_fold_and_averaged(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[np.ndarray]] = {"features": [], "colour": []}

    def scripted(method: str) -> Any:
        def answer(seen: Any, labels: Any, weights: np.ndarray, rows: np.ndarray, seed: int) -> Any:
            assert weights[labels[rows] == 0].sum() == pytest.approx(weights[labels[rows] == 1].sum())
            asked[method].append(rows)
            answers = np.tile([1.0 - len(asked[method]) / 10, len(asked[method]) / 10], (len(labels), 1))
            return lambda seen: answers

        return answer

    monkeypatch.setattr(rivals, "fitted_features", scripted("features"))
    monkeypatch.setattr(rivals, "fitted_probe", scripted("colour"))
    seen = rivals.RivalInputs(np.zeros((SUBJECTS * EACH, 2), np.float16), np.zeros((SUBJECTS * EACH, 2)))
    found = rivals.run_rivals(material, rivals.rivals_of([("corrected", 2)]), seen, 7)
    split = material.splits["corrected"]
    for method, rows in asked.items():
        assert [sorted(material.index["image_id"][own]) for own in rows] == [
            list(split.part(2, fold, "train")["image_id"]) for fold in split.folds(2)
        ], method
    assert found["p_1"].to_numpy() == pytest.approx(0.2)  # the mean of 0.1, 0.2 and 0.3
    assert set(found["role"]) == {"tuning", "test"}
    tested = found.loc[(found["role"] == "test") & found["member"].str.contains("features"), "image_id"]
    assert sorted(tested) == sorted(split.part(2, 1, "test")["image_id"])
