"""A study on a Ray cluster of three machines on loopback, one of them killed on the way, beside the same study here.

    python benchmarks/ray_cluster.py [--apart] [--data FOLDER --card cnmc2019] [--out FILE.json]

The cluster's run takes the resolved settings of the run here, so what may differ between machines does not. The
predictions of both are compared byte by byte.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import machine

from leukolab.base.files import write_json
from leukolab.base.keys import file_digest
from leukolab.cards.draw import draw_data_set
from leukolab.plan import read_events
from leukolab.plan.cluster import APART

SOON = {"health_check_period_ms": 500, "health_check_timeout_ms": 3000, "health_check_failure_threshold": 2}
"""How soon the cluster notices that a machine is lost; half a minute if not told."""
STORE_BYTES = 128 << 20


def study(name: str, data: Path, folder: Path, *options: str, apart: bool = False) -> subprocess.Popen[bytes]:
    """`leukolab study run`, begun in a process of its own with a home folder of its own; its words go to a file."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "leukolab", "--home", str(folder / "home"), "study", "run", name]
    command += ["--data", str(data), "--out", str(folder / "run"), *options]
    with (folder / "said.txt").open("wb") as said:
        return subprocess.Popen(
            command, stdout=said, stderr=said, env=os.environ | ({APART: "1"} if apart else {APART: ""})
        )


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a study; stop with what it said where it failed."""
    if process.wait() != 0:
        sys.exit((folder / "said.txt").read_text(errors="replace"))


def here(given: argparse.Namespace, data: Path, folder: Path) -> dict[str, Any]:
    """The study in one process of this machine."""
    started = time.perf_counter()
    settings = [f"--set={text}" for text in ("runtime.threads=1", *given.set)]
    options = ["--card", given.card, "--epochs", given.epochs, "--image-size", str(given.size_px), *settings]
    finish(study(given.study, data, folder, *options), folder)
    return record(folder, started)


def on_cluster(given: argparse.Namespace, settings: Path, data: Path, folder: Path) -> dict[str, Any]:
    """The same study on three machines, one of which is killed while models train on all."""
    with cluster() as machines:
        started = time.perf_counter()
        process = study(str(settings), data, folder, f"--on={machines.on}", apart=given.apart)
        while process.poll() is None and len(models(folder / "run")) < given.kill_after:
            time.sleep(0.05)
        killed = process.poll() is None
        machines.kill()
        finish(process, folder)
        found = record(folder, started)
    return found | {"killed_on_the_way": killed, "losses": losses(folder / "run")}


class Machines:
    """A cluster on this computer: a head, which the driver is on, and machines with a processor each."""

    def __init__(self, head_cpus: int = 1, others: int = 2) -> None:
        from ray.cluster_utils import Cluster

        small = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
        head = {"num_cpus": head_cpus, "_system_config": SOON, **small}
        self.cluster = Cluster(True, head_node_args=head)
        self.others = [self.cluster.add_node(num_cpus=1, **small) for _ in range(others)]
        self.on = f"ray://{self.cluster.address}"

    def kill(self, scratch: str = "") -> None:
        """Kill all processes of one machine: the one with this scratch folder, else the first; never the head."""
        lost = next(one for one in self.others if not scratch or one.node_id[:12] in scratch)
        self.others.remove(lost)
        workers = _children(lost.all_processes["raylet"][0].process.pid)
        self.cluster.remove_node(lost, allow_graceful=False)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    """Processes that this one started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


@contextmanager
def cluster(head_cpus: int = 1, others: int = 2) -> Iterator[Machines]:
    """A cluster while it is up; its files are in a short path, as its sockets need it."""
    with (
        tempfile.TemporaryDirectory(prefix="rays-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        patch.dict(os.environ, RAY_TMPDIR=folder),
    ):
        machines = Machines(head_cpus, others)
        try:
            yield machines
        finally:
            machines.cluster.shutdown()


def models(run: Path) -> list[str]:
    """Models that are done."""
    return [event.name for event in read_events(run) if event.event == "finished" and event.kind == "train"]


def losses(run: Path) -> list[str]:
    """Tasks that lost their machine, or what they needed with it, and why."""
    return [f"{event.name}: {event.note}" for event in read_events(run) if event.event == "failed"]


def record(folder: Path, started: float) -> dict[str, Any]:
    """What a study took and left."""
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "models": len(set(models(folder / "run"))),
        "predictions_sha256": file_digest(folder / "run" / "predictions.parquet"),
        "history_sha256": file_digest(folder / "run" / "history.parquet"),
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="demo", help="three learning rates, five folds, two stages")
    parser.add_argument("--data", type=Path, help="folder of images; cells are drawn where not given")
    parser.add_argument("--card", default="phantom")
    parser.add_argument("--subjects", type=int, default=60, help="of drawn cells, four images each")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--epochs", default="4+2")
    parser.add_argument("--kill-after", type=int, default=3, help="models that are done when a machine is killed")
    parser.add_argument("--apart", action="store_true", help="as if the machines shared no file system")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting of the study")
    parser.add_argument("--out", type=Path, default=Path("ray_cluster.json"))
    return parser.parse_args()


def main() -> None:
    """Run both, print the table, write the JSON; exit code 1 where the predictions differ."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="leukolab-") as temporary:
        folder = Path(temporary)
        os.environ["TMPDIR"] = temporary  # for all processes started here: a killed machine leaves its scratch folder
        data = given.data or draw_data_set(folder / "cells", "two_class", given.subjects, 4, 112, 7)
        local = here(given, data, folder / "local")
        ray = on_cluster(given, folder / "local" / "run" / "study.yaml", data, folder / "ray")
        runtime = json.loads((folder / "ray" / "run" / "spec.json").read_text())["runtime"]
    records = {"local": local, "ray, apart" if given.apart else "ray": ray}
    same = local["predictions_sha256"] == ray["predictions_sha256"]
    options = {key: value for key, value in vars(given).items() if key not in ("out", "data")}
    write_json(
        given.out,
        {"machine": machine.describe(), "settings": options, "runtime": runtime, "runs": records, "identical": same},
    )
    for name, one in records.items():
        sys.stdout.write(f"{name:12} {one['seconds']:8.1f} s  {one['models']:3} models  {one['predictions_sha256']}\n")
    answer = (
        f"tasks lost with the killed machine: {len(ray['losses'])}; predictions identical: {'yes' if same else 'NO'}"
    )
    sys.stdout.write(answer + "\n")
    sys.exit(0 if same and ray["killed_on_the_way"] else 1)


if __name__ == "__main__":
    main()
