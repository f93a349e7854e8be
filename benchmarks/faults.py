"""The faults that were found when someone tried, one case each, by the command line of one source tree or several.

    python benchmarks/faults.py --source src --source OLD/src --out faults.json

Each case runs commands as a user would, each with at most 60 s and in a copy of what they start from; it is wrong where
there is a traceback, a hang, over 2 GiB, an exit code that says all is well when it is not, a file that was replaced, a
program that ran, or another result than without the fault. The folders and runs a tree starts from are made by that
tree. Exit code 1 where the first tree has a wrong case. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

SECONDS, BYTES = 60, 2 * 1024**3
STUDY = (
    "--on", "local", "--backbone", "tf_efficientnet_lite0", "--weights", "packaged", "--image-size", "48",
    "--epochs", "1+1", "--set", "training.augment.views=1", "--set", "training.learning_rates=[0.01]",
    "--set", "bootstrap=100", "--outer-parts", "1",
    "--set", "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "--set", "runtime={device: cpu, precision: float32, threads: 1, trunk: openvino, trunk_batch_size: 16}",
)  # fmt: skip


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int

    @property
    def broken(self) -> str:
        """What is wrong with any command that ends so; empty where nothing is."""
        if "Traceback (most recent call last)" in self.err:
            return "traceback"
        if self.seconds >= SECONDS:
            return "hangs"
        if self.peak > BYTES:
            return f"takes {self.peak / 1024**3:.1f} GiB"
        return f"killed by signal {-self.code}" if self.code < 0 else ""

    @property
    def refused(self) -> str:
        """What is wrong where the command should have ended with one sentence and exit code 2."""
        return self.broken or ("" if self.code == 2 else f"exit code {self.code}")


@dataclass
class Tree:
    """A source tree, and the cells, home folder and run it starts from."""

    source: Path
    top: Path
    count: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words: object, cwd: Path | None = None, stdout: Any = subprocess.PIPE, after: float = 0) -> Done:
        """`leukolab WORDS`; killed after so many seconds where `after` is given."""
        command = [sys.executable, "-m", "leukolab", *map(str, words)]
        started = time.monotonic()
        with subprocess.Popen(
            command, cwd=cwd or self.top, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            env=self.environment, start_new_session=True,
        ) as process:  # fmt: skip
            peak = [0]
            threading.Thread(target=_watch, args=(process, peak), daemon=True).start()
            try:
                out, err = process.communicate(timeout=after or SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
        seconds = time.monotonic() - started
        texts = [(text or b"").decode(errors="replace") for text in (out, err)]
        return Done(process.returncode, *texts, seconds, peak[0])

    def study(self, *words: object, cells: Path | None = None, home: Path | None = None, **options: Any) -> Done:
        """`leukolab study run`, small."""
        where = ("--home", home or self.home, "study", "run", "demo", "--data", cells or self.cells)
        return self.run(*where, *STUDY, *words, **options)

    @property
    def cells(self) -> Path:
        """Drawn cells of two classes."""
        return self.top / "cells"

    @property
    def home(self) -> Path:
        """The home folder of the finished run."""
        return self.top / "home"

    def new(self, of: str = "") -> Path:
        """A new folder, or a copy of one of this tree's."""
        self.count += 1
        path = self.top / f"case{self.count}"
        if of:
            shutil.copytree(self.top / of, path, symlinks=True)
        else:
            path.mkdir()
        return path

    def image(self, number: int = 0) -> Path:
        """One of the cells."""
        return sorted(self.cells.rglob("*.png"))[number]

    def predict(self, *words: object, run: Path | None = None, **options: Any) -> Done:
        """`leukolab predict`."""
        return self.run("--home", self.home, "predict", *words, "--run", run or self.top / "run", **options)

    def ready_environment(self) -> None:
        """What commands see of the environment."""
        plain = {key: value for key, value in os.environ.items() if not key.startswith("LEUKOLAB")}
        self.environment = plain | {
            "PYTHONPATH": str(self.source), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "LEUKOLAB_LANGUAGE": "en",
            "LEUKOLAB_HOME": str(self.home),
        }  # fmt: skip

    def ready(self) -> None:
        """Draw the cells and train the run."""
        self.ready_environment()
        for done in (
            self.run("data", "draw", self.cells, "--subjects", 20, "--images", 3, "--size", 48),
            self.study("--out", self.top / "run"),
        ):
            if done.code:
                raise SystemExit(f"{self.source}: what cases start from cannot be made: {done.err[-2000:]}")


