"""Who runs the same study: the command of each contender, and what it leaves behind in one form for all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scores
from same_study import PROTOCOL, Prepared, Settings

from leukolab.base.errors import RunError
from leukolab.splits import read_split

PEERS = Path(__file__).resolve().parent / "peers"
LITE0_B0 = ("--backbone", "efficientnet_b0", "--weights", "none")
"""The engine's options for B0 against B0."""


@dataclass(frozen=True)
class Work:
    """What a contender is given.

    Attributes:
        folder: its own, empty; the engine's home lies there too, so that it starts with nothing kept.
        engine_options: more options of `leukolab study run`.
    """

    prepared: Prepared
    settings: Settings
    folder: Path
    engine_options: tuple[str, ...]
    keras_python: Path | None


@dataclass(frozen=True)
class Contender:
    """A way to run the study.

    Attributes:
        sentence: what it is, for the record.
        command: what is run and measured.
        collect: what it says of itself, once it is done: seconds and images by stage, scores.
        reference: the engine's contender that its time is compared with.
    """

    sentence: str
    command: Callable[[Work], list[str]]
    collect: Callable[[Work], dict[str, Any]]
    reference: str = "engine"


def _engine(work: Work, study: Path, *options: str) -> list[str]:
    home, run = work.folder / "home", work.folder / "run"
    return [
        *(sys.executable, "-m", "leukolab", "--home", str(home), "study", "run", str(study)),
        *("--data", str(work.prepared.images), "--out", str(run), *options, *work.engine_options),
    ]


def _engine_result(work: Work, real_weights: bool = True) -> dict[str, Any]:
    """Scores, seconds by kind of job from the run's ledger, and what its report takes.

    Raises:
        RunError: the engine cut the images otherwise than its peers were given them.
    """
    run = work.folder / "run"
    if not read_split(run / "split" / PROTOCOL).table.equals(work.prepared.split.table):
        raise RunError(f"{run}: expected the split that the peers were given, found another. Has the split changed?")
    table = scores.engine_predictions(run)
    return {
        "job_seconds": _ledger_seconds(run / "ledger.jsonl"),
        "scores": scores.score(table) if real_weights else None,
        "runtime": json.loads((run / "spec.json").read_text(encoding="utf-8")).get("runtime"),
        "epochs_trained": _epochs(run),
    }


def _epochs(run: Path) -> int:
    import pandas as pd

    return len(pd.read_parquet(run / "history.parquet"))


def _ledger_seconds(path: Path) -> dict[str, float]:
    """Seconds of finished jobs by kind; empty where the run keeps no ledger."""
    total: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        event = json.loads(line)
        if event.get("event") == "finished":
            total[event["kind"]] = round(total.get(event["kind"], 0.0) + float(event["seconds"]), 2)
    return total


def _loop(work: Work, *options: str, stages: int = 2) -> list[str]:
    return [sys.executable, str(PEERS / "torch_loop.py"), *_given(work, stages), *options]


def _keras(work: Work) -> list[str]:
    return [str(keras_python(work.keras_python)), str(PEERS / "keras_notebook.py"), *_given(work)]


def _sklearn(work: Work) -> list[str]:
    place = ("--split", str(work.prepared.split_csv), "--out", str(work.folder))
    size = ("--size-px", str(work.settings.size_px), "--batch", str(work.settings.batch_size))
    return [sys.executable, str(PEERS / "sklearn_features.py"), *place, *size]


def _given(work: Work, stages: int = 2) -> list[str]:
    settings = work.settings
    return [
        *("--split", str(work.prepared.split_csv), "--out", str(work.folder)),
        *("--epochs", "+".join(str(number) for number in settings.epochs[:stages])),
        *("--learning-rates", ",".join(f"{rate:g}" for rate in settings.learning_rates)),
        *("--size-px", str(settings.size_px), "--batch", str(settings.batch_size)),
    ]


def _peer_result(work: Work, real_weights: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((work.folder / "result.json").read_text(encoding="utf-8"))
    table = scores.peer_predictions(work.folder)
    return found | {"scores": scores.score(table) if real_weights and table is not None else None}


def keras_python(given: Path | None) -> Path:
    """The interpreter with Keras: `given`, else that of an environment made here once, in the user's cache folder.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    if given is not None:
        return given
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "leukolab-benchmarks" / "keras"
    python = folder / "bin" / "python"
    wanted = (PEERS / "keras_requirements.txt").read_text(encoding="utf-8")
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        requirements = str(PEERS / "keras_requirements.txt")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        installed.write_text(wanted, encoding="utf-8")
    return python


CONTENDERS: dict[str, Contender] = {
    "engine": Contender(
        "leukolab study run, cold, report included", lambda work: _engine(work, work.prepared.study), _engine_result
    ),
    "engine_stage1": Contender(
        "the same with stage 1 only, cold, report included",
        lambda work: _engine(work, work.prepared.study_stage1),
        _engine_result,
        "engine_stage1",
    ),
    "engine_b0": Contender(
        "leukolab study run with EfficientNetB0, random weights",
        lambda work: _engine(work, work.prepared.study, *LITE0_B0),
        lambda work: _engine_result(work, real_weights=False),
        "engine_b0",
    ),
    "loop": Contender("PyTorch and timm loop, float32", _loop, _peer_result),
    "loop_stage1": Contender(
        "the loop with stage 1 only", lambda work: _loop(work, stages=1), _peer_result, "engine_stage1"
    ),
    "loop_bf16": Contender(
        "the same under bfloat16 autocast", lambda work: _loop(work, "--precision", "bfloat16"), _peer_result
    ),
    "loop_b0": Contender(
        "the float32 loop with EfficientNetB0, random weights",
        lambda work: _loop(work, "--backbone", "efficientnet_b0", "--random-weights"),
        lambda work: _peer_result(work, real_weights=False),
        "engine_b0",
    ),
    "keras": Contender(
        "Keras in the manner of the published notebooks, EfficientNetB0, random weights",
        _keras,
        lambda work: _peer_result(work, real_weights=False),
        "engine_b0",
    ),
    "sklearn": Contender("pooled features once, scikit-learn; stage 1 only, no views", _sklearn, _peer_result,
                         "engine_stage1"),
}  # fmt: skip
"""Every contender by name."""
