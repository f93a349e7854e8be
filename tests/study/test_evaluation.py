from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukolab.base.errors import DataError, RunError, SpecError
from leukolab.base.findings import findings_from_text
from leukolab.report.texts import load_texts
from leukolab.study.evaluation import evaluate, evaluate_file, write_evaluation

TABLE = pd.DataFrame(
    {
        "label": ["healthy", "healthy", "blast", "blast", "blast", "healthy"],
        "p_healthy": [0.9, 0.4, 0.2, 0.5, 0.7, 0.8],
        "p_blast": [0.1, 0.6, 0.8, 0.5, 0.3, 0.2],
        "subject": ["A", "B", "C", "C", "D", "A"],
    }
)


def written(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False)
    return path


def test_scores_are_those_by_hand(tmp_path: Path) -> None:
    """Two of three blasts called (0.5 is a blast), two of three healthy ones left alone."""
    found = evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100)
    scores = found.scores.set_index(["metric", "unit"])["value"]
    assert scores["accuracy", "image"] == pytest.approx(4 / 6)
    assert scores["sensitivity", "image"] == pytest.approx(2 / 3)
    assert scores["specificity", "image"] == pytest.approx(2 / 3)
    assert scores["precision", "image"] == pytest.approx(2 / 3)
    assert scores["kappa", "image"] == pytest.approx((4 / 6 - 0.5) / 0.5)
    assert scores["auc", "image"] == pytest.approx(7 / 9)
    expected = -np.mean(np.log([0.9, 0.4, 0.8, 0.5, 0.3, 0.8]))
    assert scores["log_loss", "image"] == pytest.approx(expected)
    assert scores["accuracy", "subject"] == pytest.approx(2 / 4)
    assert scores["sensitivity", "subject"] == pytest.approx(1 / 2)
    assert found.subjects_known
    assert found.confusion.to_numpy().tolist() == [["healthy", 2, 1], ["blast", 1, 2]]


def test_arrays_are_scored_as_the_file_that_holds_them(tmp_path: Path) -> None:
    whole = evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100)
    labels = TABLE["label"].map({"healthy": 0, "blast": 1}).to_numpy()
    probs = TABLE[["p_healthy", "p_blast"]].to_numpy()
    found = evaluate(labels, probs, None, TABLE["subject"], ("healthy", "blast"), bootstrap=100)
    for name in ("scores", "confusion", "class_report"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(whole, name))
    assert found.subjects_known
    twice = evaluate(labels, probs, np.array([1, 1, 1, 1, 2, 1]), bootstrap=100)
    assert not twice.subjects_known
    assert twice.scores.set_index("metric")["value"]["accuracy"] == pytest.approx(4 / 7)
    assert list(twice.confusion["actual"]) == ["0", "1"]


def arguments(**changes: object) -> dict[str, Any]:
    """Those of `evaluate` for `TABLE`, some of them changed."""
    whole = {
        "y_true": [0, 0, 1, 1, 1, 0],
        "y_prob": TABLE[["p_healthy", "p_blast"]].to_numpy(),
        "groups": list(TABLE["subject"]),
        "class_names": ("healthy", "blast"),
        "bootstrap": 100,
    }
    return whole | changes


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_groups_of_which_one_is_missing_are_not_known(missing: object) -> None:
    found = evaluate(**arguments(groups=["A", "B", missing, "C", "D", missing]))
    assert not found.subjects_known
    pd.testing.assert_frame_equal(found.scores, evaluate(**arguments(groups=None)).scores)


def test_whole_numbers_as_float_are_labels() -> None:
    found = evaluate(**arguments(y_true=np.array([0.0, 0, 1, 1, 1, 0])))
    pd.testing.assert_frame_equal(found.scores, evaluate(**arguments()).scores)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_prob": [0.1] * 6}, r"y_prob: expected the shape \(n, k\), one column per class, got \(6,\)\. With two"),
        ({"y_prob": [["much"] * 2] * 6}, "y_prob: expected numbers"),
        ({"y_true": ["healthy"] * 6}, "y_true: expected whole numbers from 0, got healthy"),
        ({"y_true": ["0"] * 6}, "y_true: expected whole numbers from 0, got 0"),
        ({"y_true": [0, 0, 0.5, 1, 1, 1]}, r"y_true: expected whole numbers from 0, got 0\.5"),
        ({"y_true": [0, 0, np.inf, 1, 1, 1]}, "y_true: expected whole numbers from 0, got inf"),
        ({"y_true": [0, 1]}, r"y_true: expected one for each row of y_prob, the shape \(6,\), got \(2,\)"),
        ({"y_true": [0, 0, 2, 1, 1, 1]}, "expected labels from 0 to 1"),
        ({"groups": ["A"]}, r"groups: expected one for each row of y_prob, the shape \(6,\), got \(1,\)"),
        ({"class_names": ("a", "b", "c")}, r"class_names: expected one for each column of y_prob, .* got \(3,\)"),
        ({"sample_weight": [1, 1]}, r"sample_weight: expected one for each row .* got \(2,\)"),
        ({"sample_weight": [1, 1, 1, 1, 1, -1]}, "sample_weight: expected numbers of 0 or more"),
        ({"sample_weight": [1, 1, 1, 1, 1, np.nan]}, "sample_weight: expected numbers of 0 or more"),
        ({"sample_weight": [0] * 6}, "sample_weight: expected numbers of 0 or more, one above 0"),
        ({"sample_weight": [1, 0, 1, 1, 1, 1]}, "a weight above 0 for each of the groups, got only 0 for 'B'"),
    ],
)
def test_arguments_that_cannot_be_scored_are_one_sentence(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate(**arguments(**change))


def test_labels_may_be_numbers_and_files_parquet(tmp_path: Path) -> None:
    by_name = evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100)
    numbered = TABLE.assign(label=TABLE["label"].map({"healthy": 0, "blast": 1}))
    by_number = evaluate_file(written(tmp_path / "y.csv", numbered), bootstrap=100)
    numbered.to_parquet(tmp_path / "z.parquet")
    parquet = evaluate_file(tmp_path / "z.parquet", bootstrap=100)
    for other in (by_number, parquet):
        pd.testing.assert_frame_equal(by_name.scores, other.scores)


