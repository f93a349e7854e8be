"""Part (c): hostile settings, study files, tables of images, split files and predictions."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from trial import ToldError, command, say, trial

from base import SETTINGS, Base
from leukolab.base.streams import stream

Rng = np.random.Generator
STRINGS = (
    "../../../x", "/etc/x", "$(touch OWNED)", "`touch OWNED`", "x; touch OWNED", "-rf", "=cmd|'/C calc'!A0",
    "\x1b[31mred",
    "a\x00b", "a\nb", "\x07", "\u202ex", "x" * 5000, "", " ", ".", "..", "CON", "~", "*", "%s%n", "{0.__class__}",
    "{{7*7}}", "<script>alert(1)</script>", "\ud800", "\U0001f9a0", "null", "file", "label", "path", "p_all", "nan",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1e9", "1e308", "1e309", "-1e-320", ".nan", ".inf", "999999999", "100000", "9" * 400,
    "0x7fffffffffffffff",
    "2147483648", "1_000_000_000", "1.5", "true", "null", "[]", "{}", "''", "1e-40", "65537",
)  # fmt: skip
KEYS = (
    "seed", "bootstrap", "epochs", "outer_parts", "image.size_px", "image.crop_px", "training.batch_size",
    "training.learning_rates", "training.augment.views", "training.augment.brightness", "training.augment.contrast",
    "training.class_weights", "runtime.threads", "runtime.trunk_batch_size", "runtime.device", "runtime.precision",
    "runtime.trunk", "protocols.corrected.split.outer", "protocols.corrected.split.folds",
    "protocols.corrected.split.tuning", "protocols.corrected.split.kind", "protocols.corrected.split.file",
    "protocols.corrected.balance.per_class", "protocols.corrected.balance.when", "model.backbone", "model.weights",
    "model.dropout", "model.head", "data.card", "data.parts", "data.view", "data.subject_from", "data.part_from",
    "data.include", "data.exclude", "data.columns", "data.positive", "data.accept", "name", "title", "report.primary",
    "report.sections", "report.limits", "report.labels", "readings.two_stage.stages.0.epochs",
    "readings.two_stage.stages.0.release", "readings.two_stage.stages.0.patience", "ensembles.schemes",
    "ensembles.scenarios", "translations.id.title", "nowhere.at.all", "a.b.c.d.e.f", "__class__", "protocol",
    "readings",
)  # fmt: skip
PATTERNS = ("(a+)+$", "(.*)*x", "(", "(?P<x>", "a{1000000}", "(?=)", "^([^/]+)/", "([a-z]+)*/", "\\", "(|)")


@dataclass(frozen=True)
class Hostile:
    """The part: each case is one input made to harm, and the command that is given it."""

    base: Base
    seed: int
    count: int
    codes = frozenset({0, 1, 2, 3})
    """`data verify` ends with 1, and `data audit` with 3, where something is not as it should be."""

    def names(self) -> list[str]:
        """Cases."""
        return [f"{list(KINDS)[number % len(KINDS)]}/{number}" for number in range(self.count)]

    def told(self, name: str) -> str:
        """What the case is, in words."""
        return f"{name.partition('/')[0]}"

    def work(self, name: str, folder: Path) -> Callable[[], int]:
        """What the trial does."""
        kind, _, number = name.partition("/")
        return lambda: KINDS[kind](stream(self.seed, "hostile", number), self.base, folder / "work")


def _text(rng: Rng) -> str:
    return STRINGS[rng.integers(len(STRINGS))]


def _value(rng: Rng) -> str:
    """A value in YAML."""
    draw = rng.random()
    if draw < 0.55:
        return NUMBERS[rng.integers(len(NUMBERS))]
    if draw < 0.75:
        return "'" + _text(rng).replace("'", "''").replace("\n", " ").replace("\x00", "") + "'"
    if draw < 0.85:
        return PATTERNS[rng.integers(len(PATTERNS))]
    if draw < 0.95:
        return "[" + ", ".join([NUMBERS[rng.integers(len(NUMBERS))]] * int(rng.integers(1, 4))) + "]"
    return "[" * 3000 + "]" * 3000


def _dry(base: Base, name: object, *more: object, data: Path | None = None) -> int:
    """A dry run: all that is checked before a run begins."""
    sets = [word for setting in SETTINGS if not setting.startswith("report") for word in ("--set", setting)]
    arguments = ("--home", "home", "-q", "study", "run", name, "--data", data or base.cells, "--out", "out",
                 "--dry-run", "--on", "local", "--image-size", 48, "--weights", "none")  # fmt: skip
    code = command(*arguments, *(sets if name == "demo" else ()), *more)
    _print(code, more)
    return code


def _print(code: int, words: object) -> None:
    say(f"## exit code {code}: {str(words)[:300]!r}")


def _settings(rng: Rng, base: Base, work: Path) -> int:
    """One setting in four, the value drawn."""
    words: list[object] = []
    for _ in range(int(rng.integers(1, 3))):
        words += ["--set", f"{KEYS[rng.integers(len(KEYS))]}={_value(rng)}"]
    return _dry(base, "demo", *words)


def _options(rng: Rng, base: Base, work: Path) -> int:
    """Options of the command line."""
    flags = ("--seed", "--epochs", "--outer-parts", "--backbone", "--card", "--positive", "--subject-from",
             "--part-from", "--include", "--exclude", "--column", "--protocol", "--reading", "--cache-size", "--on",
             "--image-size")  # fmt: skip
    pool = (
        *STRINGS,
        *NUMBERS,
        *PATTERNS,
        "local:99999999",
        "local:-1",
        "ray://nowhere:1",
        "1+1+1",
        "path=path",
        "9PB",
        "1B",
    )
    value = pool[rng.integers(len(pool))]
    return _dry(base, "demo", flags[rng.integers(len(flags))], value)


def _study_file(rng: Rng, base: Base, work: Path) -> int:
    """A study file of somebody else."""
    path = work / "study.yaml"
    text = (base.path / "runs" / "1" / "study.yaml").read_text()
    _write_any(rng, path, text, _yaml_changes)
    code = command("study", "show", path)
    return max(code, _dry(base, path)) if rng.random() < 0.7 else code


def _yaml_changes(rng: Rng, text: str) -> str:
    lines = text.splitlines()
    at = int(rng.integers(len(lines)))
    draw = rng.integers(9)
    if draw < 3 and ":" in lines[at]:
        lines[at] = lines[at].partition(":")[0] + ": " + _value(rng)
    elif draw == 3:
        lines[at] = re.sub(r"^(\s*)[\w.]+:", lambda found: f"{found[1]}{_text(rng).strip() or 'x'}:", lines[at])
    elif draw == 4:
        lines.insert(0, "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
            f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join(['*' + chr(97 + k)] * 9)}]" for k in range(9)))  # fmt: skip
    elif draw == 5:
        lines.append("x: !!python/object/apply:os.system ['touch OWNED']")
    elif draw == 6:
        lines[0] = "name: " + repr(_text(rng))
    elif draw == 7:
        del lines[at]
    else:
        lines.append(lines[at])
    return "\n".join(lines)


def _write_any(rng: Rng, path: Path, text: str, change: Callable[[Rng, str], str]) -> None:
    """The text, changed once or twice, or something that is no such file at all."""
    draw = int(rng.integers(24))
    if draw == 0:
        os.mkfifo(path)
    elif draw == 1:
        path.symlink_to("/dev/zero")
    elif draw == 2:
        path.mkdir()
    elif draw == 3:
        path.write_bytes(rng.bytes(5000))
    elif draw == 4:
        path.write_bytes(text.encode("utf-16" if rng.random() < 0.5 else "utf-32"))
    elif draw == 5:
        path.write_bytes(text.encode() + b"\xff\xfe\x80\n")
    elif draw == 6:
        path.write_bytes(text.encode()[: rng.integers(len(text))])
    elif draw == 7:
        path.write_bytes(b"\x00".join(text.encode().split(b"\n")))
    elif draw == 8:
        path.write_bytes((b"[" * 50_000, b"{a: " * 5000, b"- " * 20_000, b'"' + b"x" * 10**7)[rng.integers(4)])
    elif draw == 9:
        path.write_bytes(b"")
    else:
        for _ in range(int(rng.integers(1, 3))):
            text = change(rng, text)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _image_table(rng: Rng, base: Base, work: Path) -> int:
    """A table that lists images, in all that reads one."""
    data = base.copy("cells", work / "data")
    for extra in data.glob("*.csv"):
        extra.unlink()
    rows = [f"{path.relative_to(data)},{path.parent.name},{path.name[:4]}" for path in sorted(data.rglob("*.png"))]
    table = data / "images.csv"
    _write_any(rng, table, "path,label,subject\n" + "\n".join(rows) + "\n", _table_changes)
    root = table if rng.random() < 0.5 else data
    kind = rng.integers(5)
    more = ("--positive", "all") if rng.random() < 0.7 else ()
    if kind == 0:
        code = command("data", "show", "folder", root, *more)
    elif kind == 1:
        code = command("data", "verify", "folder", root, *more)
    elif kind == 2:
        code = command("--home", "home", "data", "explore", "folder", root, *more)
    elif kind == 3:
        code = command("--home", "home", "data", "audit", "folder", root, *more)
    else:
        code = _dry(base, "demo", "--card", "folder", *more, data=root)
    if code == 0:
        _check_pages(work)
    return code


def _check_pages(work: Path) -> None:
    """Pages carry no script of the data's, and are of a size that a browser opens."""
    for page in work.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "<script>alert(1)" in text:
            raise ToldError(f"{page.name}: a class's name became a script")
        if len(text) > 30 * 10**6:
            raise ToldError(f"{page.name}: {len(text) / 1e6:.0f} MB")