def _watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Keep the most memory that a process and its children held; end it over twice the limit."""
    while process.poll() is None:
        held = sum(map(_held, [process.pid, *_children(process.pid)]))
        peak[0] = max(peak[0], held)
        if held > 2 * BYTES:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def _children(process: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _held(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


Case = Callable[[Tree], str]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """A case by its name: the line of the list, then what was done. It gives what was wrong, or nothing."""

    def known(one: Case) -> Case:
        CASES[name] = one
        return one

    return known


def results(run: Path) -> str:
    """Digest of what a run predicts."""
    table = pd.read_parquet(run / "predictions.parquet")
    return hashlib.sha256(table.to_csv().encode()).hexdigest()


def _flipped(tree: Tree, kind: str, dropped: str) -> str:
    home = tree.new("home")
    damaged = 0
    for path in (home / kind).rglob("*"):
        if path.is_file() and path.suffix in (".npy", ".onnx", ".bin", ".xml", ".shortcuts", ".parquet"):
            content = bytearray(path.read_bytes())
            for part in range(1, 6):  # the highest byte of a number, where the file holds numbers
                content[len(content) * part // 6 // 8 * 8 + 7] ^= 0x41
            path.write_bytes(content)
            damaged += 1
    if not damaged:
        return "not there"
    for name in dropped.split():
        shutil.rmtree(home / name, ignore_errors=True)
    out = tree.new()
    done = tree.study("--out", out / "run", home=home)
    if done.broken or done.code:
        return done.broken or ("" if done.code == 2 else f"exit code {done.code}")
    other = [path for path in ("predictions.parquet", "rivals.parquet") if (out / "run" / path).exists()]
    same = all(pd.read_parquet(out / "run" / path).equals(pd.read_parquet(tree.top / "run" / path)) for path in other)
    return "" if same else "other predictions, exit code 0"


@case("1 bytes flipped in what the home folder keeps of size and colour")
def _(tree: Tree) -> str:
    return _flipped(tree, "shortcuts", "rivals")


@case("1 bits flipped in the exported trunk")
def _(tree: Tree) -> str:
    return _flipped(tree, "trunks", "features activations banks")


@case("3 a run inside the folder of images, then the images verified")
def _(tree: Tree) -> str:
    cells = tree.new("cells")
    shutil.copytree(tree.top / "run", cells / "run")
    done = tree.run("data", "explore", "folder", cells, "--out", tree.new() / "page.html")
    page = "".join(path.read_text() for path in tree.top.glob(f"case{tree.count}/*.html"))
    return done.broken or ("the run is a class of images" if ">report<" in page or ">run<" in page else "")


@case("4 class names reversed in the run's JSON, then predict")
def _(tree: Tree) -> str:
    run = tree.new("run")
    for path in run.glob("*.json"):
        raw = json.loads(path.read_text())
        for place in (raw, raw.get("card", {}), raw.get("chosen", {})) if isinstance(raw, dict) else ():
            if isinstance(place, dict) and isinstance(place.get("class_names"), list):
                place["class_names"] = place["class_names"][::-1]
                path.write_text(json.dumps(raw))
    return tree.predict(tree.image(), run=run).refused


@case("4 result.json of {} beside a torn model, then predict")
def _(tree: Tree) -> str:
    run = tree.new("run")
    for path in run.glob("jobs/*/*.json"):
        path.write_text("{}")
    done = tree.predict(tree.image(), run=run)
    return done.refused


@case("5 a PNG whose closed stream holds 10 of 48 rows")
def _(tree: Tree) -> str:
    path = tree.new() / "cell.png"
    rows = b"".join(b"\0" + os.urandom(48 * 3) for _ in range(10))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = (48).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    done = tree.predict(path)
    return done.broken or ("accepted, the rest black" if done.code == 0 else "")


@case("6 two studies at once in one home folder of 1 MB")
def _(tree: Tree) -> str:
    home, ended = tree.new(), []

    def one(seed: int) -> None:
        ended.append(
            tree.study("--out", home / f"run{seed}", "--cache-size", "1MB", "--set", f"seed={seed}", home=home / "h")
        )

    threads = [threading.Thread(target=one, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return next((done.broken or f"exit code {done.code}" for done in ended if done.broken or done.code), "")


@case("7 predict --out to a device")
def _(tree: Tree) -> str:
    device = tree.new() / "null"
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    done = tree.predict(tree.image(), "--out", device)
    return done.broken or ("" if stat.S_ISCHR(device.lstat().st_mode) else "the device became a file")


@case("7 predict --out to a link")
def _(tree: Tree) -> str:
    folder = tree.new()
    (folder / "real.csv").write_text("")
    (folder / "link.csv").symlink_to(folder / "real.csv")
    done = tree.predict(tree.image(), "--out", folder / "link.csv")
    return done.broken or ("" if (folder / "link.csv").is_symlink() else "the link was replaced")


@case("7 predict --out to the image itself")
def _(tree: Tree) -> str:
    image = tree.new() / "cell.png"
    shutil.copyfile(tree.image(), image)
    done = tree.predict(image, "--out", image)
    return done.broken or ("" if image.read_bytes() == tree.image().read_bytes() else "the image was overwritten")


@case("8 an image listed twice in a CSV of images")
def _(tree: Tree) -> str:
    table = _listed(tree)
    table = pd.concat([table, table.iloc[:1]])
    return _from_csv(tree, table)


@case("8 a file name that is not UTF-8 among others")
def _(tree: Tree) -> str:
    folder = tree.new()
    shutil.copyfile(tree.image(), folder / "good.png")
    shutil.copyfile(tree.image(1), folder / os.fsdecode(b"\xff.png"))
    done = tree.predict(folder, "--out", folder / "out.csv")
    lines = (folder / "out.csv").read_text(errors="replace") if (folder / "out.csv").exists() else ""
    return done.broken or ("" if "good" in lines else "the whole batch is lost")


def _listed(tree: Tree) -> pd.DataFrame:
    paths = sorted(tree.cells.rglob("*.png"))
    rows = [{"path": str(one), "label": one.parent.name, "subject": one.name.split("_")[0]} for one in paths]
    return pd.DataFrame(rows)


def _from_csv(tree: Tree, table: pd.DataFrame, name: str = "images.csv") -> str:
    file = tree.new() / name
    table.to_csv(file, index=False)
    words = ("--card", "folder", "--set", "data.positive=all", "--dry-run", "--out", tree.new() / "run")
    return tree.study(*words, cells=file).broken


@case("9 a FIFO called cell.png")
def _(tree: Tree) -> str:
    folder = tree.new()
    os.mkfifo(folder / "cell.png")
    return tree.predict(folder).broken


@case("9 a FIFO as a table to score")
def _(tree: Tree) -> str:
    fifo = tree.new() / "table.csv"
    os.mkfifo(fifo)
    return tree.run("score", fifo).refused


@case("9 a FIFO as a study file")
def _(tree: Tree) -> str:
    fifo = tree.new() / "mine.yaml"
    os.mkfifo(fifo)
    return tree.run("study", "show", fifo).refused


@case("9 a device without end as a table to score")
def _(tree: Tree) -> str:
    link = tree.new() / "table.csv"
    link.symlink_to("/dev/zero")
    return tree.run("score", link).refused


@case("10 the current folder deleted")
def _(tree: Tree) -> str:
    folder, run = tree.new(), tree.top / "run"
    shell = f"cd {folder} && rmdir {folder} && exec {sys.executable} -m leukolab predict cell.png --run {run}"
    done = subprocess.run(["sh", "-c", shell], env=tree.environment, capture_output=True, timeout=SECONDS)
    return "traceback" if b"Traceback" in done.stderr else ""


@case("10 a name that is too long")
def _(tree: Tree) -> str:
    return tree.predict(tree.image(), "--out", tree.new() / f"{'x' * 300}.csv").refused


@case("10 a table missing in one of the runs to merge")
def _(tree: Tree) -> str:
    run, other = tree.new("run"), tree.new("run")
    (run / "predictions.parquet").unlink()
    (run / "jobs.parquet").unlink(missing_ok=True)
    return tree.run("study", "merge", run, other, "--out", tree.new() / "merged").refused


@case("11 100,000 threads")
def _(tree: Tree) -> str:
    return tree.study("--set", "runtime.threads=100000", "--out", tree.new() / "run").refused


@case("11 a frozen part asked for 100,000 images at once")
def _(tree: Tree) -> str:
    return tree.study("--set", "runtime.trunk_batch_size=100000", "--dry-run", "--out", tree.new() / "run").refused


@case("11 a balance of 100,000,000 images a class")
def _(tree: Tree) -> str:
    balance = "protocols.corrected.balance={when: in_training, per_class: 100000000}"
    return tree.study("--set", balance, "--out", tree.new() / "run").refused


@case("11 a crop of 999,999,999 px")
def _(tree: Tree) -> str:
    return tree.study("--set", "image.crop_px=999999999", "--out", tree.new() / "run").refused


@case("11 1,000,000,000 replicates")
def _(tree: Tree) -> str:
    return tree.run("score", _table(tree), "--bootstrap", "1000000000").refused


def _table(tree: Tree, name: str = "table.csv", columns: Sequence[str] = ("label", "p_normal", "p_all")) -> Path:
    path = tree.new() / name
    rng = np.random.default_rng(1)
    rows = [",".join(columns)]
    for number in range(40):
        one = rng.random()
        values = [
            "normal" if number % 2 else "all",
            *[f"{one if k % 2 else 1 - one:.4f}" for k in range(len(columns) - 1)],
        ]
        rows.append(",".join(values))
    path.write_text("\n".join(rows) + "\n")
    return path


@case("12 a PostScript file called cell.png")
def _(tree: Tree) -> str:
    folder = tree.new()
    (folder / "gs").write_text(f"#!/bin/sh\ntouch {folder}/RAN\n")
    (folder / "gs").chmod(0o755)
    box = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 48\n%%EndComments\nshowpage\n%%EOF\n"
    (folder / "cell.png").write_text(box)
    before = tree.environment["PATH"]
    tree.environment["PATH"] = f"{folder}:{before}"
    done = tree.predict(folder / "cell.png")
    tree.environment["PATH"] = before
    return done.broken or ("a program was run" if (folder / "RAN").exists() else "")


@case("13 a PNG of 9,400 x 9,400 at 16 bits")
def _(tree: Tree) -> str:
    folder = tree.new()
    Image.fromarray(np.zeros((9400, 9400), np.uint16)).save(folder / "cell.png")
    return tree.predict(folder / "cell.png").broken


@case("13 eight of them in explore")
def _(tree: Tree) -> str:
    folder = tree.new()
    for label in ("a", "b"):
        (folder / label).mkdir()
        for number in range(4):
            image = np.zeros((9400, 9400), np.uint16)
            image[:100, :100] = 1000 * number + (label == "b")
            Image.fromarray(image).save(folder / label / f"{number}.png")
    return tree.run("data", "explore", "folder", folder, "--out", tree.new() / "page.html").broken


def _named(tree: Tree, name: str) -> tuple[Done, Path]:
    folder = tree.new()
    shown = tree.run("study", "show", "demo").out
    (folder / "mine.yaml").write_text(re.sub(r"^name: .*$", f"name: {name!r}", shown, flags=re.MULTILINE))
    words = ("--home", tree.home, "study", "run", "mine.yaml", "--data", tree.cells, *STUDY)
    return tree.run(*words, cwd=folder), folder


@case("14 a study called ../../../x")
def _(tree: Tree) -> str:
    done, _folder = _named(tree, "../../x")
    return done.refused


@case("14 a study called x$(touch OWNED), its printed command pasted")
def _(tree: Tree) -> str:
    done, folder = _named(tree, "x$(touch OWNED)")
    for line in done.out.splitlines():
        found = re.search(r"leukolab predict .*", line)
        if found:
            subprocess.run(["sh", "-c", found.group().replace("leukolab", "true", 1)], cwd=folder, capture_output=True)
    return done.broken or ("the pasted command ran it" if (folder / "OWNED").exists() else "")


@case("14 a path out of the folder in a CSV of images")
def _(tree: Tree) -> str:
    table = _listed(tree)
    folder = tree.new()
    inside = folder / "data"
    shutil.copytree(tree.cells, inside)
    table["path"] = [str(Path(one).relative_to(tree.cells)) for one in table["path"]]
    shutil.copyfile(tree.image(), folder / "x.png")
    table.loc[0, "path"] = "../x.png"
    table.to_csv(inside / "images.csv", index=False)
    return tree.run("data", "verify", "folder", inside / "images.csv").refused


@case("15 an escape code in a file name")
def _(tree: Tree) -> str:
    folder = tree.new()
    shutil.copyfile(tree.image(), folder / "\x1b[31mred.png")
    inside, terminal = os.openpty()
    done = tree.predict(folder, stdout=terminal)
    os.close(terminal)
    shown = os.read(inside, 10**6).decode(errors="replace")
    os.close(inside)
    return done.broken or ("the terminal gets the escape code" if "\x1b[31m" in shown + done.err else "")


@case("15 a cell of a table that a spreadsheet would run")
def _(tree: Tree) -> str:
    folder = tree.new()
    shutil.copyfile(tree.image(), folder / "=cmd.png")
    done = tree.predict("=cmd.png", "--out", folder / "out.csv", cwd=folder)
    lines = (folder / "out.csv").read_text().splitlines()[1:] if (folder / "out.csv").exists() else []
    return done.broken or ("a cell begins with =" if any(line.startswith(("=", '"=')) for line in lines) else "")


@case("15 5,000 classes")
def _(tree: Tree) -> str:
    folder = tree.new()
    rng = np.random.default_rng(1)
    for number in range(5000):
        path = folder / "data" / f"c{number:04}"
        path.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path / "1.png")
    done = tree.run("data", "explore", "folder", folder / "data", "--out", folder / "page.html")
    size = (folder / "page.html").stat().st_size if (folder / "page.html").exists() else 0
    return done.broken or (f"a page of {size / 1e6:.0f} MB" if size > 20e6 else "")


@case('16 predict ""')
def _(tree: Tree) -> str:
    return tree.predict("", cwd=tree.cells).refused


@case("16 standard output closed")
def _(tree: Tree) -> str:
    shell = f"{sys.executable} -m leukolab predict {tree.cells} --run {tree.top / 'run'} | true"
    done = subprocess.run(["sh", "-c", shell], env=tree.environment, capture_output=True, timeout=SECONDS)
    return "traceback" if b"Traceback" in done.stderr or b"BrokenPipe" in done.stderr else ""


@case("16 score: two columns of one name")
def _(tree: Tree) -> str:
    return tree.run("score", _table(tree, columns=("label", "p_normal", "p_all", "p_normal"))).refused


@case("16 score: a file called .PARQUET")
def _(tree: Tree) -> str:
    path = tree.new() / "table.PARQUET"
    pd.read_csv(_table(tree)).to_parquet(path)
    done = tree.run("score", path)
    return done.broken or (f"exit code {done.code}" if done.code else "")


@case("16 score: the predictions of all jobs of a run")
def _(tree: Tree) -> str:
    path = tree.top / "run" / "predictions.parquet"
    table = pd.read_parquet(path)
    done = tree.run("score", path)
    called = table[["p_0", "p_1"]].to_numpy().argmax(axis=1)
    mixed = f"{(called == table['label']).mean():.4f}"
    found = re.search(r"Accuracy +by image +(\S+)|accuracy +image +(\S+)", done.out)
    return done.broken or ("all are mixed" if found and mixed[:5] in found.group() else "")


@case("16 score: 600 classes")
def _(tree: Tree) -> str:
    path = tree.new() / "table.csv"
    rng, names = np.random.default_rng(1), [f"c{number}" for number in range(600)]
    probs = rng.dirichlet(np.ones(600), 1800)
    table = pd.DataFrame(probs, columns=[f"p_{name}" for name in names])
    table.insert(0, "label", [names[number % 600] for number in range(1800)])
    table.to_csv(path, index=False)
    return tree.run("score", path, "--bootstrap", "100").broken


@case("16 weights that are text or sparse")
def _(tree: Tree) -> str:
    import torch

    path = tree.new() / "bad.pt"
    torch.save({"conv_stem.weight": "text", "blocks": torch.zeros(3).to_sparse()}, path)
    return tree.study("--weights", f"file:{path}", "--out", tree.new() / "run").refused


@case("16 weights that are not numbers")
def _(tree: Tree) -> str:
    import torch
    from timm import create_model

    path, state = tree.new() / "bad.pt", create_model("tf_efficientnet_lite0").state_dict()
    torch.save(
        {key: torch.full_like(one, float("nan")) if one.is_floating_point() else one for key, one in state.items()},
        path,
    )
    done = tree.study("--weights", f"file:{path}", "--out", tree.new() / "run")
    return done.refused or ("the learning rate is blamed" if "learning rate" in done.err else "")


@case("16 data draw killed: what it leaves is gone after the next")
def _(tree: Tree) -> str:
    folder = tree.new()
    words = ("data", "draw", folder / "cells", "--subjects", 400, "--images", 40, "--size", 224)
    tree.run(*words, after=8)
    done = tree.run("data", "draw", folder / "cells", "--subjects", 3, "--images", 2, "--size", 48)
    left = [path.name for path in folder.iterdir() if path.name != "cells"]
    return done.broken or (f"{len(left)} left beside it" if left else "")


@case("16 the hub of weights cannot be reached")
def _(tree: Tree) -> str:
    before = dict(tree.environment)
    tree.environment.pop("HF_HUB_OFFLINE")
    tree.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = tree.study("--weights", "hub", "--out", tree.new() / "run")
    tree.environment = before
    return done.refused or (f"{done.seconds:.0f} s until it says so" if done.seconds > 30 else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 where the first tree has no wrong case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, action="append", required=True, help="a folder `src`; may be repeated")
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    given = parser.parse_args(arguments)
    found: dict[str, list[str]] = {name: [] for name in CASES if given.only in name}
    with tempfile.TemporaryDirectory(prefix="leukolab-faults-") as top:
        for number, source in enumerate(given.source):
            tree = Tree(source.resolve(), Path(top) / str(number))
            tree.top.mkdir()
            tree.ready()
            for name in found:
                found[name].append(_tried(name, tree))
                sys.stderr.write(f"{source}: {name}: {found[name][-1] or 'right'}\n")
    for name, verdicts in found.items():
        sys.stdout.write(f"| {name} | {' | '.join(one or 'right' for one in verdicts)} |\n")
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(verdicts[0] not in ("", "not there") for verdicts in found.values()))


def _tried(name: str, tree: Tree) -> str:
    try:
        return CASES[name](tree)
    except OSError as error:
        return f"the case itself: {error}"


if __name__ == "__main__":
    raise SystemExit(main())
