from __future__ import annotations

import numpy as np
import pytest

from leukolab.engine import views
from leukolab.engine.views import Draw
from leukolab.spec import AugmentSpec

ALL = AugmentSpec(flip_horizontal=True, flip_vertical=True, brightness=0.2, contrast=0.3, rotate_deg=15, views=4)
PIXELS = np.random.default_rng(1).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)


def nothing(images: int, **given: np.ndarray) -> Draw:
    plain = {
        "flip_x": np.zeros(images, bool), "flip_y": np.zeros(images, bool), "brightness": np.ones(images),
        "contrast": np.ones(images), "rotate_deg": np.zeros(images),
    }  # fmt: skip
    return Draw(**(plain | given))  # type: ignore[arg-type]


def test_a_view_is_always_the_same_picture() -> None:
    one = views.changed(PIXELS, views.draw(ALL, 6, 7, "view 2"))
    np.random.default_rng(0).random(100)
    assert np.array_equal(one, views.changed(PIXELS, views.draw(ALL, 6, 7, "view 2")))
    assert not np.array_equal(one, views.changed(PIXELS, views.draw(ALL, 6, 7, "view 3")))
    assert not np.array_equal(one, views.changed(PIXELS, views.draw(ALL, 6, 8, "view 2")))


def test_an_image_keeps_its_parameters_whatever_batch_it_is_in() -> None:
    drawn = views.draw(ALL, 6, 7, "view 1")
    rows = np.array([4, 1])
    assert np.array_equal(views.changed(PIXELS, drawn)[rows], views.changed(PIXELS[rows], drawn[rows]))


def test_strengths_keep_to_their_range_and_use_it() -> None:
    drawn = views.draw(ALL, 4000, 7, "view 1")
    for values, low, high in ((drawn.brightness, 0.8, 1.2), (drawn.contrast, 0.7, 1.3), (drawn.rotate_deg, -15, 15)):
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high >= values.max() > high - 0.02 * (high - low)
    assert 0.45 < drawn.flip_x.mean() < 0.55
    assert 0.45 < drawn.flip_y.mean() < 0.55
    assert abs(np.corrcoef(drawn.flip_x, drawn.flip_y)[0, 1]) < 0.05


def test_flips_are_exact() -> None:
    every, none = np.ones(6, bool), np.zeros(6, bool)
    assert np.array_equal(views.changed(PIXELS, nothing(6, flip_x=every, flip_y=none)), PIXELS[:, :, ::-1])
    assert np.array_equal(views.changed(PIXELS, nothing(6, flip_x=none, flip_y=every)), PIXELS[:, ::-1])
    assert np.array_equal(views.changed(PIXELS, nothing(6)), PIXELS)


def test_brightness_scales_and_keeps_black_black() -> None:
    changed = views.changed(PIXELS, nothing(6, brightness=np.full(6, 0.5)))
    assert np.abs(changed.astype(int) - PIXELS.astype(int) // 2).max() <= 1
    black = views.changed(np.zeros_like(PIXELS), nothing(6, brightness=np.full(6, 1.2)))
    assert int(black.max()) == 0


def test_contrast_moves_from_the_mean_luma_of_the_image() -> None:
    changed = views.changed(PIXELS, nothing(6, contrast=np.full(6, 0.5), brightness=np.full(6, 0.8)))
    for before, after in zip(PIXELS, changed, strict=True):
        luma = (0.8 * before @ np.array([0.299, 0.587, 0.114])).mean()
        assert np.abs(after - (0.5 * 0.8 * before + 0.5 * luma)).max() <= 0.51


@pytest.mark.parametrize("count", [1, 3, 8])
def test_each_image_meets_every_view_before_one_comes_again(count: int) -> None:
    shown = np.stack([views.view_of_epoch(3, 50, count, epoch) for epoch in range(3 * count)])
    for cycle in range(3):
        part = np.sort(shown[cycle * count : (cycle + 1) * count], axis=0)
        assert (part == np.arange(1, count + 1)[:, None]).all()
    if count > 3:
        assert len(np.unique(shown[0])) > 3
        assert (shown[:count] != shown[count : 2 * count]).any()


def test_a_bank_is_no_larger_than_the_epochs_and_plain_without_changes() -> None:
    assert views.bank_size(ALL, 100) == 4
    assert views.bank_size(ALL, 2) == 2
    assert views.bank_size(AugmentSpec(), 100) == 0
    assert (views.view_of_epoch(3, 5, 0, 7) == 0).all()
    with pytest.raises(ValueError, match="no bank"):
        views.bank_size(AugmentSpec(flip_vertical=True, views="online"), 3)


def test_without_strength_nothing_changes() -> None:
    drawn = views.draw(AugmentSpec(), 6, 7, "view 1")
    assert np.array_equal(views.changed(PIXELS, drawn), PIXELS)
