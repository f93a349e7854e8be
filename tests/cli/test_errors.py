"""Bad input: one sentence that says where, what was expected, what was found and what to do; exit code 2."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leukolab.base.marks import MARK
from leukolab.cards.draw import draw_data_set
from leukolab.cli import main
from leukolab.engine.weights import load_backbone, save_state
from leukolab.images.formats import FORMATS
from leukolab.plan.lock import LOCK_FILE
from leukolab.spec import ModelSpec, load_study

pytestmark = pytest.mark.usefixtures("unchanged")
Leukolab = Callable[..., Any]
TINY = (
    "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=1",
    "--set=training.learning_rates=[0.01]", "--set=bootstrap=100",
    "--set=protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set=runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def mine(two_class: Path, tmp_path: Path) -> Path:
    """A person's own folder of class folders; it must stay as it was once the test has set it up."""
    root = tmp_path / "mine"
    for name in ("normal", "all"):
        shutil.copytree(two_class / name, root / name)
    return root


def refused(leukolab: Leukolab, data: Path, out: Path, *options: str, study: str = "demo") -> str:
    """The sentence, after checking that data and the run folder lost nothing."""
    before = [files_of(folder) if folder.is_dir() else None for folder in (data, out)]
    sentence: str = leukolab("study", "run", study, "--data", data, "--out", out, *TINY, *options).sentence
    after = [files_of(folder) if folder.is_dir() else None for folder in (data, out)]
    assert after[0] == before[0]
    assert before[1] is None or after[1] == before[1]
    return sentence


def test_a_missing_root(leukolab: Leukolab, tmp_path: Path) -> None:
    sentence = refused(leukolab, tmp_path / "nowhere", tmp_path / "out")
    assert f"{tmp_path / 'nowhere'}: expected the images of 'phantom' here, found no such folder. Check" in sentence


@pytest.mark.parametrize("command", [("run",), ("tune", "--search=training.learning_rates=log:1e-5..1e-2")])
@pytest.mark.parametrize("mistyped", ["--data=nowhere", "--card=folde", "--card=cnmc2019", "--subject-from=("])
def test_what_is_mistyped_leaves_no_folder_behind(
    leukolab: Leukolab, tmp_path: Path, two_class: Path, command: tuple[str, ...], mistyped: str
) -> None:
    out, given = tmp_path / "deep" / "out", ["--data", two_class, "--card=folder", *TINY, mistyped]
    assert leukolab("study", command[0], "demo", "--out", out, *given, *command[1:]).sentence
    assert not list(tmp_path.iterdir())


def test_an_empty_root(leukolab: Leukolab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sentence = refused(leukolab, tmp_path / "empty", tmp_path / "out")
    assert f"{tmp_path / 'empty'}: expected the images of 'phantom' here, found an empty folder." in sentence


def test_the_data_set_of_another_study(leukolab: Leukolab, tmp_path: Path, four_class: Path, mine: Path) -> None:
    sentence = refused(leukolab, four_class, tmp_path / "out", study="wen")
    assert f"{four_class}: expected the images of 'cnmc2019'" in sentence
    assert "found another data set" in sentence
    assert "set data.card=phantom (--card phantom)" in sentence
    sentence = refused(leukolab, mine, tmp_path / "out", study="wen")
    assert "found other images. For images of your own set data.card=folder (--card folder)." in sentence


def test_a_class_with_fewer_groups_than_folds(leukolab: Leukolab, tmp_path: Path) -> None:
    few = draw_data_set(tmp_path / "few", "two_class", 8, 2, 48, 7)
    split = "--set=protocols.corrected.split={kind: nested, outer: 5, folds: 5}"
    sentence = refused(leukolab, few, tmp_path / "out", split)
    for words in ("protocol 'corrected'", "at least 5 groups (subjects) of class", "found 4", "split.outer"):
        assert words in sentence


def png_head(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and has next to nothing inside."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 99))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("truncated", "expected a whole image, found a damaged one"),
        ("zero bytes", "expected an image, found an empty file"),
        (
            "text",
            f"expected an image ({', '.join(FORMATS)}), found a file of another kind",
        ),
        ("huge", "expected at most 89,000,000 pixels, found far more. Cut or shrink"),
    ],
)
def test_an_image_that_cannot_be_read(leukolab: Leukolab, tmp_path: Path, mine: Path, content: str, words: str) -> None:
    good = min((mine / "all").iterdir())
    bad = mine / "all" / "S999_0001.png"
    bodies = {
        "truncated": good.read_bytes()[:900], "zero bytes": b"", "text": b"This is no image.\n" * 20,
        "huge": png_head(30_000, 30_000),
    }  # fmt: skip
    bad.write_bytes(bodies[content])
    sentence = refused(leukolab, mine, tmp_path / "out", "--card=folder")
    assert "1 of 61 images cannot be read." in sentence
    assert f"{bad}: {words}" in sentence


