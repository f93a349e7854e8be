"""No visible sentence stands outside `report/texts`: shown by a language in which every text is wrapped in ⟦ ⟧.

Only the words of a text are wrapped, not what is filled into its places, so that a sentence that is made in code and
filled in is seen too. What stays outside must be data, and all of it is listed here: names and numbers of the data set,
of the study and of the machine, and a few words that are the same in every language.
"""

from __future__ import annotations

import json
import re
import shutil
import string
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from leukolab.base.errors import ImageError
from leukolab.base.home import Home
from leukolab.cards import get_card, read_index
from leukolab.cli import main
from leukolab.images import decode, pack
from leukolab.plan import Event, hold, read_plan, write_event
from leukolab.report import texts as texts_module
from leukolab.report.explore import explore
from leukolab.report.page import write_report
from leukolab.report.texts import flat_texts, load_texts
from leukolab.results.folder import RunFolder
from leukolab.spec import DataSpec
from pages import Page, read_page
from small_runs import SmallRun

WORDS = re.compile(r"[^\W\d_].*[^\W\d_]|[^\W\d_]", re.DOTALL)
SETTINGS = {"language.decimal"}
"""Texts that are not shown."""
EVERYWHERE = {"CSV", "TEX", "SVG", "PDF", "PNG", "px", "x", "H1", "H2", "H3", "H4", "doi"}
EVERYWHERE |= {"leukolab", "python", "torch", "torchvision", "timm", "Leukolab", "Python", "PyTorch"}
"""Endings of files, units, numbers of hypotheses, and names of programs."""
LAID_OUT = re.compile(r"\\label\{.*?\}|\\(?:endfirsthead|endhead|endfoot|endlastfoot|raggedright|hspace\{0pt\})")
"""Commands of LaTeX inside a table that say nothing."""


def wrapped(text: str) -> str:
    """A text with its words in ⟦ ⟧, and its places as they are."""
    parts = []
    for literal, field, form, _ in string.Formatter().parse(text):
        words = WORDS.sub(lambda found: f"⟦{found[0]}⟧", literal)
        parts.append(words.replace("{", "{{").replace("}", "}}") if field is not None or "{{" in text else words)
        if field is not None:
            form = form or ""
            if form.startswith("#"):
                form = "#" + "|".join(f"⟦{word}⟧" for word in form[1:].split("|"))
            parts.append("{" + field + (f":{form}" if form else "") + "}")
    return "".join(parts)


def tree_of(entries: dict[str, str]) -> dict[str, object]:
    """Texts by dotted key as the tree of a file."""
    tree: dict[str, object] = {}
    for key, text in entries.items():
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})  # type: ignore[assignment]
        node[last] = text
    return tree


@pytest.fixture(scope="module", autouse=True)
def pseudo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """English with its words in ⟦ ⟧, wherever texts are loaded."""
    entries = load_texts("en").entries
    changed = {key: text if key in SETTINGS else wrapped(text) for key, text in entries.items()}
    folder = tmp_path_factory.mktemp("texts")
    (folder / "en.yaml").write_text(yaml.safe_dump(tree_of(changed), allow_unicode=True), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts_module, "texts_folder", lambda: folder)
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 30)
        load_texts.cache_clear()
        yield
    load_texts.cache_clear()


def outside(text: str, data: Iterable[str]) -> str:
    """What is left of a text without its wrapped words and without data; empty where nothing is said."""
    rest = re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    for known in sorted({*data, *EVERYWHERE}, key=len, reverse=True):
        if known:
            rest = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", " ", rest)
    return " ".join(re.findall(r"\w*[^\W\d_]\w*", rest))


def escaped(pieces: Iterable[tuple[str, str]], data: Iterable[str]) -> dict[str, str]:
    """Text of each piece outside ⟦ ⟧ that is no data, by where it stands."""
    known = set(data)
    return {f"{where}: {text[:90]}": left for where, text in pieces if (left := outside(text, known))}


def shown(page: Page) -> list[tuple[str, str]]:
    """The pieces of a page but for commands and settings; those of a drawing together, as a text may be in lines."""
    found: list[tuple[str, str]] = []
    for where, text in page.pieces:
        if "/pre" in where:
            continue
        if "/svg" in where and "@" not in where and found and "/svg" in found[-1][0]:
            found[-1] = (found[-1][0], f"{found[-1][1]} {text}")
        else:
            found.append((where, text))
    return found


