"""Runs and files against each other: on which images, of whom, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.report.compare import lines, write_page
from leukolab.report.texts import load_texts
from leukolab.results.compare import Contender, compare, contender_of
from small_runs import SmallRun

NAMES = ("hem", "all")
IMAGES = [f"cell{n:03}" for n in range(120)]
LABELS = np.repeat([0, 1], 60)
GROUPS = np.repeat([f"s{n:02}" for n in range(12)], 10)


def contender(name: str, wrong: list[int], groups: np.ndarray | None = GROUPS) -> Contender:
    """Predictions of 12 subjects with ten images each, so many of them wrong."""
    wrong_n = np.concatenate([np.arange(10) < count for count in wrong])
    called = np.where(wrong_n, 1 - LABELS, LABELS).astype(float)
    table = pd.DataFrame({"label": LABELS, "p_0": 1 - called, "p_1": called}, index=pd.Index(IMAGES, name="image_id"))
    return Contender(name, NAMES, table.assign(group=groups))


GOOD, WEAK = contender("good", [0, 1] * 6), contender("weak", [4, 5, 6, 4, 5, 4] * 2)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def test_two_on_the_same_images_by_hand() -> None:
    found = compare([GOOD, WEAK])
    assert found.values == {"good": pytest.approx(0.95), "weak": pytest.approx(1 - 28 / 60)}
    ((first, second, one),) = found.pairs
    assert (first, second, one.answer) == ("good", "weak", "better")
    assert one.difference == pytest.approx(28 / 60 - 0.05)
    assert one.p_holm == one.p_value == 2 / 2**12
    assert codes(found.findings) == ["compare.same_images", "compare.subjects", "test.these_models"]
    assert found.findings[1].values == {"subjects": 12}


def test_three_are_corrected_together() -> None:
    found = compare([GOOD, WEAK, contender("middle", [2, 1] * 6)])
    assert [(first, second) for first, second, _ in found.pairs] == [
        ("good", "weak"), ("good", "middle"), ("weak", "middle"),
    ]  # fmt: skip
    least, adjusted = (min(getattr(one, name) for *_, one in found.pairs) for name in ("p_value", "p_holm"))
    assert adjusted == pytest.approx(3 * least)


def test_only_shared_images_count_and_this_is_said() -> None:
    part = replace(WEAK, predictions=WEAK.predictions.iloc[:100])
    found = compare([GOOD, part])
    assert found.values["weak"] == pytest.approx((1 - 28 / 60 + 1 - 19 / 40) / 2)
    assert found.findings[0].code == "compare.shared_images"
    assert found.findings[0].values == {"images": 100, "counts": ["good 120", "weak 100"]}
    assert found.findings[1].values == {"subjects": 10}


def test_order_of_the_rows_does_not_count() -> None:
    turned = replace(WEAK, predictions=WEAK.predictions.iloc[::-1])
    assert compare([GOOD, turned]).pairs == compare([GOOD, WEAK]).pairs


def test_persons_of_either_are_persons_of_both() -> None:
    """One holds s00 and s01 for one person, the other s01 and s02: all three are one."""
    first = replace(GOOD, predictions=GOOD.predictions.replace({"group": {"s01": "s00"}}))
    second = replace(WEAK, predictions=WEAK.predictions.replace({"group": {"s02": "s01"}}))
    assert compare([first, second]).findings[1].values == {"subjects": 10}


def test_unknown_subjects_have_a_difference_by_image_and_no_test() -> None:
    barred = Finding("test.unknown_subjects", "info")
    found = compare([replace(contender("a", [1] * 12, None), barred=barred), WEAK])
    assert found.pairs[0][2].answer == "no_test"
    assert codes(found.findings) == ["compare.same_images", "test.unknown_subjects"]
    assert not found.subjects_known


def test_a_split_that_leaks_is_not_tested() -> None:
    found = compare([GOOD, replace(WEAK, barred=Finding("test.leaky_split", "info"))])
    assert found.pairs[0][2].answer == "no_test"
    assert codes(found.findings)[-1] == "test.leaky_split"


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], "expected two or more, got 1"),
        ([replace(WEAK, class_names=("normal", "all"))], r"weak: expected the classes of good \(hem, all\)"),
        ([replace(WEAK, predictions=WEAK.predictions.rename(index=lambda name: f"other/{name}"))], "found none"),
        ([replace(WEAK, predictions=WEAK.predictions.assign(label=0))], "weak: expected the label that 'cell060'"),
    ],
)
def test_what_cannot_be_compared_is_refused(others: list[Contender], said: str) -> None:
    with pytest.raises(DataError, match=said):
        compare([GOOD, *others])


def test_other_pixels_under_the_same_name_are_refused() -> None:
    ours = replace(GOOD, predictions=GOOD.predictions.assign(pixel_digest="a"))
    theirs = replace(WEAK, predictions=WEAK.predictions.assign(pixel_digest="b"))
    with pytest.raises(DataError, match="expected the pixels that 'cell000' has in good"):
        compare([ours, theirs])
    assert compare([ours, WEAK]).values == compare([GOOD, WEAK]).values


def test_lines_for_the_terminal() -> None:
    found = list(lines(compare([GOOD, WEAK]), load_texts()))
    assert found[:3] == ["Comparison: balanced accuracy by subject", "good  0.9500", "weak  0.5333"]
    said = found[3:]
    assert said[0].startswith("good is better than weak (difference +0.417, 95 % interval ")
    assert said[1:] == [
        "All are scored on the same 120 test images.",
        "They are of 12 subjects.",
        "This holds for these trained models; trained again, others may come out.",
    ]
    few = list(lines(compare([GOOD, replace(WEAK, predictions=WEAK.predictions.iloc[50:70])]), load_texts()))
    assert few[3] == "good minus weak: difference +0.350."
    assert few[-1] == "2 subjects cannot answer this: at least 6, 3 per class, are needed."


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_page_holds_the_answer_and_the_numbers(language: str, tmp_path: Path) -> None:
    found = compare([GOOD, WEAK, contender("middle", [2, 1] * 6)])
    page = write_page(found, tmp_path, language)
    html, texts = page.read_text(encoding="utf-8"), load_texts(language)
    for text in (texts("compare.title"), texts.number(found.pairs[0][2].difference), "good minus weak"):
        assert text in html
    assert "<svg" in html
    assert not any(address in html for address in ("https://", "http://"))
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert {"compare.html", "tables/compared.csv", "tables/compared_pairs.tex", "figures/compared_pairs.svg"} <= files


def test_runs_stand_for_what_they_offer(pooled_run: SmallRun, mixing_run: SmallRun) -> None:
    """All outer parts together where a run pools them; of another run only the images it tested are shared."""
    whole, part = contender_of(pooled_run.folder, "whole"), contender_of(mixing_run.folder, "part")
    assert len(whole.predictions) == len(pooled_run.folder.index)
    scores = pooled_run.folder.scores
    chosen = pooled_run.folder.chosen
    assert chosen.pooled is not None
    mine = scores[(scores["member"] == chosen.pooled.member) & (scores["metric"] == "balanced_accuracy")]
    again = compare([whole, replace(whole, name="again")])
    assert again.values["whole"] == pytest.approx(float(mine.loc[mine["unit"] == "subject", "value"].iloc[0]))
    assert again.pairs[0][2].difference == 0
    assert again.pairs[0][2].answer == "no_test", "no error, so no difference that could have been found"
    assert codes(again.findings)[0] == "compare.same_images"
    both = compare([whole, part])
    assert both.findings[0].values["images"] == len(part.predictions) < len(whole.predictions)
