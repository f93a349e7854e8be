"""The page and its side files, from a run folder of each kind."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import RunError, SpecError
from leukolab.base.files import read_json, read_table, write_json, write_table
from leukolab.report.names import Names
from leukolab.report.page import write_report
from leukolab.report.run import read_run
from leukolab.report.texts import load_texts

COMMON = {"figure-headline", "figure-samples", "figure-wrong-calls", "table-architecture", "table-used"}
COMMON |= {"figure-learning-loss", "figure-learning-accuracy", "figure-confusion", "table-composition"}
COMMON |= {"table-scores-image", "table-scores-subject", "table-intervals"}
SUBTYPES = {"figure-data-flow", "figure-balance", "figure-splits", "table-splits", "table-history", "table-parts"}
SUBTYPES |= {"table-class-report"}
WEN = {"table-data-parts", "figure-explore-classes", "figure-explore-sizes", "figure-explore-brightness"}
WEN |= {"figure-explore-subjects", "figure-study-flow", "figure-training-flow", "figure-ensemble-flow", "figure-folds"}
WEN |= {"table-fold-scores", "table-ensembles", "figure-roc", "figure-pr", "figure-hypotheses", "table-hypotheses"}
WEN |= {"figure-members", "table-units", "table-published-scores"}
SHOWN = {"subtypes": COMMON | SUBTYPES, "wen": COMMON | WEN}


class Page(HTMLParser):
    """Ids, tags, addresses and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self.addresses += [str(found[key]) for key in ("href", "src") if found.get(key)]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="session", params=["subtypes", "wen"])
def reported(request, tmp_path_factory, make_run, thumbnail):
    run = make_run(tmp_path_factory.mktemp(request.param), request.param)
    path = write_report(run, thumbnail)
    return request.param, run, path, Page(path.read_text(encoding="utf-8"))


def test_every_named_table_and_figure_is_there(reported):
    kind, _, _, page = reported
    assert SHOWN[kind] - set(page.ids) == set()


def test_no_place_of_a_text_is_left_open(reported):
    *_, page = reported
    assert not re.search(r"\{(metric|count|shown|backbone|marks)\}", page.text)


def test_ids_are_unique(reported):
    page = reported[3]
    assert len(page.ids) == len(set(page.ids))