def test_without_subjects_it_says_so(tmp_path: Path) -> None:
    found = evaluate_file(written(tmp_path / "x.csv", TABLE.drop(columns="subject")), bootstrap=100)
    assert not found.subjects_known
    assert set(found.scores["unit"]) == {"image"}
    assert [made.code for made in findings_from_text(found.scores["interval"].iloc[0])] == ["interval.unknown_subjects"]
    assert found.scores[["low", "high"]].isna().all(axis=None)


def test_a_class_without_an_image_is_named(tmp_path: Path) -> None:
    assert evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100).absent == []
    one = TABLE[TABLE["label"] == TABLE["label"].iloc[0]]
    (absent,) = evaluate_file(written(tmp_path / "x.csv", one), bootstrap=100).absent
    assert absent != TABLE["label"].iloc[0]


def test_tables_are_written(tmp_path: Path) -> None:
    found = evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100)
    write_evaluation(found, tmp_path / "out", load_texts().findings)
    back = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert back["interval"].str.startswith("Bayesian bootstrap over").all()
    assert back["value"].tolist() == pytest.approx(found.scores["value"].tolist())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"scores.csv", "confusion.csv", "class_report.csv"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": None}, "expected the columns 'label'"),
        ({"p_healthy": None}, "one 'p_<class>' for each class"),
        ({"label": "blasst"}, "expected one of healthy, blast"),
        ({"label": np.nan}, "expected one of healthy, blast"),
        ({"p_blast": 3.0}, "probabilities from 0 to 1"),
        ({"p_blast": np.nan}, "probabilities from 0 to 1"),
        ({"p_blast": "much"}, "p_blast: expected numbers"),
        ({"p_blast": 0.9}, "sum to 1"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    ((name, value),) = change.items()
    table = TABLE.drop(columns=name) if value is None else TABLE.assign(**{name: value})
    with pytest.raises(DataError) as caught:
        evaluate_file(written(tmp_path / "x.csv", table), bootstrap=100)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_hold_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found none"):
        evaluate_file(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes(b"")
    with pytest.raises(DataError, match="expected a CSV table"):
        evaluate_file(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81" * 50)
    with pytest.raises(DataError, match="expected"):
        evaluate_file(tmp_path / "x.csv")
    with pytest.raises(DataError, match="expected at least one row"):
        evaluate_file(written(tmp_path / "x.csv", TABLE.iloc[:0]))


def test_names_of_classes_that_are_numbers_are_names(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1, 2, 2], "p_1": [0.9, 0.2, 0.1], "p_2": [0.1, 0.8, 0.9]})
    path = tmp_path / "numbers.csv"
    table.to_csv(path, index=False)
    scores = evaluate_file(path, 100, positive=("2",)).scores
    assert float(scores.loc[scores["metric"] == "accuracy", "value"].iloc[0]) == 1.0


def test_the_disease_is_what_scores_speak_of_wherever_its_column_stands(tmp_path: Path) -> None:
    turned = TABLE[["label", "p_blast", "p_healthy", "subject"]]
    for table in (TABLE, turned):
        found = evaluate_file(written(tmp_path / "x.csv", table), bootstrap=100)
        assert found.classes is not None
        assert (found.classes.names, found.classes.decided_by) == (("healthy", "blast"), "name")
        assert [one.column for one in found.meant] == ["p_healthy", "p_blast"]
        scores = found.scores.set_index(["metric", "unit"])["value"]
        assert scores["auc", "image"] == pytest.approx(7 / 9)
    other = evaluate_file(tmp_path / "x.csv", bootstrap=100, positive=("Healthy",))
    assert other.classes is not None
    assert other.classes.positive_class == "healthy"


def test_of_two_classes_that_do_not_say_it_both_ways_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", TABLE.rename(columns={"p_healthy": "p_0", "p_blast": "p_1"}).assign(label=0))
    with pytest.raises(SpecError, match=r"Set data\.positive=0 or data\.positive=1\."):
        evaluate_file(path)


@pytest.mark.parametrize(
    ("labels", "written_as"),
    [
        ({"healthy": "Healthy", "blast": "BLAST"}, None),
        ({"healthy": "0", "blast": "1"}, None),
        ({"healthy": "0.0", "blast": "1.0"}, None),
        ({"healthy": "normal", "blast": "leukaemic (all)"}, None),
        ({"healthy": "sehat", "blast": "kanker"}, None),
        ({"healthy": "Hem", "blast": "ALL"}, "all"),
    ],
)
def test_labels_as_people_write_them(tmp_path: Path, labels: dict[str, str], written_as: str | None) -> None:
    renamed = {"p_healthy": "p_hem", "p_blast": "p_all"} if written_as else {}
    expected = evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100)
    table = TABLE.assign(label=TABLE["label"].map(labels)).rename(columns=renamed)
    found = evaluate_file(written(tmp_path / "y.csv", table), bootstrap=100)
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    assert [one.labels for one in found.meant] == [
        (str(labels["healthy"]).removesuffix(".0"),),
        (str(labels["blast"]).removesuffix(".0"),),
    ]


