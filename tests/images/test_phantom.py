from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukolab.base.errors import SpecError
from leukolab.base.streams import stream
from leukolab.images.phantom import STAGES, CellTruth, PhantomSpec, SubjectLook, draw_cell, subject_look

SIZE = 112
TRAITS = ("nc_ratio", "coarseness", "cleft_depth", "nucleoli", "vacuoles")


def draw(
    spec: PhantomSpec, stage: str, number: int, subject: str = "S001", size_px: int = SIZE
) -> tuple[np.ndarray, CellTruth]:
    return draw_cell(spec, stage, subject_look(spec, 7, subject), stream(7, subject, stage, number), size_px)


def mean_colour(image: np.ndarray) -> np.ndarray:
    return image[image.any(axis=2)].mean(axis=0)


@pytest.mark.parametrize("background", ["black", "smear"])
def test_same_seed_gives_the_same_bytes(background: str) -> None:
    spec = PhantomSpec(background=background)
    (one, truth), (two, again), (other, _) = draw(spec, "pro", 1), draw(spec, "pro", 1), draw(spec, "pro", 2)
    assert one.tobytes() == two.tobytes()
    assert truth == again
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("background", ["black", "smear"])
@pytest.mark.parametrize("size_px", [32, 113, 224])
def test_shape_and_type(background: str, size_px: int) -> None:
    image, _ = draw(PhantomSpec(background=background), "early", 1, size_px=size_px)
    assert image.shape == (size_px, size_px, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("background", ["black", "smear"])
def test_an_image_takes_few_milliseconds(background: str) -> None:
    spec = PhantomSpec(background=background)
    draw(spec, "early", 0, size_px=224)
    seconds = []
    for number in range(80):
        start = time.perf_counter()
        draw(spec, "early", number, size_px=224)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.010  # the goal is 0.005; the fastest, since other work on the machine only slows


@pytest.mark.parametrize("leak", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("stage", STAGES)
def test_the_mask_on_black_is_every_pixel_that_is_not_black(stage: str, leak: float) -> None:
    for number in range(5):
        image, truth = draw(PhantomSpec(leak_strength=leak, size_confound=True), stage, number, f"S{number}")
        inside = image.any(axis=2)
        assert int(inside.sum()) == truth.mask_area_px
        assert truth.mask_area_px == pytest.approx(np.pi * truth.radius_px**2, rel=0.03)
        assert truth.nc_ratio == truth.nucleus_area_px / truth.mask_area_px
        assert not inside[[0, -1]].any()
        assert not inside[:, [0, -1]].any()


def test_the_nucleus_is_where_the_image_is_dark() -> None:
    look = SubjectLook(focus_px=0.3)
    spec, seen, true = PhantomSpec(), [], []
    for number, stage in enumerate(["normal", "early", "pre", "pro"] * 10):
        image, truth = draw_cell(spec, stage, look, stream(3, number), 224)
        inside = image.any(axis=2)
        seen.append((image[inside][:, 1] < 55).mean())  # green is what the nucleus absorbs most
        true.append(truth.nc_ratio)
    assert np.corrcoef(seen, true)[0, 1] > 0.7
    assert np.mean(seen) == pytest.approx(np.mean(true), abs=0.12)


def test_backgrounds() -> None:
    black, _ = draw(PhantomSpec(background="black"), "pre", 1)
    smear, _ = draw(PhantomSpec(background="smear"), "pre", 1)
    assert not black[:4, :4].any()
    assert smear.max() > 200
    assert np.median(smear) > 150


def test_nucleus_is_purple_and_cytoplasm_bluer() -> None:
    image, truth = draw_cell(PhantomSpec(background="smear"), "normal", SubjectLook(), stream(1), 224)
    red, green, blue = image[truth.centre_y_px, truth.centre_x_px]
    assert blue > red > green


def test_blasts_are_larger_only_where_confounded() -> None:
    def area(stage: str, confound: bool) -> float:
        spec = PhantomSpec(size_confound=confound, leak_strength=0)
        return float(np.mean([draw(spec, stage, number)[1].mask_area_px for number in range(60)]))

    assert area("pro", True) / area("normal", True) == pytest.approx(1.44, rel=0.15)
    assert area("pro", False) / area("normal", False) == pytest.approx(1.0, rel=0.12)


def test_leak_strength_sets_how_well_colour_recognises_a_subject() -> None:
    def recognised(leak: float) -> float:
        spec = PhantomSpec(leak_strength=leak)
        names = [f"S{number:03d}" for number in range(8)]
        colours = [mean_colour(draw(spec, "early", n, name)[0]) for name in names for n in range(12)]
        who = np.repeat(names, 12)
        nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
        return float(cross_val_score(nearest, np.array(colours), who, cv=StratifiedKFold(4)).mean())

    none, some, strong = recognised(0), recognised(1), recognised(3)
    assert none < 0.27  # chance is 0.125
    assert some > 0.5
    assert strong > 0.8


def test_no_leak_is_one_look() -> None:
    looks = {subject_look(PhantomSpec(leak_strength=0), 7, name) for name in "abc"}
    assert looks == {SubjectLook()}
    spec = PhantomSpec()
    assert subject_look(spec, 7, "a") != subject_look(spec, 7, "b")
    assert subject_look(spec, 7, "a") == subject_look(spec, 7, "a")


def by_subject(class_strength: float) -> float:
    spec = PhantomSpec(class_strength=class_strength)
    rows, stages, subjects = [], [], []
    for number in range(24):
        stage = list(STAGES)[number % 4]
        for n in range(10):
            _, truth = draw(spec, stage, n, f"S{number}", 64)
            rows.append([asdict(truth)[name] for name in TRAITS])
            stages.append(stage)
            subjects.append(number)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(cross_val_score(model, rows, stages, groups=subjects, cv=StratifiedGroupKFold(4)).mean())


def test_stages_are_told_apart_by_their_traits_as_far_as_class_strength_says() -> None:
    assert by_subject(1.0) > 0.75
    assert by_subject(0.0) < 0.4  # chance is 0.25


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"background": "smeer"}, "Did you mean 'smear'"),
        ({"class_strength": -0.1}, "class_strength: expected a number from 0 to 1.5"),
        ({"leak_strength": 4}, "leak_strength"),
        ({"leak_strength": float("nan")}, "leak_strength"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        PhantomSpec(**settings)  # type: ignore[arg-type]


def test_unknown_stage_and_size() -> None:
    with pytest.raises(SpecError, match="Did you mean 'early'"):
        draw(PhantomSpec(), "earli", 1)
    with pytest.raises(SpecError, match="32 to 1024"):
        draw(PhantomSpec(), "early", 1, size_px=16)
