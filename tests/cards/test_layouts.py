"""Layouts and tables as people have them: each is read right, or refused in one sentence that says what to do.

`docs/explanation/reading.md` has the same cases by the same names.
"""

from __future__ import annotations

import codecs
import itertools
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leukolab.base.errors import LeukolabError
from leukolab.base.keys import file_digest
from leukolab.base.marks import mark
from leukolab.base.streams import stream
from leukolab.cards import class_names, classes_of, get_card, read_images, verify
from leukolab.images.phantom import PhantomSpec, draw_cell, subject_look
from leukolab.report.texts import languages, load_texts
from leukolab.spec import DataSpec

DOCS = Path(__file__).parents[2] / "docs" / "explanation" / "reading.md"


@dataclass(frozen=True)
class Case:
    """One layout or table, and how it must end."""

    name: str
    files: str
    """By their paths from the data folder, `{a,b}` for several, split at spaces."""
    table: str | bytes = ""
    """Written as `table.csv`, and then that is the data folder."""
    spec: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, int] | None = None
    """Images by class; None where it is refused."""
    subjects: set[str] | None = None
    """None where none is known."""
    positive: str | None = "blast"
    """Of two classes that of the disease; None where there are more, or nobody says it."""
    parts: set[str] = field(default_factory=lambda: {"images"})
    findings: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    """What the refusal holds."""


