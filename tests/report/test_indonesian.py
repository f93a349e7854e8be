"""The report in Indonesian: the places of each text, decimal commas, and no English but what is listed here."""

from __future__ import annotations

import csv
import re
import string

import pytest

from leukolab.report.page import write_report
from leukolab.report.texts import load_texts
from pages import Page, Reported, figure_texts, read_page
from small_runs import SmallRun

ENGLISH, INDONESIAN = load_texts("en").entries, load_texts("id").entries
SAME = {key for key, text in ENGLISH.items() if INDONESIAN.get(key) == text}
TERMS = {
    "names.model_of_fold", "names.fold", "scenarios.inter_lr", "scenarios.intra_lr", "explore.alt", "explore.median",
    "explore.column_fold", "roles_short.validation", "roles_short.tuning", "metrics.recall", "metrics.f1",
    "metrics.mcc", "metrics.auc", "metrics.log_loss", "columns.fold", "columns.step", "columns.loss",
    "columns.recall", "columns.f1", "columns.inner_log_loss", "columns.learning_rate", "columns.hypothesis",
    "columns.p_value",
    "columns.p_holm", "columns.doi", "columns.seed", "columns.gpu", "table.total", "axes.epoch", "axes.rate",
    "gallery.tile", "gallery.sure", "flow.patience", "flow.inter", "flow.intra", "optimizers.adam",
    "optimizers.adamw", "optimizers.rmsprop", "optimizers.nadam", "optimizers.adagrad", "methods_text.reading",
    "findings.split.note", "findings.answer.of_protocol", "findings.side.learning_rate", "findings.side.intra_lr",
    "findings.side.inter_lr", "findings.hypothesis.difference", "findings.hypothesis.p", "schemes_short.f1",
    "schemes_short.kappa",
    "names.with_rate", "glossary.inter_lr.term", "glossary.holm.term", "glossary.auc.term", "glossary.ensemble.term",
    "classes.cnmc2019.hem", "flow.score_line", "flow.weights", "items.balance.caption", "items.wrong_calls.caption",
    "terminal.kind_count", "table.by_unit",
    "names.between", "findings.answer.score_alone", "columns.rank", "findings.answer.question_all",
}  # fmt: skip
"""Texts that are the same in both languages: terms of art, and texts that are places alone."""
FACTS = {"title", "source", "licence", "doi"}
"""What a data card says of itself, which stays as it is."""
POINT = re.compile(r"(?<![\w.])(0\.\d|\d+\.(?!\d{3}\b)\d)")
"""A number with a decimal point; three digits after one may be thousands."""


def places(text: str) -> list[tuple[str, str]]:
    """Places of a text with their forms; how a count is said, with a word or without, is the language's own."""
    found = [(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None]
    return sorted((name, "#" if form.startswith("#") or form == "," else form) for name, form in found)


def test_each_text_has_the_same_places() -> None:
    assert set(INDONESIAN) == set(ENGLISH)
    assert [key for key, text in ENGLISH.items() if places(text) != places(INDONESIAN[key])] == []


def test_texts_that_are_the_same_are_known() -> None:
    assert SAME == TERMS


@pytest.fixture(scope="session", params=["pooled", "reading"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Reported, Reported]:
    """The pages of a run in Indonesian and in English."""
    run: SmallRun = request.getfixturevalue(f"{request.param}_run")
    path = write_report(run.folder, run.picture, out=tmp_path_factory.mktemp(f"{request.param}-id"), language="id")
    return Reported(run.folder, path, read_page(path)), request.getfixturevalue(request.param)


@pytest.fixture
def written(both: tuple[Reported, Reported]) -> Reported:
    return both[0]


def words(page: Page) -> set[str]:
    """Pieces of text with words in them, settings and commands aside."""
    return {text for path, text in page.pieces if "/pre" not in path and re.search(r"[A-Za-z]{2}", text)}


def data(written: Reported) -> set[str]:
    """What is called in the run by names of its own."""
    run = written.run
    card, index = run.card, run.index
    facts = {str(value) for value in run.environment.facts.values()} | set(run.environment.facts)
    layers = {text for row in run.architecture.rows for text in (row.name, row.kind, row.output_shape)}
    heads = {value for split in run.splits().values() for value in vars(split.head).values() if isinstance(value, str)}
    images = {str(name) for name in index["image_id"]} | {name.rsplit("/", 1)[-1] for name in index["image_id"]}
    names = {run.spec.model.backbone, *card.class_names, *index["part"].astype(str)}
    calls = {f"{actual} → {called}" for actual in names for called in names}
    calls |= {f"({name})" for name in card.class_names}  # the second line of a class on an axis
    return {str(getattr(card, name)) for name in FACTS} | facts | layers | heads | images | names | calls


def is_term(text: str) -> bool:
    """Whether a piece is of words alone that both languages share."""
    return not re.sub(
        r"\b(Ensemble|fold|learning rate|LR|Inter-LR|Intra-LR|minus|kappa|F1|AUC|SVG|PDF|PNG|CSV|TEX|H\d)\b|[^A-Za-z]",
        "",
        text,
    )


def test_no_english_is_left(both: tuple[Reported, Reported]) -> None:
    written, english = both
    known = data(written) | {ENGLISH[key] for key in TERMS}
    same = words(written.page) & words(english.page)
    assert {text for text in same if text not in known and not is_term(text)} == set()


def test_the_page_says_its_language(written: Reported) -> None:
    assert '<html lang="id">' in written.page.html
    assert written.run.spec.words("id").question in written.page.text
    assert any(text == "Gambar 1." for _, text in written.page.pieces)
    assert any(text == "Tabel 1." for _, text in written.page.pieces)


def test_decimal_commas(written: Reported) -> None:
    shown = [text for path, text in written.page.pieces if not re.search("/pre|span.label", path)]
    assert [text for text in shown if POINT.search(text) and text not in data(written)] == []
    assert any(re.fullmatch(r"0,\d{3}", text) for text in shown)
    paragraph = (written.path.parent / "methods.md").read_text(encoding="utf-8")
    assert re.search(r"learning rate 0,\d", paragraph)
    for name in (written.run.spec.model.backbone, *map(str, written.run.environment.facts.values())):
        paragraph = paragraph.replace(name, "")  # names of networks and versions
    assert not POINT.search(paragraph)


def test_decimal_commas_in_figures_and_latex(written: Reported) -> None:
    for path in sorted((written.path.parent / "figures").glob("*.svg")):
        assert [text for text in figure_texts(path.read_text(encoding="utf-8")) if POINT.search(text)] == [], path.name
    for path in sorted((written.path.parent / "tables").glob("*.tex")):
        if path.stem not in ("used", "architecture"):  # names of versions and layers
            latex = re.sub(r"\d[\d.]*(pt|mm)\b", "", path.read_text(encoding="utf-8"))  # widths of columns
            assert not POINT.search(latex), path.name


def test_files_of_values_keep_the_point(both: tuple[Reported, Reported]) -> None:
    tables = [one.path.parent / "tables" / "scores_image.csv" for one in both]
    values = [
        [row["value"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())] for path in tables
    ]
    assert values[0] == values[1]
    assert all(0 <= float(value) <= 10 for value in values[0] if value)