def test_page_asks_nothing_of_the_network(reported):
    _, _, path, page = reported
    html = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\((?!#)|@import", html)
    assert all(address.startswith(("#", "data:", "figures/", "tables/")) for address in page.addresses)
    assert path.stat().st_size < 6e6


def test_links_lead_to_something(reported):
    _, _, path, page = reported
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids
        elif not address.startswith("data:"):
            assert (path.parent / address).stat().st_size > 0


def test_every_item_has_side_files(reported):
    kind, _, path, _ = reported
    for item in SHOWN[kind] - {"figure-wrong-calls"}:
        folder, _, name = item.partition("-")
        for ending in ("csv", "tex") if folder == "table" else ("svg", "png"):
            assert (path.parent / f"{folder}s" / f"{name.replace('-', '_')}.{ending}").is_file()
    assert "Research use only" in (path.parent / "methods.md").read_text(encoding="utf-8")


def test_answer_comes_before_everything_else(reported):
    _, run, path, _ = reported
    html = path.read_text(encoding="utf-8")
    question, answer = read_json(run / "spec.json")["question"], read_json(run / "answers.json")["headline"][0]
    assert html.index(question) < html.index(answer) < html.index("Research use only") < html.index("figure-headline")


def test_scores_file_equals_the_run(reported):
    _, run, path, _ = reported
    scores = read_table(run / "scores.parquet")
    expected = scores[(scores["role"] == "test") & (scores["unit"] == "image")].reset_index(drop=True)
    found = pd.read_csv(path.parent / "tables" / "scores_image.csv", keep_default_na=False, na_values=[""])
    expected["interval"] = expected["interval"].map(lambda text: load_texts().findings(text, "; "))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12)


def test_numbers_on_the_page_are_the_scores(reported):
    _, run, path, _ = reported
    html = path.read_text(encoding="utf-8")
    table = html[html.index('id="table-scores-image"') : html.index('id="table-scores-subject"')]
    scores = read_table(run / "scores.parquet")
    kept = scores[(scores["role"] == "test") & (scores["unit"] == "image")]
    cells = re.findall(r'<td class="n">(\d\.\d{3})</td>', table)
    assert sorted(cells) == sorted(f"{value:.3f}" for value in kept["value"])


def test_published_figure_is_marked(reported):
    kind, _, path, page = reported
    assert ("the paper: 0.975" in page.text) == (kind == "subtypes")
    assert (path.parent / "figures" / "headline.png").stat().st_size > 2_000


def test_hostile_file_names_stay_text(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "subtypes")
    index = read_table(run / "index.parquet")
    hostile = next(name for name in index["image_id"] if "<script>" in name)
    predictions = read_table(run / "predictions.parquet")
    chosen = predictions["job"] == read_json(run / "chosen.json")["member"]
    mine = predictions[chosen].index[0]
    predictions.loc[mine, ["image_id", "label", "p_0", "p_1", "p_2", "p_3"]] = [hostile, 1, 0.9, 0.1, 0.0, 0.0]
    write_table(run / "predictions.parquet", predictions)
    write_json(run / "answers.json", {"headline": ["<img src=x onerror=alert(1)>"], "warnings": ["<b>"]})
    html = write_report(run, thumbnail).read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in html
    assert "<img src=x" not in html


@pytest.mark.parametrize("kind", ["subtypes", "wen"])
def test_optional_files_may_be_missing(kind, tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, kind)
    for name in ("ensembles", "hypotheses", "curves", "confusion", "class_report", "composition", "history", "groups"):
        (run / f"{name}.parquet").unlink(missing_ok=True)
    for name in ("architecture", "chosen", "answers", "environment"):
        (run / f"{name}.json").unlink()
    shutil.rmtree(run / "split")
    html = write_report(run, thumbnail, out=tmp_path / "elsewhere").read_text(encoding="utf-8")
    assert "table-scores-image" in html
    assert not (run / "report").exists()


def test_one_job_without_rivals_is_enough_and_gives_the_same_page_twice(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "subtypes")
    jobs = read_table(run / "jobs.parquet")
    write_table(run / "jobs.parquet", jobs.iloc[:1])
    scores = read_table(run / "scores.parquet")
    write_table(run / "scores.parquet", scores[scores["member"] == jobs["job"].iloc[0]].reset_index(drop=True))
    pages = [write_report(run, thumbnail, out=tmp_path / name).read_bytes() for name in ("a", "b")]
    assert b"figure-headline" in pages[0]
    assert pages[0] == pages[1]


def test_settings_are_shown(reported):
    _, run, _, page = reported
    assert json.dumps(read_json(run / "spec.json")["model"]["backbone"]) in page.text


def test_folder_without_a_run_is_named(tmp_path, thumbnail):
    with pytest.raises(RunError, match="expected the folder of a run"):
        write_report(tmp_path / "nowhere", thumbnail)
    with pytest.raises(RunError, match=r"index\.parquet"):
        write_report(tmp_path, thumbnail)


def test_missing_column_is_named(tmp_path: Path, make_run, thumbnail):
    run = make_run(tmp_path, "wen")
    write_table(run / "jobs.parquet", read_table(run / "jobs.parquet").drop(columns="fold"))
    with pytest.raises(RunError, match="expected the column 'fold'"):
        write_report(run, thumbnail)


def test_unknown_language_names_the_known(tmp_path, thumbnail):
    with pytest.raises(SpecError, match="en"):
        write_report(tmp_path, thumbnail, language="xx")


def both_protocols(run: Path) -> None:
    """Hypotheses of a second protocol, and of a second outer part, as they stand in a run of both."""
    table = read_table(run / "hypotheses.parquet").assign(protocol="corrected", outer=1)
    jobs = read_table(run / "jobs.parquet")
    more = [table, table.assign(outer=2), table.assign(protocol="published")]
    write_table(run / "hypotheses.parquet", pd.concat(more, ignore_index=True))
    others = jobs.assign(job=jobs["job"] + "-2", outer=2), jobs.assign(job=jobs["job"] + "-p", protocol="published")
    write_table(run / "jobs.parquet", pd.concat([jobs, *others], ignore_index=True))


def test_hypotheses_of_several_places_say_of_which_they_are(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "wen")
    alone = write_report(run, thumbnail).read_text(encoding="utf-8")
    assert "<h3>Corrected, outer part" not in alone
    assert "the first that was run" not in alone
    both_protocols(run)
    html = write_report(run, thumbnail).read_text(encoding="utf-8")
    named = re.findall(r"<h3>((?:Corrected|As published), .*?)</h3>", html)
    assert named == ["Corrected, outer part 1", "Corrected, outer part 2", "As published, outer part 1"]
    figures = [html[html.index(f'id="figure-{name}"') :] for name in ("roc", "pr", "confusion", "members", "folds")]
    figures += [html[html.index(f'id="figure-learning-{name}"') :] for name in ("loss", "accuracy")]
    for text in figures:
        assert "Outer part 1, the first that was run." in text[: text.index("</figcaption>")]


def test_the_first_split_is_called_so_where_there_are_several(tmp_path, make_run, thumbnail):
    html = write_report(make_run(tmp_path, "subtypes"), thumbnail).read_text(encoding="utf-8")
    for name, end in (("figure-confusion", "</figcaption>"), ("table-class-report", "<table")):
        text = html[html.index(f'id="{name}"') :]
        assert "The first split of each protocol and reading." in text[: text.index(end)]


@pytest.mark.parametrize(
    ("protocol", "head", "title"),
    [
        ("corrected", {"leakage": "none"}, "Corrected: no known group on two sides"),
        ("corrected", {"leakage": "known"}, "Corrected, but groups stand on two sides"),
        ("published", {"leakage": "known", "by": "image"}, "As published, split by image"),
        ("published", {"leakage": "none", "by": "group"}, "As published"),
    ],
)
def test_the_title_of_a_panel_is_true_of_its_split(protocol, head, title, tmp_path, make_run):
    run = make_run(tmp_path, "wen")
    found = read_run(run)
    names = Names(replace(found, heads={protocol: head}), load_texts("en"))
    assert names.protocol_panel(protocol) == title


def test_the_papers_figures_stand_beside_its_own_classes_only(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "subtypes")
    spec = read_json(run / "spec.json")
    spec["data"]["view"] = "two_class"
    write_json(run / "spec.json", spec)
    html = write_report(run, thumbnail).read_text(encoding="utf-8")
    assert "the paper: 0.975" not in html
    assert "The paper</td>" not in html


def test_the_methods_paragraph_holds_each_readings_rates_and_no_folder(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "subtypes")
    spec = read_json(run / "spec.json")
    spec["model"]["weights"] = "file:/home/maria.sari/mine.safetensors"
    spec["image"]["crop_px"] = 200
    spec["training"]["learning_rates"] = [0.001]
    spec["training"]["optimizer"] = "sgd"
    spec["readings"]["finetune"]["learning_rates"] = [0.01, 0.0001]
    spec["protocols"]["corrected"]["split"] |= {"kind": "file", "file": "C:\\Users\\sari\\split.csv"}
    write_json(run / "spec.json", spec)
    page = write_report(run, thumbnail)
    text = (page.parent / "methods.md").read_text(encoding="utf-8")
    assert "weights: file:mine.safetensors" in text
    assert "cut to their middle 200 x 200 pixels, resized to" in text
    assert "It was trained with SGD with momentum 0.9, batches of" in text
    assert "Last stage fine-tuned, learning rate 0.01, 0.0001:" in text
    assert "Frozen backbone, head only, learning rate 0.001:" in text
    assert "sari" not in text + page.read_text(encoding="utf-8")


def test_a_metric_without_a_value_anywhere_is_a_dash(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "wen")
    scores = read_table(run / "scores.parquet")
    scores.loc[scores["metric"].isin(["auc", "specificity"]), ["value", "low", "high"]] = np.nan
    write_table(run / "scores.parquet", scores)
    html = write_report(run, thumbnail).read_text(encoding="utf-8")
    assert "table-scores-image" in html


def test_links_to_files_say_of_what_they_are(reported):
    _, _, path, _ = reported
    html = path.read_text(encoding="utf-8")
    assert re.search(r'>CSV<span class="unseen"> of ', html)
    assert "<span hidden>" not in html


def test_the_methods_paragraph_of_synthetic_images_says_so(tmp_path, make_run, thumbnail):
    run = make_run(tmp_path, "wen")
    card = read_json(run / "card.json")
    write_json(run / "card.json", card | {"synthetic": True})
    text = (write_report(run, thumbnail).parent / "methods.md").read_text(encoding="utf-8")
    assert " synthetic images of " in text
    assert "  " not in text