OFFICIAL = {"card": "cnmc2019"}
TWO = "normal/{1,2}.png blast/{3,4}.png"
TREE = [
    Case("one folder per class", TWO, classes={"normal": 2, "blast": 2}),
    Case("class folders in one folder more", "cells/normal/1.png cells/blast/{2,3}.png",
         classes={"normal": 1, "blast": 2}),
    Case("subjects inside the classes, named", "normal/P1/{1,2}.png blast/P2/3.png",
         spec={"subject_from": "^[^/]+/([^/]+)/"}, classes={"normal": 2, "blast": 1}, subjects={"P1", "P2"}),
    Case("numbers of subjects that begin anew in each class", "normal/{1,2}/a.png blast/{1,2}/a.png",
         spec={"subject_from": "^([^/]+/[^/]+)/"}, classes={"normal": 2, "blast": 2},
         subjects={"normal/1", "normal/2", "blast/1", "blast/2"}),
    Case("train and test", "{train,test}/{normal,blast}/1.png",
         says=("data.part_from='^([^/]+)/'", "data.include='test'")),
    Case("train and test, read as parts", "train/{normal,blast}/{1,2}.png test/{normal,blast}/3.png",
         spec={"part_from": "^([^/]+)/"}, classes={"normal": 3, "blast": 3}, parts={"train", "test"}),
    Case("train alone of train and test", "{train,test}/{normal,blast}/1.png",
         spec={"part_from": "^([^/]+)/", "parts": ("train",)}, classes={"normal": 1, "blast": 1}, parts={"train"}),
    Case("originals and segmented copies", "{Original,Segmented}/{Benign,Early,Pro}/1.png",
         says=("parts or copies", "data.part_from=", "data.include='Original'")),
    Case("originals alone", "{Original,Segmented}/{Benign,Early,Pro}/1.png", spec={"include": ("Original",)},
         classes={"Benign": 1, "Early": 1, "Pro": 1}, positive=None, findings=("read.excluded",)),
    Case("copies read side by side", "{Original,Segmented}/{Benign,Early}/1.png", spec={"part_from": "^([^/]+)/"},
         says=("copies of the same images", "data.parts=[Original]")),
    Case("images and masks inside each class", "{normal,blast}/{images,masks}/1.png", says=("data.exclude='masks'",)),
    Case("images and masks, no class", "{images,masks}/{1,2}.png", says=("no folder of a class", "a table")),
    Case("masks beside the images", "{normal,blast}/{1,1_mask}.png", says=("data.exclude='*_mask.*'",)),
    Case("masks beside the images, left out", "{normal,blast}/{1,1_mask}.png", spec={"exclude": "*_mask.*"},
         classes={"normal": 1, "blast": 1}, findings=("read.excluded",)),
    Case("a folder of masks beside the classes", "{normal,blast,masks}/1.png", says=("data.exclude='masks'",)),
    Case("patients with classes inside", "P{1,2,3,4}/{normal,blast}/1.png", says=("data.subject_from='^([^/]+)/'",)),
    Case("patients with classes inside, named", "P{1,2,3,4}/{normal,blast}/1.png", spec={"subject_from": "^([^/]+)/"},
         classes={"normal": 4, "blast": 4}, subjects={"P1", "P2", "P3", "P4"}),
    Case("patients without any class", "P{1,2,3,4,5,6,7,8,9,10,11,12}/1.png", says=("look like subjects", "a table")),
    Case("two folders with the same two inside", "{A,B}/{x,y}/1.png",
         says=("either may be", "data.subject_from='^([^/]+)/'", "data.part_from='^[^/]+/([^/]+)/'")),
    Case("an empty class folder", "normal/{1,2}.png blast/", says=("found one ('normal')", "blast")),
    Case("a class of files that are not read", "normal/1.png blast/{1,2}.dcm", says=("blast", "2 .dcm")),
    Case("a third class that is empty, and other files", "normal/1.png blast/2.png other/ notes.txt",
         classes={"normal": 1, "blast": 1}, findings=("read.empty_folder", "read.unread_kind")),
    Case("kinds that cameras and old programs write",
         "normal/1.jfif normal/2.jpe normal/3.ppm blast/4.jp2 blast/5.tga blast/6.pgm",
         classes={"normal": 3, "blast": 3}),
    Case("images beside the class folders", "normal/1.png blast/2.png 3.png", classes={"normal": 1, "blast": 1},
         findings=("read.no_class",)),
    Case("one class in two cases", "Normal/1.png normal/2.png blast/3.png", says=("spelling alone",)),
    Case("a run of ours inside", "normal/1.png blast/2.png run/.leukolab run/report/3.png",
         classes={"normal": 1, "blast": 1}),
]  # fmt: skip
ROWS = "path,label,subject\n" + "".join(
    f"{name}/{number}.png,{name},S{number}\n" for number, name in enumerate(("normal", "normal", "blast", "blast"), 1)
)
KNOWN: dict[str, Any] = {"classes": {"normal": 2, "blast": 2}, "subjects": {"S1", "S2", "S3", "S4"}}
TABLES = [
    Case("a table", TWO, ROWS, **KNOWN),
    Case("a table in UTF-8 with a mark", TWO, codecs.BOM_UTF8 + ROWS.encode(), **KNOWN),
    Case("a table in UTF-16 with tabs", TWO, ROWS.replace(",", "\t").encode("utf-16"), **KNOWN),
    Case("a table with semicolons and empty rows at its end", TWO, ROWS.replace(",", ";") + ";;\r\n;;\r\n", **KNOWN),
    Case("a table with backslashes", TWO, ROWS.replace("/", "\\"), **KNOWN),
    Case("a table in Latin letters of Windows", TWO, "path,label\nnormal/é.png,normal\n".encode("cp1252"),
         says=("UTF-8",)),
    Case("names in another form of Unicode", f"{unicodedata.normalize('NFD', 'nörmal')}/1.png blast/2.png",
         f"path,label\n{unicodedata.normalize('NFC', 'nörmal')}/1.png,normal\nblast/2.png,blast\n",
         classes={"normal": 1, "blast": 1}),
    Case("columns with other names", TWO, ROWS.replace("path,label,subject", "file,class,patient"),
         says=("path and label", "found file, class, patient", "data.columns")),
    Case("columns with other names, given", TWO, ROWS.replace("path,label,subject", "file,class,patient"),
         spec={"columns": {"path": "file", "label": "Class", "subject": "patient"}}, **KNOWN),
    Case("an image that is not there", TWO, ROWS.replace("3.png", "9.png"),
         says=("found 1 of 4 missing", "blast/9.png")),
    Case("a row without a label", TWO, ROWS.replace("1.png,normal", "1.png,"), says=("line 2: expected a label",)),
    Case("one subject in several spellings", TWO, ROWS.replace("S1", "007").replace("S2", "7.0").replace("S3", "7"),
         classes={"normal": 2, "blast": 2}, subjects={"7", "S4"}, findings=("read.subjects_merged",)),
    Case("subjects in two cases", TWO, ROWS.replace("S2", "s1"), classes={"normal": 2, "blast": 2},
         subjects={"S1", "S3", "S4"}, findings=("read.subjects_merged",)),
    Case("a blank subject among many", "normal/{1,2,3}.png blast/{4,5,6}.png",
         "path,label,subject\n" + "".join(f"{'normal' if n < 4 else 'blast'}/{n}.png,{'nb'[n > 3]},{s}\n"
                                           for n, s in enumerate(("P1", "P2", "nan", "P3", "P4", "P5"), start=1)),
         classes={"n": 2, "b": 3}, positive=None, subjects={"P1", "P2", "P3", "P4", "P5"},
         findings=("read.subject_blank",)),
    Case("one class without any subject", TWO, ROWS.replace("S1", "-").replace("S2", "none"),
         classes={"normal": 2, "blast": 2}, subjects={"S3", "S4"}, findings=("read.subjects_mostly_blank",)),
    Case("labels in two spellings", TWO, ROWS.replace("2.png,normal", "2.png,Normal"), says=("spelling alone",)),
    Case("parts in the table", TWO, "path,label,part\nnormal/1.png,n,train\nblast/3.png,b,train\nblast/4.png,b,test\n",
         classes={"n": 1, "b": 2}, positive=None, parts={"train", "test"}),
]  # fmt: skip
LABELS = "Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\nUID_H50_2_1_hem.bmp,2.bmp,0\n"
CELLS = "fold_0/all/UID_11_10_1_all.bmp C/fold_1/hem/UID_H7_2_3_hem.bmp"
CNMC_SUBJECTS = {"11", "H7", "57", "H50"}
BOTH: dict[str, Any] = {"spec": OFFICIAL, "positive": "all", "classes": {"hem": 2, "all": 2}, "subjects": CNMC_SUBJECTS,
                        "parts": {"training", "preliminary"}}  # fmt: skip
