"""Reports of runs in which something is odd: hostile names, missing files, other settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import RunError, SpecError
from leukolab.base.findings import Finding
from leukolab.base.home import Home
from leukolab.report.names import Names
from leukolab.report.page import section_of, write_report
from leukolab.report.paragraph import methods_paragraph
from leukolab.report.run import read_run
from leukolab.report.tables.common import honest_sheet
from leukolab.report.texts import load_texts
from leukolab.results.folder import Document, RunFolder, Table
from leukolab.results.records import AnswersRecord
from pages import read_page
from small_runs import SmallRun, reading_spec, with_settings, write_run

Copy = Callable[..., RunFolder]
HOSTILE = "benign/<script>alert(1)</script>$x$.png"
TEXTS = load_texts()
OPTIONAL = [
    what for what in vars(RunFolder).values() if isinstance(what, Table | Document) and not what.required
]  # fmt: skip


def rename_image(run: RunFolder, old: str, new: str) -> None:
    """Give an image another name, wherever it stands."""
    for table in (RunFolder.index, RunFolder.groups, RunFolder.predictions, RunFolder.rivals):
        rows = table.__get__(run, RunFolder)
        run.write(table, rows.assign(image_id=rows["image_id"].replace(old, new)))
    for name, split in run.splits().items():
        run.write_split(name, replace(split, table=split.table.replace({"image_id": {old: new}})))


def rename_class(run: RunFolder, old: str, new: str) -> None:
    """Give a class another name, wherever it stands."""
    names = tuple(new if name == old else name for name in run.class_names)
    run.record(RunFolder.card, run.card.model_copy(update={"class_names": names}))
    for table in (RunFolder.index, RunFolder.composition, RunFolder.class_report, RunFolder.confusion):
        run.write(table, table.__get__(run, RunFolder).replace(old, new))


def test_hostile_names_stay_text(reading_run: SmallRun, copied: Copy) -> None:
    run = copied(reading_run, "data_flow", "results", "wrong", "scores", "used")
    predictions = run.predictions
    mine = predictions["member"].eq(run.chosen.member) & predictions["role"].eq("test")
    first = predictions[mine & predictions["label"].eq(0)].index[0]
    predictions.loc[first, ["called", "p_0", "p_1", "p_2", "p_3"]] = [1, 0.1, 0.9, 0.0, 0.0]
    run.write(RunFolder.predictions, predictions)
    rename_image(run, str(predictions.loc[first, "image_id"]), HOSTILE)
    rename_class(run, "pre", "<b>$pre$</b>")
    note = Finding("split.note", "info", {"note": "<img src=x onerror=alert(1)>"})
    run.record(RunFolder.answers, AnswersRecord(headline=(note,), warnings=(note,)))
    run = with_settings(run, {"title": "<i>T</i>", "question": "<script>q</script>", "source": "<u>S</u>"})
    html = write_report(run, reading_run.picture).read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$x$" in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") == 2
    assert not re.search(r"<img src=x|<b>\$|<i>T|<u>S|<script>q", html)
    assert "&lt;b&gt;$pre$&lt;/b&gt;" in html
    latex = (run.page.parent / RunFolder.TABLES / "class_report.tex").read_text(encoding="utf-8")
    assert r"\textless{}b\textgreater{}\$pre\$\textless{}/b\textgreater{}" in latex


@pytest.mark.parametrize("run", ["mixing_run", "reading_run"])
def test_optional_files_may_be_missing(run: str, copied: Copy, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    whole = request.getfixturevalue(run)
    folder = copied(whole)
    folder.drop(*OPTIONAL)
    page = read_page(write_report(folder, whole.picture, out=tmp_path / "elsewhere"))
    assert "table-scores-image" in page.ids
    assert not {"table-composition", "figure-learning-loss", "figure-confusion"} & set(page.ids)
    assert "This run holds no prepared answer; read the scores below." in page.text
    assert not folder.page.exists()


def test_optional_files_are_these() -> None:
    names = {what.file for what in OPTIONAL}
    assert names == {
        "answers.json", "class_report.parquet", "composition.parquet", "confusion.parquet", "curves.parquet",
        "finals.json", "history.parquet", "hypotheses.parquet", "methods.json", "seal.json", "shifts.parquet",
        "subjects.parquet",
    }  # fmt: skip


def test_one_model_is_enough(four_class: Path, home: Home, tmp_path: Path) -> None:
    stages = "{frozen: {stages: [{name: head, release: head, epochs: 1}]}}"
    spec = reading_spec("protocol=published", "outer_parts=[1]", f"readings={stages}")
    run = write_run(tmp_path / "run", spec, four_class, home)
    assert len(run.folder.jobs) == 1
    page = read_page(write_report(run.folder, run.picture))
    assert {"figure-headline", "figure-splits", "figure-learning-loss", "table-parts"} <= set(page.ids)


def test_a_folder_without_a_run_is_named(tmp_path: Path, reading_run: SmallRun) -> None:
    with pytest.raises(RunError, match="expected the folder of a run"):
        write_report(RunFolder(tmp_path / "nowhere"), reading_run.picture)
    with pytest.raises(RunError, match=r"members\.parquet"):
        write_report(RunFolder(tmp_path), reading_run.picture)


def test_a_missing_column_is_named(copied: Copy, mixing_run: SmallRun) -> None:
    run = copied(mixing_run)
    run.write(RunFolder.jobs, run.jobs.drop(columns="fold"))
    with pytest.raises(RunError, match="expected the column 'fold'"):
        write_report(run, mixing_run.picture)


def test_an_unknown_language_or_section_names_the_known(tmp_path: Path, reading_run: SmallRun) -> None:
    with pytest.raises(SpecError, match="en"):
        write_report(RunFolder(tmp_path), reading_run.picture, language="xx")
    with pytest.raises(SpecError, match=r"report\.sections: 'wrang' is not known\. .*'wrong'"):
        section_of("wrang")


@pytest.mark.parametrize(
    ("protocol", "head", "title"),
    [
        ("corrected", {"leakage": "none"}, "Corrected: no known group on two sides"),
        ("corrected", {"leakage": "known"}, "Corrected, but groups stand on two sides"),
        ("published", {"leakage": "known", "by": "image"}, "As published, split by image"),
        ("published", {"leakage": "none", "by": "group"}, "As published"),
    ],
)
def test_the_title_of_a_panel_is_true_of_its_split(
    protocol: str, head: dict[str, str], title: str, mixing_run: SmallRun
) -> None:
    names = Names.of(mixing_run.folder, TEXTS)
    heads = {protocol: replace(names.heads[protocol], **head)}
    assert replace(names, heads=heads).protocol_panel(protocol) == title


def test_the_papers_figures_stand_beside_its_own_classes_only(copied: Copy, reading_run: SmallRun) -> None:
    run = with_settings(copied(reading_run, "beside_colour", "learning"), {"data": {"view": "two_class"}})
    html = write_report(run, reading_run.picture).read_text(encoding="utf-8")
    assert "the paper: 0.975" not in html
    assert "The paper</td>" not in html


def test_figures_of_other_works_stand_beside_their_data_only(mixing_run: SmallRun) -> None:
    run = read_run(mixing_run.folder)
    assert honest_sheet(run, TEXTS) is None
    sheet = honest_sheet(replace(run, card=run.card.model_copy(update={"name": "cnmc2019"})), TEXTS)
    assert sheet is not None
    assert len(sheet.frame) > 1


def test_figures_of_other_works_speak_of_the_same_disease(copied: Copy, mixing_run: SmallRun) -> None:
    turned = with_settings(copied(mixing_run, "used"), {"data": {"positive": "hem"}})
    run = read_run(turned)
    assert honest_sheet(replace(run, card=run.card.model_copy(update={"name": "cnmc2019"})), TEXTS) is None


def test_the_methods_paragraph_holds_each_readings_rates_and_no_folder(copied: Copy, reading_run: SmallRun) -> None:
    changes = {
        "model": {"weights": "file:/home/maria.sari/mine.safetensors"},
        "image": {"crop_px": 200},
        "readings": {"finetune": {"learning_rates": [0.01, 0.0001]}},
        "protocols": {"corrected": {"split": {"kind": "file", "file": "C:\\Users\\sari\\split.csv"}}},
    }
    run = with_settings(copied(reading_run, "used"), changes)
    page = write_report(run, reading_run.picture)
    text = (page.parent / RunFolder.PARAGRAPH).read_text(encoding="utf-8")
    assert "weights: file:mine.safetensors" in text
    assert "cut to their middle 200 x 200 pixels, resized to" in text
    assert "Last stage fine-tuned, learning rate 0.01, 0.0001:" in text
    assert "Frozen backbone, head only, learning rate 0.001:" in text
    assert "split.csv" in page.read_text(encoding="utf-8")
    assert "sari" not in text + page.read_text(encoding="utf-8")


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_methods_paragraph_says_whether_images_are_synthetic(synthetic: bool, mixing_run: SmallRun) -> None:
    run = read_run(mixing_run.folder)
    changed = replace(run, card=run.card.model_copy(update={"synthetic": synthetic}))
    text = methods_paragraph(changed, Names.of(mixing_run.folder, TEXTS), TEXTS)
    assert (" synthetic images (" in text) == synthetic
    assert "  " not in text


def test_a_metric_without_a_value_anywhere_is_a_dash(copied: Copy, mixing_run: SmallRun) -> None:
    run = copied(mixing_run, "members", "scores")
    scores = run.scores
    scores.loc[scores["metric"].isin(["auc", "specificity"]), ["value", "low", "high"]] = np.nan
    run.write(RunFolder.scores, scores)
    page = read_page(write_report(run, mixing_run.picture))
    table = page.part("table-scores-image")
    heads = re.findall(r"<th.*?>(.*?)</th>", table)
    rows = [re.findall(r"<td.*?>(.*?)</td>", row) for row in re.findall(r"<tr.*?>(<td.*?)</tr>", table)]
    frame = pd.DataFrame(rows, columns=heads)
    assert set(frame["AUC"]) == set(frame["Specificity"]) == {"–"}
    assert "–" not in set(frame["Accuracy"])
