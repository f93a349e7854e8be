"""A study, its report and a prediction call nobody: every address asked for in those processes is written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LISTENER = """
import os, sys

LOOPBACK = ("127.", "::1", "localhost")

def hear(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = str(address[0]) if isinstance(address, tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = str(arguments[0])
    elif event == "import" and arguments[0] in ("openvino", "onnxruntime", "mlflow"):
        host = f"({arguments[0]} imported)"
    else:
        return
    if host and not host.startswith(LOOPBACK):
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{host}\\n")

sys.addaudithook(hear)
"""


def run(place: Path, *command: str) -> str:
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(place / "listener"), os.environ.get("PYTHONPATH", "")]),
        "HEARD": str(place / "heard.txt"), "HOME": str(place / "person"), "LEUKOLAB_HOME": str(place / "home"),
    }  # fmt: skip
    for name in ("CI", "BUILD_NUMBER"):  # in these, makers of telemetry keep silent by themselves
        environment.pop(name, None)
    found = subprocess.run([sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout


def heard(place: Path) -> set[str]:
    return set((place / "heard.txt").read_text().split("\n")) - {""}


@pytest.mark.slow
def test_nothing_leaves_the_machine(tmp_path: Path) -> None:
    (tmp_path / "listener").mkdir()
    (tmp_path / "person").mkdir()
    (tmp_path / "listener" / "sitecustomize.py").write_text(LISTENER)
    run(tmp_path, "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))")
    assert heard(tmp_path) == {"192.0.2.1"}, "the listener must hear"
    (tmp_path / "heard.txt").unlink()

    run(tmp_path, "-m", "leukolab", "data", "draw", "cells", "--subjects", "20", "--images", "3", "--size", "48")
    run(
        tmp_path, "-m", "leukolab", "study", "run", "demo", "--data", "cells", "--out", "run", "--track", "mlflow",
        "--backbone", "test_efficientnet", "--weights", "none", "--image-size", "48", "--epochs", "2+1",
        "--set", "training.learning_rates=[0.01]", "--set", "bootstrap=100",
        "--set", "runtime={device: cpu, precision: float32}",
        "--set", "protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    )  # fmt: skip
    run(tmp_path, "-m", "leukolab", "predict", "--run", "run", "cells/all")
    assert heard(tmp_path) == {f"({name} imported)" for name in ("openvino", "onnxruntime", "mlflow")}
    kept = {path.name for path in (tmp_path / "person").rglob("*")}
    assert not kept & {"intel", "Microsoft"}, "what they send lies there first; their own sockets are not heard"
