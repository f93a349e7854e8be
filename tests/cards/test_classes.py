"""Which class is the disease: as set, as the card says, by unmistakable names, and never by order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import SpecError
from leukolab.cards import class_names, classes_of, get_card, read_index, summary
from leukolab.cards.meaning import DISEASE, HEALTHY, meaning
from leukolab.report.texts import load_texts
from leukolab.spec import DataSpec, load_study
from leukolab.study.prepare import find_sources

OWN = get_card("folder")


def own(*names: str, positive: str | tuple[str, ...] | None = None) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Order, classes of the disease and who decided, of images of one's own."""
    found = classes_of(names, DataSpec(card="folder", positive=positive), OWN)
    return found.names, found.positive, found.decided_by


@pytest.mark.parametrize(
    ("healthy", "ill"),
    [
        ("sehat", "leukemia"), ("hem", "all"), ("Normal", "Leukemia"), ("Jinak", "Ganas"), ("normal", "kanker"),
        ("benign", "malignant"), ("Benign tumor", "Malignant tumor"), ("negatif", "positif"), ("control", "patient"),
        ("sel normal", "sel blas"), ("non-leukemia", "leukemia"), ("bukan kanker", "kanker"), ("tanpa leukemia", "x"),
        ("NORMAL", "ALL"), ("healthy cells", "B-ALL"), ("other", "blast"), ("normal", "L1"), ("Neg", "Pos"),
        ("sain", "leucémie"), ("gesund", "Leukämie"), ("benigno", "maligno"), ("sağlıklı", "hasta"),
        ("норма", "лейкоз"),
        ("正常", "白血病"), ("not malignant", "not normal"), ("cancer free", "cancer"), ("nonmalignant", "malignant"),
        ("monosit", "limfoblas"), ("normal", "abnormal"), ("kontrol", "penderita"),
    ],
)  # fmt: skip
def test_unmistakable_names_decide_in_either_order(healthy: str, ill: str) -> None:
    assert own(healthy, ill) == own(ill, healthy) == ((healthy, ill), (ill,), "name")


@pytest.mark.parametrize(
    "names",
    [
        ("A", "B"), ("0", "1"), ("class 0", "class 1"), ("ALL", "AML"), ("leukemia", "cancer"), ("normal", "healthy"),
        ("normal leukemia", "group 2"), ("normalized", "stained"), ("blasted", "sickle"), ("patient 1", "patient 2"),
        ("early", "pre"), ("Leukemia No 1", "Leukemia No 2"), ("not no cancer", "x"),
    ],
)  # fmt: skip
def test_names_that_do_not_say_it_decide_nothing(names: tuple[str, str]) -> None:
    for order in (names, names[::-1]):
        assert own(*order) == (order, (), "nobody")


def test_what_is_set_comes_before_card_and_names() -> None:
    assert own("leukemia", "sehat", positive="sehat") == (("leukemia", "sehat"), ("sehat",), "setting")
    assert own("B", "A", positive="B") == (("A", "B"), ("B",), "setting")
    assert own("ALL", "AML", positive="all")[1] == ("ALL",)
    cells = classes_of(("hem", "all"), DataSpec(card="cnmc2019", positive="hem"), get_card("cnmc2019"))
    assert (cells.names, cells.positive_class) == (("all", "hem"), "hem")


def test_a_number_may_be_set() -> None:
    spec = load_study("classify", ["data.positive=1"]).data
    assert classes_of(("1", "2"), spec, OWN).names == ("2", "1")


