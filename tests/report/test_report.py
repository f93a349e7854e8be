"""The page and its side files, from a finished run of each kind."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from leukolab.report.chosen import each_once
from leukolab.report.names import Names
from leukolab.report.page import write_report
from leukolab.report.texts import load_texts
from leukolab.stats import METRICS
from pages import Reported
from small_runs import SmallRun

COMMON = {"figure-headline", "figure-samples", "figure-network", "table-architecture", "table-used"}
COMMON |= {"figure-learning-loss", "figure-learning-accuracy", "figure-confusion", "table-composition"}
COMMON |= {"table-scores-image", "table-scores-subject", "table-intervals"}
READING = {"figure-data-flow", "figure-balance", "figure-splits", "table-splits", "table-history", "table-parts"}
READING |= {"table-class-report", "table-stopping", "figure-pooled", "table-pooled-scores"}
MIXING = {"table-data-parts", "figure-explore-classes", "figure-explore-sizes", "figure-explore-brightness"}
MIXING |= {"figure-explore-subjects", "figure-training-flow", "figure-ensemble-flow"}
MIXING |= {"table-hypotheses", "table-units"}
EACH = (
    "members",
    "study-flow",
    "folds",
    "roc",
    "pr",
    "confusion",
    "confusion-models",
    "learning-loss",
    "learning-accuracy",
)
MIXING |= {f"figure-{name}{suffix}" for name in EACH for suffix in ("", "-published")}
MIXING |= {f"table-{name}{suffix}" for name in ("fold-scores", "ensembles") for suffix in ("", "-published")}
COMMON |= {"table-first", "table-subjects", "figure-by-subject"}
POOLED = {"figure-pooled", "table-pooled-scores", "figure-hypotheses"}
"""With one outer part there are too few subjects to test the hypotheses, so there are no intervals to draw."""
SHOWN = {"mixing": COMMON | MIXING, "pooled": COMMON | MIXING | POOLED, "reading": COMMON | READING}


def expected(each: Reported, kind: str) -> set[str]:
    """What a page shows: the gallery of wrong calls where the model offered has any."""
    table = each.run.predictions
    mine = table[(table["member"] == each.run.chosen.member) & (table["role"] == "test")]
    return SHOWN[kind] | ({"figure-wrong-calls"} if (mine["label"] != mine["called"]).any() else set())


def test_every_table_and_figure_is_there_and_no_other(each: Reported, kind: str) -> None:
    items = {name for name in each.page.ids if re.fullmatch(r"(figure|table)-[a-z0-9-]+", name)}
    assert {name for name in items if not re.search(r"-(caption|narrow|axes|patch|text|line2d|legend)", name)} >= (
        expected(each, kind)
    )
    files = {path.stem.replace("_", "-") for path in each.path.parent.glob("*/*.*")}
    assert files == {name.partition("-")[2] for name in expected(each, kind)}


def test_no_place_of_a_text_is_left_open(each: Reported) -> None:
    shown = [text for path, text in each.page.pieces if "/pre" not in path]
    assert [text for text in shown if re.search(r"\{\w*[:!}]", text)] == []


def test_ids_are_unique(each: Reported) -> None:
    assert len(each.page.ids) == len(set(each.page.ids))


def test_page_asks_nothing_of_the_network(each: Reported) -> None:
    assert not re.search(r"https?://|url\((?!#)|@import", each.page.html)
    assert all(address.startswith(("#", "data:", "figures/", "tables/")) for address in each.page.addresses)
    assert each.path.stat().st_size < 6e6


def test_links_lead_to_something(each: Reported) -> None:
    for address in each.page.addresses:
        if address.startswith("#"):
            assert address[1:] in each.page.ids
        elif not address.startswith("data:"):
            assert (each.path.parent / address).stat().st_size > 0


def test_every_item_has_side_files(each: Reported, kind: str) -> None:
    for item in SHOWN[kind]:
        folder, _, name = item.partition("-")
        for ending in ("csv", "tex") if folder == "table" else ("svg", "png"):
            assert (each.path.parent / f"{folder}s" / f"{name.replace('-', '_')}.{ending}").stat().st_size > 50
    assert "Research use only" in (each.path.parent / "methods.md").read_text(encoding="utf-8")


def test_the_answer_comes_before_everything_else(each: Reported) -> None:
    answer = Names.of(each.run, load_texts()).finding(each.run.answers.headline[0])
    marks = [
        each.run.spec.question,
        answer,
        'id="table-first"',
        'class="badges"',
        "Research use only",
        "figure-headline",
    ]
    html = each.page.html.replace("&#34;", '"').replace("&#39;", "'")
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_file_of_scores_holds_those_of_the_run(each: Reported) -> None:
    scores = each.run.scores
    expected = scores[(scores["role"] == "test") & (scores["unit"] == "image")].reset_index(drop=True)
    found = pd.read_csv(each.path.parent / "tables" / "scores_image.csv", keep_default_na=False, na_values=[""])
    columns = [name for name in expected.columns if name != "interval"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], check_dtype=False, rtol=1e-12)
    assert found["interval"].str.contains("bootstrap over|mean and range of|no interval").all()


def test_numbers_on_the_page_are_the_scores(each: Reported) -> None:
    scores = each.run.scores
    shown = scores[(scores["role"] == "test") & (scores["unit"] == "image") & scores["value"].notna()]
    shown = shown[shown["metric"].isin(each_once(list(METRICS), len(each.run.class_names)))]
    cells = re.findall(r'<td class="n">(-?\d+\.\d{3})</td>', each.page.part("table-scores-image"))
    assert sorted(cells) == sorted(f"{value:.3f}" for value in shown["value"])


def test_the_settings_are_shown(each: Reported) -> None:
    assert json.dumps(each.run.spec.model.backbone) in each.page.text


def test_links_to_files_say_of_what_they_are(each: Reported) -> None:
    links = re.findall(r'<a href="(?:tables|figures)/.*?</a>', each.page.html)
    assert links
    assert all(re.search(r'>(CSV|TEX|SVG|PDF|PNG)<span class="unseen"> of \w', link) for link in links)


def test_the_paper_stands_where_the_study_has_one(reading: Reported, mixing: Reported) -> None:
    assert "the paper: 0.975" in reading.page.text
    assert "The paper" in reading.page.part("table-parts")
    assert "the paper" not in mixing.page.text


def test_the_same_run_gives_the_same_files_twice(
    reading_run: SmallRun, reading: Reported, tmp_path: pytest.TempPathFactory
) -> None:
    again = write_report(reading_run.folder, reading_run.picture, out=tmp_path).parent
    first = reading.path.parent
    files = sorted(path.relative_to(first) for path in first.rglob("*.*"))
    assert files == sorted(path.relative_to(again) for path in again.rglob("*.*"))
    assert [name for name in files if (first / name).read_bytes() != (again / name).read_bytes()] == []


def test_hypotheses_of_several_places_say_of_which_they_are(mixing: Reported, pooled: Reported) -> None:
    def named(page: Reported) -> list[str]:
        return re.findall(r"<h3>((?:Corrected|As published), .*?)</h3>", page.page.html)

    assert named(mixing) == ["Corrected, outer part 1", "As published, outer part 1"]
    assert named(pooled) == ["Corrected, outer parts together", "As published, outer part 1"]


@pytest.mark.parametrize("name", EACH[:1] + EACH[2:])
def test_what_shows_the_first_outer_part_alone_says_so(name: str, mixing: Reported, pooled: Reported) -> None:
    said = "Outer part 1, the first that was run."
    assert said in pooled.page.part(f"figure-{name}")
    assert said not in pooled.page.part(f"figure-{name}-published")
    assert said not in mixing.page.part(f"figure-{name}")


@pytest.mark.parametrize("name", ["figure-confusion", "table-class-report"])
def test_the_first_split_is_called_so_where_there_are_several(name: str, reading: Reported) -> None:
    assert "The first split of each protocol and reading." in reading.page.part(name)


def test_what_is_pooled_says_of_how_many_parts(pooled: Reported, mixing: Reported) -> None:
    figure = pooled.page.part("figure-pooled")
    assert "Balanced accuracy by subject over 3 outer parts together" in figure
    assert "The star is what the rule of each outer part chose there, without its test part." in figure
    assert "over all tested groups together" in figure
    assert "pooled" not in mixing.page.ids


def test_badges_tell_what_each_split_leaks(each: Reported) -> None:
    badges = re.findall(r'<li class="badge" data-kind="(\w+)"><strong>(.*?): ', each.page.html)
    assert badges == [("known", "As published"), ("none", "Corrected")]


def test_warnings_and_notes_are_there(mixing: Reported, pooled: Reported) -> None:
    assert "Synthetic images." in mixing.page.text
    assert "The tuning part has too few groups to choose between models" in mixing.page.text
    assert "at the fewest 3): expect" in mixing.page.text
    assert "the outer parts together (10): expect" in pooled.page.text