TRAINING = "fold_0/all/UID_11_10_1_all.bmp {}/fold_1/hem/UID_H7_2_3_hem.bmp"
PRELIM = "C-NMC_test_prelim_phase_data"
CNMC = [
    Case("C-NMC as the archive has it, nested",
         "{C-NMC_training_data/fold_0/all/UID_11_10_1_all,C-NMC_training_data/fold_1/hem/UID_H7_2_3_hem}.bmp "
         f"{PRELIM}/{PRELIM}/{{1,2}}.bmp {PRELIM}_labels.csv", **BOTH),
    Case("C-NMC as the archive has it, flat, in a package folder",
         "PKG_-_C-NMC_2019/C-NMC_training_data/{fold_0/all/UID_11_10_1_all,fold_1/hem/UID_H7_2_3_hem}.bmp "
         f"PKG_-_C-NMC_2019/{PRELIM}/{{1,2}}.bmp PKG_-_C-NMC_2019/{PRELIM}_labels.csv", **BOTH),
    Case("C-NMC as the challenge gave it",
         "{fold_0/all/UID_11_10_1_all,fold_1/hem/UID_H7_2_3_hem,phase2/1,phase2/2}.bmp phase2.csv", **BOTH),
    Case("C-NMC merged into two folders", "{train/all/UID_11_10_1_all,train/hem/UID_H7_2_3_hem}.bmp",
         spec=OFFICIAL, positive="all", classes={"hem": 1, "all": 1}, subjects={"11", "H7"}, parts={"training"}),
    Case("C-NMC with its preliminary cells under their true names",
         "{mine/UID_11_10_1_all,mine/UID_57_29_1_all,mine/UID_H50_2_1_hem}.bmp phase2.csv",
         spec=OFFICIAL, positive="all", classes={"hem": 1, "all": 2}, subjects={"11", "57", "H50"},
         parts={"training", "preliminary"}),
    Case("C-NMC without the labels of its preliminary part",
         "fold_0/{all/UID_11_10_1_all,hem/UID_H7_2_3_hem}.bmp phase2/1.bmp",
         spec=OFFICIAL, says=("labels of the preliminary part", "data.parts=[training]")),
    Case("C-NMC read as one's own folds", "{fold_0/all/UID_11_10_1_all,fold_1/hem/UID_H7_2_3_hem}.bmp",
         says=("data.card=cnmc2019",)),
    Case("names that do not tell the disease", "A/{1,2}.png B/{3,4}.png", classes={"A": 2, "B": 2}, positive=None),
    Case("names that do not tell the disease, told", "A/{1,2}.png B/{3,4}.png", spec={"positive": "A"},
         classes={"A": 2, "B": 2}, positive="A"),
    Case("Indonesian class names", "leukemia/{1,2}.png sehat/{3,4}.png", classes={"leukemia": 2, "sehat": 2},
         positive="leukemia"),
    Case("C-NMC cells among one's own",
         "{blast/UID_51_1_1_all,blast/UID_78_1_1_all,normal/UID_H7_2_3_hem}.bmp normal/1.bmp",
         classes={"normal": 2, "blast": 2}, subjects={"cnmc2019:51+55+75+78", "cnmc2019:H2+H4+H5+H6+H7"},
         findings=("read.official_cells", "read.subjects_mostly_blank")),
    Case("copies of C-NMC cells in two folders", "{a/UID_11_10_1_all,b/UID_11_10_1_all,a/UID_H7_2_3_hem}.bmp",
         spec=OFFICIAL, positive="all", classes={"hem": 1, "all": 1}, subjects={"11", "H7"}, parts={"training"},
         findings=("read.copies",)),
]  # fmt: skip
CASES = [*TREE, *TABLES, *CNMC]


def expanded(pattern: str) -> list[str]:
    """`{a,b}/1` to `a/1`, `b/1`."""
    pieces = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(re.split(r"[{}]", pattern))]
    return ["".join(found) for found in itertools.product(*pieces)]