@pytest.mark.parametrize(
    ("positive", "sentence"),
    [
        ("leukemai", r"data\.positive: expected one of the classes sehat, leukemia, got 'leukemai'\. Did"),
        (("sehat", "leukemia"), r"expected a class without the disease beside those with it"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_one_sentence(positive: str | tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        own("sehat", "leukemia", positive=positive)


def test_of_more_classes_every_name_must_say_it() -> None:
    assert own("blast", "normal", "cancer") == (("normal", "blast", "cancer"), ("blast", "cancer"), "name")
    assert own("Pre", "Benign", "Early")[1:] == ((), "nobody")
    several = classes_of(("Pre", "Benign", "Early"), DataSpec(card="folder", positive=("Early", "Pre")), OWN)
    assert several.names == ("Benign", "Pre", "Early")
    assert several.negative == ("Benign",)
    assert several.positive_class is None, "scores speak of one class only where there are two"
    several.check_decided()
    assert own("blast", "leukemia", "cancer")[1] == ()


@pytest.mark.parametrize(
    ("card", "view", "names", "positive"),
    [
        ("cnmc2019", None, ("all", "hem"), ("all",)),
        ("all_subtypes", None, ("Benign", "Early", "Pre", "Pro"), ("Early", "Pre", "Pro")),
        ("all_subtypes", "two_class", ("benign", "malignant"), ("malignant",)),
        ("phantom", None, ("normal", "all"), ("all",)),
        ("phantom", None, ("benign", "early", "pre", "pro"), ("early", "pre", "pro")),
        ("phantom", "two_class", ("normal", "malignant"), ("malignant",)),
    ],
)
def test_a_card_says_it(card: str, view: str | None, names: tuple[str, ...], positive: tuple[str, ...]) -> None:
    found = classes_of(names, DataSpec(card=card, view=view), get_card(card))
    assert (found.positive, found.decided_by) == (positive, "card")
    assert found.names[-len(positive) :] == positive


def test_meanings() -> None:
    assert [meaning(name) for name in ("Sel_Leukemik", "SEHAT", "hem_cells", "smear", "")] == [
        DISEASE, HEALTHY, HEALTHY, "", "",
    ]  # fmt: skip


def drawn(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), (90, number, 90)).save(root / name / "1.png")
    return root


def test_the_disease_is_label_1_whatever_its_letter(tmp_path: Path) -> None:
    index = read_index(DataSpec(card="folder"), drawn(tmp_path, "leukemia", "sehat"))
    assert dict(zip(index["class_name"], index["label"], strict=True)) == {"sehat": 0, "leukemia": 1}
    turned = read_index(DataSpec(card="folder", positive="sehat"), tmp_path)
    assert class_names(turned) == ("leukemia", "sehat")


def test_a_study_refuses_two_classes_that_do_not_say_it(tmp_path: Path) -> None:
    drawn(tmp_path, "A", "sel B")
    assert class_names(read_index(DataSpec(card="folder"), tmp_path)) == ("A", "sel B"), "they can be looked at"
    with pytest.raises(SpecError, match=r"found 'A' and 'sel B'.* Set data\.positive=A or data\.positive='sel B'\."):
        find_sources(load_study("classify"), tmp_path)
    spec = load_study("classify", ["data.positive='sel B'"])
    found = find_sources(spec, tmp_path)
    assert found.classes.positive_class == "sel B"
    assert found.settled(spec) == spec


def test_what_was_decided_is_kept_in_the_settings(tmp_path: Path) -> None:
    spec = load_study("classify")
    found = find_sources(spec, drawn(tmp_path, "leukemia", "sehat"))
    assert found.settled(spec).data.positive == "leukemia"


def test_what_was_read_in_lines(tmp_path: Path) -> None:
    drawn(tmp_path, "leukemia", "sehat")
    rows = ["path,label,subject", "leukemia/1.png,leukemia,P1", "sehat/1.png,sehat,"]
    for number in (2, 3):
        Image.new("RGB", (8, 8)).save(tmp_path / "leukemia" / f"{number}.png")
        rows.append(f"leukemia/{number}.png,leukemia,P2")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    spec = DataSpec(card="folder")
    index = read_index(spec, tmp_path / "table.csv")
    found = list(summary(index, classes_of(class_names(index), spec, OWN)))
    assert [load_texts().finding(one) for one in found] == [
        "what was read: 4 images",
        "class sehat: 1 image",
        "class leukemia, the disease: 3 images",
        "the disease is leukemia: as its name says",
        "2 subjects known, 1 to 2 images each (median 1.5)",
        "subjects: none known of 1 image, such as sehat/1.png",
    ]
    even = list(summary(index[index["subject"] == "P2"], classes_of(class_names(index), spec, OWN)))
    assert load_texts().finding(even[4]) == "1 subject known, 2 images each"
    assert load_texts("id").finding(found[3]) == "kelas penyakit adalah leukemia: menurut namanya"


def test_folders_inside_the_classes_are_pointed_at(tmp_path: Path) -> None:
    for number, name in enumerate(("leukemia", "leukemia", "sehat")):
        place = tmp_path / name / f"P{number}"
        place.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(place / "1.png")
    spec = DataSpec(card="folder")
    index = read_index(spec, tmp_path)
    said = [load_texts().finding(one) for one in summary(index, classes_of(class_names(index), spec, OWN))]
    assert said[-1].endswith("read them with data.subject_from='^[^/]+/([^/]+)/'")
    (pattern,) = re.findall("'(.*)'", said[-1])
    read = read_index(spec.model_copy(update={"subject_from": pattern}), tmp_path)
    assert sorted(read["subject"]) == ["P0", "P1", "P2"]
    assert "data.inner_folders" not in [one.code for one in summary(read, classes_of(class_names(read), spec, OWN))]
