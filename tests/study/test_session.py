"""What a study about to run knows of its images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leukolab.base.home import Home
from leukolab.spec import load_study
from leukolab.study.prepare import prepare
from leukolab.study.session import training_order


def test_images_that_train_together_stand_together(two_class: Path, home: Home) -> None:
    """Whatever outer parts a run asks for, so that runs of other parts find the same views."""
    split = "protocols.corrected.split={kind: nested, by: group, outer: 5, folds: 3, tuning: 0.2}"
    given = ["image.size_px=48", split]
    material = prepare(load_study("demo", given), two_class, home)
    order = training_order(material)
    assert sorted(order) == list(range(60))
    table = material.splits["corrected"].table
    training = table[table["role"] == "train"]
    trains = np.stack(
        [
            np.isin(material.store.image_ids, training.loc[training["outer"] == outer, "image_id"])
            for outer in range(1, 6)
        ]
    )[:, order]
    assert not trains.all(axis=1).any(), "some images never train in an outer part"
    first = trains[0].astype(int)
    assert list(np.sort(first)[::-1]) == list(first), "those that train in the first come first"
    changes = int((np.diff(trains.astype(int), axis=1) != 0).any(axis=0).sum())
    assert changes + 1 == len(np.unique(trains, axis=1).T), "each set of outer parts is one piece"
    other = prepare(load_study("demo", [*given, "outer_parts=[2]"]), two_class, home)
    assert np.array_equal(training_order(other), order)
