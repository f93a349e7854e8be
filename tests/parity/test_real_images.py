"""On real cells, in the machine's own precision and runtime, the engine ends where the plain loop ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.home import Home
from leukolab.base.streams import stream
from leukolab.cards import locate, read_index
from leukolab.engine import cached, reference, runtime
from leukolab.engine.bank import Bank
from leukolab.engine.fastest import fastest_runtime
from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Images
from leukolab.engine.training import RolePart, Training
from leukolab.engine.trunk import Trunk
from leukolab.images import pack
from leukolab.spec import AugmentSpec, DataSpec, RuntimeSpec, StageSpec, TrainingSpec

SIZE, TRAIN, VALIDATION, TEST = 224, 64, 24, 200
ALLOWED = 1 / 200
"""One image in 200."""
STAGES = (StageSpec(name="head", release="head", epochs=2), StageSpec(name="fine", release="last_stage", epochs=2))


@pytest.fixture
def cells(real_data: Path) -> pd.DataFrame:
    """Cells drawn by image: what is compared is two engines, not two patients."""
    if not (real_data / "C-NMC_Leukemia").is_dir():
        pytest.skip("LEUKOLAB_DATA holds no C-NMC_Leukemia")
    index = read_index(DataSpec(card="cnmc2019", parts=("training",)), locate("cnmc2019", real_data))
    chosen = stream(1, "parity").choice(len(index), TRAIN + VALIDATION + TEST, replace=False)
    return index.iloc[np.sort(chosen)].reset_index(drop=True)


@pytest.mark.slow
def test_accuracy_within_one_image_in_two_hundred(
    cells: pd.DataFrame, home: Home, build_network: Callable[..., Classifier]
) -> None:
    store = pack([Path(path) for path in cells["path"]], list(cells["image_id"]), SIZE, None, home)
    images, order = Images(store.array, store.key), stream(2, "parity").permutation(len(cells))
    cuts = np.split(order, [TRAIN, TRAIN + VALIDATION])
    parts = {
        role: RolePart(np.sort(rows), np.ones(len(rows), np.int64))
        for role, rows in zip(("train", "validation", "test"), cuts, strict=True)
    }
    settings = runtime.resolve_runtime(RuntimeSpec(device="cpu"))
    with runtime.settled(settings):
        settings = fastest_runtime(build_network(), SIZE, 1, settings, home)
        augment = AugmentSpec(flip_horizontal=True, flip_vertical=True, brightness=0.2, contrast=0.2, views=2)
        training = Training(
            name="parity", images=images, labels=cells["label"].to_numpy(np.int64), parts=parts, stages=STAGES,
            settings=TrainingSpec(batch_size=16, augment=augment), learning_rate=1e-3, class_weights=np.ones(2),
            seed=11, view_seed=7, runtime=settings,
        )  # fmt: skip
        plain = reference.train(build_network(), training)
        bank = Bank(Trunk(build_network(), SIZE, 1, settings, home), images, augment, 7, home)
        fast = cached.train(build_network(), training, lambda _: bank)
    labels = training.labels[parts["test"].rows]
    right = [(run.predictions["test"].argmax(axis=1) == labels).mean() for run in (plain, fast)]
    assert abs(right[0] - right[1]) <= ALLOWED + 1e-9
    assert min(right) > 0.7, "both must have learned something"