def test_an_image_under_a_wrong_ending_is_read_all_the_same(leukolab: Leukolab, tmp_path: Path, mine: Path) -> None:
    picture = min((mine / "all").iterdir())
    picture.rename(picture.with_suffix(".jpg"))
    answer = leukolab("study", "run", "demo", "--data", mine, "--card=folder", "--dry-run", *TINY,
                      "--subject-from=(S[0-9]+)_", "--out", tmp_path / "out")  # fmt: skip
    assert answer.code == 0, answer.err
    assert "2 models, 0 of them done" in answer.out
    assert not (tmp_path / "out").exists()


def test_duplicate_file_names(leukolab: Leukolab, tmp_path: Path, mine: Path) -> None:
    picture = min((mine / "all").iterdir())
    shutil.copy(picture, picture.with_suffix(".bmp"))
    sentence = refused(leukolab, mine, tmp_path / "out", "--card=folder")
    assert "expected each image once, found" in sentence
    assert picture.name in sentence
    assert "Keep one of the two." in sentence


def test_the_same_image_twice_in_a_list(leukolab: Leukolab, tmp_path: Path, mine: Path) -> None:
    table = mine / "list.csv"
    picture = min((mine / "all").iterdir()).relative_to(mine).as_posix()
    table.write_text(f"path,label\n{picture},a\n{picture},b\n", encoding="utf-8")
    sentence = refused(leukolab, table, tmp_path / "out", "--card=folder")
    assert "in the lines 2 and 3" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["studdy"], ["no command 'studdy'", "Did you mean 'study'?"]),
        (["study", "rum"], ["'rum'"]),
        (["study", "run", "demmo", "--data=x"], ["study 'demmo' is not known", "Did you mean 'demo'?"]),
        (["study", "show", "subtype"], ["Did you mean 'subtypes'?"]),
        (["study", "run", "demo", "--data=x", "--bakbone=y"], ["--bakbone", "--backbone"]),
        (["study", "run", "demo"], ["--data"]),
        (["study", "run", "demo", "--data=x", "--set", "trainig.seed=3"], ["trainig", "Did you mean 'training'?"]),
        (["study", "run", "demo", "--data=x", "--set", "training.batch_sise=3"], ["Did you mean 'batch_size'?"]),
        (["study", "run", "demo", "--data=x", "--reading=two_stages"], ["(--reading)", "Did you mean 'two_stage'?"]),
        (["study", "run", "demo", "--data=x", "--protocol=corected"], ["'corected'", "Did you mean 'corrected'?"]),
        (["study", "run", "demo", "--data=x", "--seed=many"], ["--seed", "'many'"]),
        (["study", "run", "demo", "--data=x", "--epochs=many"], ["--epochs", "'many'", "3+2"]),
        (["study", "run", "demo", "--data=x", "--epochs=1+2+3"], ["(--epochs)", "2 stages, 3 numbers"]),
        (["study", "run", "demo", "--data=x", "--outer-parts=one"], ["--outer-parts", "'one'", "'all'"]),
        (["study", "run", "demo", "--data=x", "--set", "seed"], ["--set", "'seed': expected 'key=value'"]),
        (["study", "run", "demo", "--data=x", "--set", "=3"], ["--set", "'=3'", "key=value"]),
        (["study", "run", "demo", "--data=x", "--set", "seed={"], ["--set", "'seed={'", "YAML"]),
        (["data", "draw", "x", "--layout=two_clas"], ["--layout", "Did you mean 'two_class'?"]),
        (["study", "run", "demo", "--data=x", "--card=folde"], ["card 'folde'", "Did you mean 'folder'?"]),
        (["data", "show", "cnmc2018"], ["card 'cnmc2018'", "Did you mean 'cnmc2019'?"]),
        (["data", "verify", "cnmc2018", "x"], ["Did you mean 'cnmc2019'?"]),
        (["data", "verify", "cnmc2019", "nowhere"], ["nowhere", "no such folder"]),
        (["score", "nowhere.csv"], ["nowhere.csv", "found none"]),
    ],
)  # fmt: skip
def test_unknown_names_are_answered_with_the_nearest(
    leukolab: Leukolab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sentence = leukolab(*arguments).sentence
    for word in words:
        assert word in sentence


def test_an_unknown_backbone(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    sentence = refused(leukolab, two_class, tmp_path / "out", "--backbone=tf_efficientnet_light0")
    assert "timm has no 'tf_efficientnet_light0'. Did you mean 'tf_efficientnet_lite0'?" in sentence


def test_an_output_folder_that_is_not_for_this_study(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("chapter one")
    assert "found other files. Choose another run folder (--out)." in refused(leukolab, two_class, out)
    (out / "thesis.tex").unlink()
    (out / "spec.json").write_text(load_study("wen").model_dump_json(), encoding="utf-8")
    sentence = refused(leukolab, two_class, out)
    assert f"{out}: this folder holds a run with study 'wen', not 'demo'." in sentence
    assert "Choose another run folder (--out)." in sentence
    for text, words in (
        (
            "{ half a fi",
            "expected the settings of a run in spec.json and study.yaml, found both damaged or lost. Delete",
        ),
        ("{}", "expected the settings of a run"),
    ):
        (out / "spec.json").write_text(text)
        assert words in refused(leukolab, two_class, out)
    (tmp_path / "file").write_text("a file")
    assert "file" in leukolab("study", "run", "demo", "--data", two_class, "--out", tmp_path / "file", *TINY).sentence


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left on this disk. What was finished is kept"), (errno.EACCES, "no permission to write")],
)
@pytest.mark.parametrize("place", ["packing", "jobs", "tables"])
def test_a_disk_that_refuses(
    leukolab: Leukolab,
    tmp_path: Path,
    two_class: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
    place: str,
) -> None:
    """The file system refuses the rename at the end of each kind of write; what was there stays."""
    names = {"packing": "pixels-", "jobs": "train-", "tables": "history.parquet"}
    real = {name: getattr(Path, name) for name in ("replace", "rename")}

    def refusing(name: str) -> Any:
        def act(self: Path, target: Any) -> Any:
            if Path(target).name.startswith(names[place]):
                raise OSError(number, os.strerror(number), str(target))
            return real[name](self, target)

        return act

    for name in real:
        monkeypatch.setattr(Path, name, refusing(name))
    out = tmp_path / "out"
    arguments = ["--home", tmp_path / "home", "study", "run", "demo", "--data", two_class, "--out", out, *TINY]
    sentence = leukolab(*arguments).sentence
    assert words in sentence
    assert str(tmp_path) in sentence
    assert {path.name for path in tmp_path.rglob(".*") if path.parent.name != "pins"} == {LOCK_FILE, MARK}
    monkeypatch.undo()
    assert leukolab(*arguments, "--dry-run").code == 0, "the folder is still good for this study"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_folder_without_permission(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "no permission to write here" in refused(leukolab, two_class, locked / "out")
    assert "no permission to write here" in leukolab("data", "draw", locked / "cells", "--subjects=4").sentence


def test_a_loss_that_is_no_number(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--data", two_class, "--out", out, *TINY, "--set=training.learning_rates=[1e36]"]
    sentence = leukolab("study", "run", "demo", *arguments).sentence
    for words in ("corrected/two_stage/outer1/lr1e+36/fold1: stage ", "epoch 1", "loss", "learning_rates"):
        assert words in sentence
    assert not list(out.glob("jobs/*"))


def test_weights_that_are_no_numbers_are_said_of_their_file(
    leukolab: Leukolab, tmp_path: Path, two_class: Path
) -> None:
    weights, out = tmp_path / "w.safetensors", tmp_path / "out"
    state = load_backbone(ModelSpec(backbone="test_efficientnet", weights="none"), 1)[0].state_dict()
    save_state(weights, state | {"bn2.weight": state["bn2.weight"] * float("nan")})
    arguments = ["--data", two_class, "--out", out, *TINY, f"--weights=file:{weights}"]
    sentence = leukolab("study", "run", "demo", *arguments).sentence
    assert "w.safetensors: expected finite numbers, found NaN" in sentence


def test_a_size_the_backbone_cannot_take(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    sentence = refused(leukolab, two_class, tmp_path / "out", "--backbone=test_vit_relpos", "--weights=none")
    assert "image.size_px" in sentence
    assert "image.size_px=160 (--image-size 160)" in sentence


def test_a_sigmoid_head_for_four_classes(leukolab: Leukolab, tmp_path: Path, four_class: Path) -> None:
    sentence = refused(leukolab, four_class, tmp_path / "out")
    assert "model.head: a sigmoid head has two classes, the data have 4" in sentence


def test_a_folder_that_is_no_run(leukolab: Leukolab, tmp_path: Path, two_class: Path) -> None:
    assert "expected a file here, found none" in leukolab("study", "report", tmp_path).sentence
    image = min((two_class / "all").iterdir())
    assert "expected the folder of a finished run" in leukolab("predict", image, "--run", tmp_path).sentence
    assert "found nothing" in leukolab("predict", tmp_path / "x.png", "--run", tmp_path).sentence


def test_a_drawing_that_would_overwrite(leukolab: Leukolab, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    sentence = leukolab("data", "draw", tmp_path, "--subjects=4", "--images=1", "--size=32").sentence
    assert "expected an empty folder or a phantom, found other files" in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_stopping_by_hand_says_what_is_kept(
    leukolab: Leukolab, tmp_path: Path, two_class: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leukolab.study.run.run_study", stop)
    answer = leukolab("study", "run", "demo", "--data", two_class, "--out", tmp_path / "out", *TINY)
    assert answer.code == 130
    assert "What was finished is kept; the same command goes on" in answer.err


@pytest.mark.parametrize(
    ("home", "fault"), [("x" * 300, "longer than the disk takes"), ("loop", "leads back to itself")]
)
def test_a_home_folder_that_cannot_be_named_is_one_sentence(
    home: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SystemExit) as ended:
        main(["--home", home, "cache", "list"])
    assert ended.value.code == 2
    assert fault in capsys.readouterr().err


def test_a_current_folder_that_is_deleted_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit) as ended:
        main(["--home", "home", "cache", "list"])
    assert ended.value.code == 2
    assert "the current folder: expected to find this again" in capsys.readouterr().err