def test_labels_that_are_names_of_called_classes(tmp_path: Path) -> None:
    """Columns that are only numbered take their names from the calls beside them."""
    called = np.where(TABLE["p_blast"] > TABLE["p_healthy"], "blast", "healthy")
    table = TABLE.rename(columns={"p_healthy": "P_0", "p_blast": "P_1"}).assign(Called=called)
    found = evaluate_file(written(tmp_path / "x.csv", table.iloc[[0, 1, 2, 4, 5]]), bootstrap=100)
    assert [(one.class_name, one.column) for one in found.meant] == [("healthy", "P_0"), ("blast", "P_1")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_semicolons_decimal_commas_and_marks(tmp_path: Path, encoding: str) -> None:
    TABLE.to_csv(tmp_path / "x.csv", sep=";", decimal=",", index=False, encoding=encoding)
    expected = evaluate_file(written(tmp_path / "y.csv", TABLE), bootstrap=100)
    pd.testing.assert_frame_equal(evaluate_file(tmp_path / "x.csv", bootstrap=100).scores, expected.scores)


def test_spellings_of_one_subject_are_one_person_and_this_is_said(tmp_path: Path) -> None:
    spelled = TABLE.assign(subject=["2", "B", "c01", "C1", "D", "2.0"])
    found = evaluate_file(written(tmp_path / "x.csv", spelled), bootstrap=100)
    whole = evaluate_file(written(tmp_path / "y.csv", TABLE), bootstrap=100)
    pd.testing.assert_frame_equal(found.scores, whole.scores)
    (said,) = found.findings
    assert (said.code, said.values["names"]) == ("read.subjects_merged", ["2 = 2.0", "C1 = c01"])
    assert whole.findings == ()


def test_a_subject_that_names_nobody_is_no_person(tmp_path: Path) -> None:
    nobody = TABLE.assign(subject=["A", "B", "-", "-", "unknown", "A"])
    assert not evaluate_file(written(tmp_path / "x.csv", nobody), bootstrap=100).subjects_known


def test_an_auc_far_under_a_half_is_told(tmp_path: Path) -> None:
    assert evaluate_file(written(tmp_path / "x.csv", TABLE), bootstrap=100).exchanged is None
    wrong = TABLE.rename(columns={"p_healthy": "p_blast", "p_blast": "p_healthy"})
    assert evaluate_file(written(tmp_path / "x.csv", wrong), bootstrap=100).exchanged == pytest.approx(2 / 9)


def parquet(path: Path, names: list[str]) -> Path:
    """A table of two images whose columns bear these names; of others than probabilities, classes."""
    values = {"p_healthy": [0.9, 0.1], "p_blast": [0.1, 0.9]}
    columns = [pa.array(values.get(name.strip(), ["healthy", "blast"])) for name in names]
    pq.write_table(pa.Table.from_arrays(columns, names=names), path)
    return path


@pytest.mark.parametrize(
    ("again", "named"),
    [("p_blast", "p_blast"), (" p_blast", "p_blast"), ("label", "label"), (" label", "label"), ("Label", "label")],
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, again: str, named: str) -> None:
    path = parquet(tmp_path / "x.PARQUET", ["label", "p_healthy", "p_blast", again])
    with pytest.raises((DataError, RunError), match=f"found two of '{named}'") as caught:
        evaluate_file(path)
    assert "\n" not in str(caught.value)
    header = f"label,p_healthy,p_blast,{again}"
    (tmp_path / "x.csv").write_text(f"{header}\nhealthy,0.9,0.1,0\nblast,0.1,0.9,0\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"found two of '{named}'"):
        evaluate_file(tmp_path / "x.csv")


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    found = evaluate_file(parquet(tmp_path / "x.PARQUET", ["label", "p_healthy", "p_blast"]), bootstrap=100)
    assert found.confusion.iloc[:, 1:].to_numpy().tolist() == [[1, 0], [0, 1]]