def data_of(run: RunFolder) -> set[str]:
    """What a report shows as it is: of the data set, the study, the network and the machine."""
    index, words, card = run.index, run.spec.words("en"), run.card
    images = {str(name) for name in index["image_id"]}
    known = {
        *card.class_names,
        *index["subject"].dropna().astype(str),
        *index["part"].astype(str),
        *images,
        *(name.rpartition("/")[2] for name in images),
    }
    known |= {words.title, words.question, words.source, card.title, card.source, card.doi, card.licence}
    known |= {run.spec.model.backbone, run.spec.model.weights, run.spec.model.pooling, run.spec.model.head}
    known |= {str(fact) for fact in run.environment.facts.values()}
    known |= {part for row in run.architecture.rows for part in (row.name, row.kind, row.output_shape)}
    known |= {stage.name for reading in run.spec.readings.values() for stage in reading.stages}
    for split in run.splits().values():
        known |= {split.head.data_fingerprint, split.head.groups_fingerprint}
    return {text for text in known if text}


@pytest.fixture(scope="module", params=["pooled_run", "reading_run"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Path]:
    run: SmallRun = request.getfixturevalue(request.param)
    return run.folder, write_report(run.folder, run.picture, out=tmp_path_factory.mktemp("pseudo"))


def test_the_page_says_nothing_outside_the_texts(report: tuple[RunFolder, Path]) -> None:
    run, path = report
    assert escaped(shown(read_page(path)), data_of(run)) == {}


def test_tables_for_latex_say_nothing_outside_the_texts(report: tuple[RunFolder, Path]) -> None:
    run, path = report
    data = data_of(run)
    for table in sorted(path.parent.glob(f"{RunFolder.TABLES}/*.tex")):
        text = table.read_text(encoding="utf-8").replace("[U+27E6]", "⟦").replace("[U+27E7]", "⟧")
        text = re.sub(r"\\([&%$#_{}])", r"\1", LAID_OUT.sub("", text))
        caption = re.findall(r"\\caption\{(.*)\}", text)
        body = text.partition("\\toprule")[2].partition("\\bottomrule")[0]
        body = body.replace("\\midrule", "").replace("\\toprule", "")
        cells = [cell for line in body.split("\\\\") for cell in line.split(" & ")]
        assert escaped([(table.name, cell) for cell in caption + cells], data) == {}


def test_files_of_figures_say_nothing_outside_the_texts(report: tuple[RunFolder, Path]) -> None:
    run, path = report
    for figure in sorted(path.parent.glob(f"{RunFolder.FIGURES}/*.svg")):
        body = re.sub(r"<metadata.*?</metadata>", "", figure.read_text(encoding="utf-8"), flags=re.DOTALL)
        said = " ".join(text for where, text in Page(body[body.index("<svg") :]).pieces if "/text" in where)
        assert escaped([(figure.name, said)], data_of(run)) == {}


def test_the_methods_paragraph_says_nothing_outside_the_texts(report: tuple[RunFolder, Path]) -> None:
    run, path = report
    text = (path.parent / RunFolder.PARAGRAPH).read_text(encoding="utf-8")
    assert escaped([("paragraph", line) for line in text.splitlines()], data_of(run)) == {}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn discs of three subjects in two classes, and a file that is no image."""
    folder = tmp_path_factory.mktemp("discs")
    for number in range(12):
        rows, columns = np.mgrid[:48, :48] - 24
        image = np.zeros((48, 48, 3), np.uint8)
        image[rows**2 + columns**2 <= (100 + 20 * number)] = (120, 60, 180)
        path = folder / ("large" if number % 2 else "small") / f"p{number % 3}_{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / "small" / "p1_broken.png").write_text("words")
    return folder


def sentence_of(path: Path) -> str:
    """What the error about an unreadable image says; sentences of errors are English."""
    with pytest.raises(ImageError) as caught:
        decode(path)
    return str(caught.value)


@pytest.mark.parametrize("subjects", [True, False])
def test_the_explore_page_says_nothing_outside_the_texts(
    subjects: bool, cells: Path, home: Home, tmp_path: Path
) -> None:
    card = get_card("folder")
    index = read_index(DataSpec(card=card.name, subject_from=r"(p\d)_"), cells)
    store = pack([Path(path) for path in index["path"]], list(index["image_id"]), 32, None, home, skip_unreadable=True)
    page = explore(index if subjects else index.assign(subject=None), store, card, tmp_path)
    data = {card.name, card.title, card.source, card.licence, *card.notes, *index["class_name"], *index["part"]}
    data |= {*index["image_id"], sentence_of(cells / "small" / "p1_broken.png")}
    assert escaped(shown(read_page(page)), data) == {}


Leukolab = Callable[..., list[str]]


@pytest.fixture
def leukolab(home: Home, capsys: pytest.CaptureFixture[str]) -> Leukolab:
    """Runs `leukolab --home HOME ARGUMENTS...`; the lines it prints, on both streams."""

    def call(*arguments: object) -> list[str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(home), *map(str, arguments)])
        assert not ended.value.code
        captured = capsys.readouterr()
        return (captured.out + captured.err).splitlines()

    return call


def test_score_says_nothing_outside_the_texts(leukolab: Leukolab, tmp_path: Path) -> None:
    p_one = np.random.default_rng(1).uniform(0, 1, 60)
    table = pd.DataFrame({"label": ["one"] * 30 + ["two"] * 30, "p_one": p_one, "p_two": 1 - p_one, "p_three": 0.0})
    table.to_csv(tmp_path / "predictions.csv", index=False)
    lines = leukolab("score", tmp_path / "predictions.csv", "--bootstrap", 100, "--out", tmp_path / "out")
    written = {"one", "two", "three", "p_one", "p_two", "p_three", str(tmp_path / "out")}
    assert escaped([("score", line) for line in lines], written) == {}


TRAINING = (
    "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=10+3",
    "--set=training.learning_rates=[0.01]", "--set=bootstrap=100",
    "--set=protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set=runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with a plan, a ledger and a model."""
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", lambda run, *_, **__: run.page)
        arguments = ["study", "run", "demo", "--data", str(two_class), *TRAINING, "--out", str(folder)]
        with pytest.raises(SystemExit) as ended:
            main(["--quiet", "--home", str(home), *arguments])
    assert not ended.value.code
    return folder


def test_predict_says_nothing_outside_the_texts(leukolab: Leukolab, trained: Path, cells: Path, tmp_path: Path) -> None:
    lines = leukolab("predict", cells, "--run", trained, "--out", tmp_path / "calls.csv")
    data = {str(tmp_path / "calls.csv"), sentence_of(cells / "small" / "p1_broken.png"), "all"}
    assert escaped([("predict", line) for line in lines], data) == {}
    assert any("p1_broken" in line for line in lines)


@pytest.mark.parametrize("state", ["finished", "stopped", "running", "failed"])
def test_study_status_says_nothing_outside_the_texts(
    state: str, leukolab: Leukolab, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    tasks = read_plan(run)
    spec = RunFolder(run).spec
    data = {str(RunFolder(run).page), spec.name, *(task.name for task in tasks)}
    data |= {stage.name for reading in spec.readings.values() for stage in reading.stages}
    if state != "finished":
        write_event(run, Event("opened", workers=1))
        shutil.rmtree(RunFolder(run).path / RunFolder.JOBS)
        shutil.rmtree(RunFolder(run).path / RunFolder.HEADS, ignore_errors=True)
    if state == "failed":
        write_event(run, Event("failed", tasks[-1].key, tasks[-1].name, tasks[-1].kind, note="StorageError"))
        data |= {"StorageError"}
    notes = {event["note"] for event in ledger(run) if event["event"] == "progress"}
    assert notes
    if state == "running":
        with hold(run):
            for task in tasks:
                write_event(run, Event("started", task.key, task.name, task.kind))
                for note in sorted(notes)[:1] if task.kind != "features" else []:
                    write_event(run, Event("progress", task.key, task.name, task.kind, note=note))
            lines = leukolab("study", "status", run)
    else:
        lines = leukolab("study", "status", run)
    assert escaped([("status", line) for line in lines], data) == {}


def ledger(run: Path) -> list[dict[str, str]]:
    """The events of a run."""
    lines = (run / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_words_are_wrapped_and_places_kept() -> None:
    assert wrapped("{images:,} images, {count:#image|images}.") == "{images:,} ⟦images⟧, {count:#⟦image⟧|⟦images⟧}."
    entries = flat_texts({"a": {"b": "x"}})
    assert flat_texts(tree_of(entries)) == entries


@pytest.mark.parametrize("text", ["Nothing to compare.", "⟦p⟧ is better", "hem and all", "⟦Fold 1"])
def test_words_outside_are_seen(text: str) -> None:
    assert outside(text, {"hem", "all"})


def test_data_and_wrapped_words_are_not() -> None:
    assert outside("⟦Figure⟧ 3: hem → all, 0.5 px (fold_0/hem/a.png)", {"hem", "all", "fold_0/hem/a.png"}) == ""