@pytest.fixture(scope="module")
def cells() -> list[np.ndarray]:
    """Phantom cells of 32 px."""
    spec = PhantomSpec()
    looks = [subject_look(spec, 7, f"S{number}") for number in range(3)]
    return [draw_cell(spec, "early", look, stream(7, "case", n), 32)[0] for n, look in enumerate(looks)]


def written(case: Case, folder: Path, cells: list[np.ndarray]) -> Path:
    """The data folder of a case."""
    for number, name in enumerate(name for pattern in case.files.split() for name in expanded(pattern)):
        path = folder / name.replace("PKG_-_C-NMC_2019", "PKG - C-NMC 2019")
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == ".leukolab":
            mark(path.parent)
        elif path.suffix in (".dcm", ".txt", ".csv"):
            path.write_text(LABELS)
        else:
            image = Image.fromarray(cells[number % len(cells)])
            (image.convert("L") if path.suffix == ".pgm" else image).save(
                path, format={".jpe": "JPEG"}.get(path.suffix)
            )
    if not case.table:
        return folder
    table = folder / "table.csv"
    table.write_bytes(case.table if isinstance(case.table, bytes) else case.table.encode())
    return table


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_layout_is_read_right_or_refused_with_what_to_do(
    case: Case, tmp_path: Path, cells: list[np.ndarray]
) -> None:
    data = written(case, tmp_path / "data", cells)
    spec = DataSpec(**{"card": "folder", **case.spec})
    if case.classes is None:
        with pytest.raises(LeukolabError) as refused:
            read_images(spec, data)
        sentence = str(refused.value)
        assert all(piece in sentence for piece in case.says), sentence
        assert sentence.endswith(".")
        return
    reading = read_images(spec, data)
    assert reading.index["class_name"].value_counts().to_dict() == case.classes
    assert set(reading.index["subject"].dropna()) == (case.subjects or set())
    assert set(reading.index["part"]) == case.parts
    assert tuple(finding.code for finding in reading.findings) == case.findings
    names = class_names(reading.index)
    assert classes_of(names, spec, get_card(spec.card)).positive_class == case.positive
    if case.positive:
        assert names[1] == case.positive
    for language in languages():
        assert all(load_texts(language).finding(finding) for finding in reading.findings)


def test_cells_of_cnmc_are_known_by_their_bytes_under_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A BMP of 450 x 450 that Pillow writes has the length of an official one; here its bytes are made official."""
    digests = {}
    cells = [("blast", "fold_0/all/UID_51_1_1_all"), ("normal", "fold_0/hem/UID_H2_1_1_hem")]
    for number, (folder, name) in enumerate(cells):
        path = tmp_path / folder / f"{number}.bmp"
        path.parent.mkdir()
        Image.new("RGB", (450, 450), (number, 1, 2)).save(path)
        digests[f"training_data/{name}.bmp"] = file_digest(path)
    for module in ("official", "layout"):
        monkeypatch.setattr(f"leukolab.cards.datasets.cnmc2019.{module}.official_digests", lambda: digests)
    index = read_images(DataSpec(card="folder"), tmp_path).index
    assert index["subject"].tolist() == ["cnmc2019:51+55+75+78", "cnmc2019:H2+H4+H5+H6+H7"]
    assert read_images(DataSpec(card="cnmc2019"), tmp_path).index["subject"].tolist() == ["51", "H2"]


def test_there_are_thirty_cases_and_the_docs_name_each() -> None:
    assert len(CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)
    text = DOCS.read_text(encoding="utf-8")
    assert [case.name for case in CASES if f"| {case.name} |" not in text] == []


def test_odd_pixels_are_named(tmp_path: Path, cells: list[np.ndarray]) -> None:
    for name in ("normal", "blast"):
        (tmp_path / name).mkdir()
        Image.fromarray(cells[0]).save(tmp_path / name / "1.png")
    Image.fromarray(cells[0]).convert("L").save(tmp_path / "normal/grey.png")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "normal/black.png")
    twelve = (cells[0][..., 0].astype(np.uint16) * 16).astype("<u2")
    Image.fromarray(twelve).save(tmp_path / "blast/twelve.png")
    found = {finding.code: finding for finding in verify(DataSpec(card="folder"), tmp_path).findings}
    assert set(found) == {"pixels.flat", "pixels.narrow", "pixels.grey"}
    assert found["pixels.flat"].values["names"] == ["normal/black.png"]
    assert found["pixels.narrow"].values["names"] == ["blast/twelve.png"]
    assert set(found["pixels.grey"].values["names"]) == {"normal/grey.png", "blast/twelve.png"}
    assert "values 0 to" in load_texts().finding(found["pixels.narrow"])
