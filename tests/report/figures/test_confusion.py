"""Confusion matrices of a report: counts, shares, marks, and the file beside them."""

from __future__ import annotations

import pandas as pd

from pages import Reported, figure_texts

CHAMPION, OFFERED = "\u2605", "\u25c6"


def _drawn(one: Reported, name: str) -> list[str]:
    return list(figure_texts((one.path.parent / "figures" / f"{name}.svg").read_text(encoding="utf-8")))


def test_every_model_of_an_outer_part_has_its_matrix(pooled: Reported) -> None:
    run = pooled.run
    for protocol, suffix in (("corrected", ""), ("published", "_published")):
        table = pd.read_csv(pooled.path.parent / "tables" / f"confusion_models{suffix}.csv")
        jobs = run.jobs[(run.jobs["protocol"] == protocol) & (run.jobs["outer"] == 1)]
        assert sorted(set(table["member"])) == sorted(jobs["job"])
        assert len(table) == 4 * len(jobs)
        stored = run.confusion[run.confusion["role"] == "test"]
        both = table.merge(stored, on=["member", "actual", "called"], suffixes=("", "_stored"))
        assert len(both) == len(table)
        assert (both["images"] == both["images_stored"]).all()
        assert table.groupby(["member", "actual"])["share"].sum().round(9).eq(1).all()


def test_champions_and_what_is_offered_are_marked(mixing: Reported) -> None:
    run = mixing.run
    table = pd.read_csv(mixing.path.parent / "tables" / "confusion_models.csv")
    champions = {
        name
        for one in run.member_list().values()
        if one.scenario == "intra_lr" and (one.protocol, one.outer) == ("corrected", 1)
        for name in one.sources
    }
    assert set(table.loc[table["champion"], "member"]) == champions != set()
    assert set(table.loc[table["offered"], "member"]) <= {run.chosen.member}
    found = _drawn(mixing, "confusion_models")
    assert f"{CHAMPION} champion of its learning rate" in found
    stars = [text for text in found if text.startswith(CHAMPION) and "champion" not in text]
    assert len(stars) == len(champions)
    whole = _drawn(mixing, "confusion") + found
    assert any(OFFERED in text for text in whole)


def test_counts_stand_beside_their_shares(reading: Reported) -> None:
    table = pd.read_csv(reading.path.parent / "tables" / "confusion.csv")
    found = _drawn(reading, "confusion")
    assert {"right", "wrong"} <= set(found)
    said = [f"{100 * share:.0f} %" for share in table["share"]]
    assert sorted(text for text in found if text.endswith(" %")) == sorted(said)


def test_the_report_by_class_has_a_row_of_accuracy(reading: Reported) -> None:
    table = pd.read_csv(reading.path.parent / "tables" / "class_report.csv")
    scores = reading.run.scores
    scores = scores[(scores["role"] == "test") & (scores["unit"] == "image") & (scores["metric"] == "accuracy")]
    accuracy = scores.set_index("member")["value"]
    for member, rows in table.groupby("member", sort=False):
        assert rows["class_name"].tolist()[-3:] == ["accuracy", "macro", "weighted"]
        row = rows[rows["class_name"] == "accuracy"].iloc[0]
        assert round(row["f1"], 9) == round(accuracy[member], 9)
        assert row["support"] == rows[rows["class_name"] == "macro"]["support"].iloc[0]
        assert row[["precision", "recall"]].isna().all()
    assert "<td>Accuracy</td>" in reading.page.part("table-class-report")