def _table_changes(rng: Rng, text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    at = int(rng.integers(1, max(2, len(lines))))
    at = min(at, len(lines) - 1)
    cells = lines[at].split(",")
    draw = rng.integers(13)
    if draw == 0:
        lines.append(lines[at])
    elif draw == 1:
        cells[0] = (
            "../../x.png",
            "/etc/passwd",
            "/dev/zero",
            "../data/" + cells[0],
            "./" + cells[0],
            "",
            "file",
            "%00",
        )[rng.integers(8)]
        lines[at] = ",".join(cells)
    elif draw <= 4:
        cells[rng.integers(len(cells))] = _text(rng)
        lines[at] = ",".join(cells)
    elif draw == 5:
        lines = [
            lines[0],
            *(",".join([*line.split(",")[:1], f"class{k}", *line.split(",")[2:]]) for k, line in enumerate(lines[1:])),
        ]
    elif draw == 6:
        lines[0] = lines[0].replace(("path", "label", "subject", "image_id", "role")[rng.integers(5)], _text(rng))
    elif draw == 7:
        lines[0] += "," + lines[0].split(",")[-1]
    elif draw == 8:
        lines[at] = '"' + lines[at]
    elif draw == 9:
        lines = lines[:1]
    elif draw == 10:
        lines[at] += "," * 5000
    elif draw == 11:
        cells[-1] = NUMBERS[rng.integers(len(NUMBERS))]
        lines[at] = ",".join(cells)
    else:
        lines = [line.replace(",", ";") for line in lines]
    return "\n".join(lines) + "\n"


def _split_file(rng: Rng, base: Base, work: Path) -> int:
    """A split file of the user's own."""
    split = pd.read_parquet(base.path / "runs" / "1" / "split" / "corrected" / "split.parquet")
    path = work / ("split.csv", "split.parquet")[int(rng.random() < 0.2)]
    _write_any(rng, path, split.to_csv(index=False), _table_changes)
    return _dry(base, "demo", "--set", f"protocols.corrected.split={{kind: file, file: '{path}'}}")


def _accepted(rng: Rng, base: Base, work: Path) -> int:
    """What a person is said to have said of pairs."""
    names = sorted(path.relative_to(base.cells).as_posix() for path in base.cells.rglob("*.png"))
    path = work / "accept.csv"
    rows = "\n".join(f"{one},{other},same" for one, other in zip(names[:6], names[6:12], strict=True))
    _write_any(rng, path, f"image_id,other_id,verdict\n{rows}\n", _table_changes)
    return command("--home", "home", "data", "audit", "phantom", base.cells, "--accept", path)


def _predictions(base: Base) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    p = rng.random(80).round(4)
    label = np.where(p + rng.normal(0, 0.3, 80) > 0.5, "all", "normal")
    names = [f"i{k}" for k in range(80)]
    return pd.DataFrame({"image_id": names, "subject": [f"s{k // 4}" for k in range(80)], "label": label,
                         "p_normal": (1 - p).round(4), "p_all": p})  # fmt: skip


def _score(rng: Rng, base: Base, work: Path) -> int:
    """Predictions made elsewhere."""
    path = work / ("p.csv", "p.csv", "p.csv", "p.parquet", "p.PARQUET", "p.txt")[rng.integers(6)]
    _write_any(rng, path, _predictions(base).to_csv(index=False), _table_changes)
    more = (
        ("--bootstrap", ("100", "1000000000", "99999999999999999999", "-1")[rng.integers(4)])
        if rng.random() < 0.2
        else ("--bootstrap", "100")
    )
    (work / "link.csv").symlink_to("/dev/null")
    outs = ((), ("--out", "out"), ("--out", "link.csv"), ("--out", path))
    code = command("score", path, *more, *outs[rng.integers(4)])
    for file in (work / "out").glob("*.csv"):
        text = file.read_text(encoding="utf-8")
        if re.search(r"(^|,)\"?[=@]cmd", text, re.MULTILINE):
            raise ToldError(f"score: {file.name} holds a cell that a spreadsheet runs")
    return code


def _same_score(rng: Rng, base: Base, work: Path) -> int:
    """Predictions saved another way say the same."""
    table = _predictions(base)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: b"\xef\xbb\xbf" + table.to_csv(index=False).encode(),
        lambda: table.to_csv(index=False, lineterminator="\r\n").encode(),
        lambda: table.to_csv(index=False, sep=";").encode(),
        lambda: table.to_csv(index=False, sep=";", decimal=",").encode(),
        lambda: table.to_csv(index=False, sep="\t").encode(),
        lambda: table.to_csv(index=False).encode("utf-16"),
        lambda: table.to_csv(index=False).rstrip("\n").encode(),
        lambda: (table.to_csv(index=False) + "\n\n,,,,\n").encode(),
        lambda: table.to_csv(index=False, quoting=1).encode(),
        lambda: table.iloc[:, ::-1].to_csv(index=False).encode(),
    )
    plain, other = work / "plain.csv", work / "other.csv"
    plain.write_bytes(table.to_csv(index=False).encode())
    other.write_bytes(ways[rng.integers(len(ways))]())
    said = []
    for path in (plain, other):
        code = command("score", path, "--bootstrap", "100", "--out", path.stem)
        if code:
            return code
        said.append({file.name: file.read_bytes() for file in sorted((work / path.stem).glob("*.csv"))})
    if said[0] != said[1]:
        raise ToldError("score: the same table, saved another way, gives other scores")
    return 0


def _outputs(rng: Rng, base: Base, work: Path) -> int:
    """Outputs and homes where none can be."""
    image = work / "cell.png"
    image.write_bytes(sorted((base.cells / "all").iterdir())[0].read_bytes())
    before = image.read_bytes()
    (work / "link.csv").symlink_to("/dev/null")
    with contextlib.suppress(OSError):  # else only a link leads to a device
        os.mknod(work / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (work / "loop").symlink_to("loop")
    os.mkfifo(work / "pipe")
    places = (
        "null",
        "link.csv",
        "loop",
        "cell.png",
        "",
        ".",
        "x" * 300,
        "a\nb",
        "cell.png/x",
        "pipe/x",
        "\x1b[31m",
        "~x",
    )
    place = places[rng.integers(len(places))]
    run = base.path / "runs" / "1"
    kind = rng.integers(6)
    if kind == 0:
        code = command("predict", image, "--run", run, "--out", place)
    elif kind == 1:
        code = command("--home", place, "cache", "list")
    elif kind == 2:
        code = command("predict", place, "--run", run)
    elif kind == 3:
        code = command("study", "status", place)
    elif kind == 4:
        code = command("--home", "home", "data", "explore", "phantom", base.cells, "--out", place)
    else:
        code = command("predict", image, "--run", place)
    if image.read_bytes() != before:
        raise ToldError(f"the input was overwritten by --out {place}")
    if not (work / "link.csv").is_symlink() or (work / "null").is_file():
        raise ToldError("a device, or a link to one, became a file")
    return code


KINDS: dict[str, Callable[[Rng, Base, Path], int]] = {
    "settings": _settings, "study file": _study_file, "image table": _image_table, "more settings": _settings,
    "split file": _split_file, "options": _options, "score": _score, "more image tables": _image_table,
    "accept": _accepted, "same score": _same_score, "outputs": _outputs, "more study files": _study_file,
}  # fmt: skip


def warm(base: Base) -> None:
    """All that trials share is imported; one dry run shows that the settings themselves are sound."""
    folder = base.path.parent / "sound"
    if folder.exists():
        return
    folder.mkdir()
    ended = trial(lambda: _dry(base, "demo"), folder)
    if ended.wrong or ended.code:
        raise SystemExit(f"fuzz: a dry run failed without any harm: {ended.wrong} {ended.err[-2000:]}")
