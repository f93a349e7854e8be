from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leukolab.base.errors import RunError
from leukolab.base.files import make_folder
from leukolab.base.findings import Finding, findings_to_text
from leukolab.base.home import Home
from leukolab.plan import Event, Task, hold, write_event, write_plan
from leukolab.results.folder import RunFolder
from leukolab.spec import load_study
from leukolab.study.status import as_json, as_text, read_progress

EPOCH = Finding("progress.epoch", "info", {"stage": "finetune", "epoch": 3, "epochs": 50, "value": 0.9})
HOME = Home(Path("no home folder"))


def plan(run: Path) -> Path:
    """A plan of two views, heads and two models, begun; one view is kept nowhere any more."""
    make_folder(run)
    RunFolder(run).write_settings(load_study("wen"))
    views = [Task(f"v{n}", f"view {n}", "features", {}, makes=(f"home/features/v{n}",)) for n in (1, 2)]
    heads = Task("h", "2 heads", "heads", {}, after=("v1", "v2"), makes=("run/heads/h",))
    models = [
        Task(f"m{n}", f"model {n}", "train", {}, after=("v1", "v2", "h"), makes=(f"run/jobs/m{n}",)) for n in (1, 2)
    ]
    write_plan(run, [*views, heads, *models])
    write_event(run, Event("planned"))
    write_event(run, Event("opened", workers=1))
    return run


def finish(run: Path, *keys: str) -> None:
    for key in keys:
        kind = {"h": "heads", "m": "jobs"}[key[0]]
        make_folder(run / kind / key)
        write_event(run, Event("finished", key, kind={"h": "heads", "m": "train"}[key[0]], seconds=120.0))


def test_a_run_that_trains(tmp_path: Path) -> None:
    run = plan(tmp_path / "run")
    finish(run, "h", "m1")
    with hold(run):
        write_event(run, Event("started", "m2", "model 2", "train"))
        write_event(run, Event("progress", "m2", note=findings_to_text([EPOCH])))
        found = read_progress(run, HOME)
    assert found.state == "running"
    text = as_text(found)
    assert "wen, running: 2 of 5 jobs done [#########...............] at least 2 min left" in text
    assert "models           1 of 2   1 running" in text
    assert "now: model 2 for 0 s: finetune 3/50: validation accuracy 0.900" in text
    assert as_json(found)["kinds"]["train"] == {"done": 1, "running": 1, "left": 0, "failed": 0}
    json.dumps(as_json(found))


def test_views_that_only_done_jobs_needed_are_not_left(tmp_path: Path) -> None:
    """Heads and models are done: their views may have been evicted since."""
    run = plan(tmp_path / "run")
    finish(run, "h", "m1", "m2")
    found = read_progress(run, HOME)
    assert found.plan is not None
    assert (found.plan.done, found.plan.left) == (5, 0)
    assert found.state == "stopped"
    assert "left: simple rivals, scores and the report" in as_text(found)


def test_a_run_that_was_killed_or_failed(tmp_path: Path) -> None:
    run = plan(tmp_path / "run")
    write_event(run, Event("started", "v1", "view 1", "features"))
    killed = as_text(read_progress(run, HOME))
    assert "wen, stopped: 0 of 5 jobs done" in killed
    assert "time left not known yet" in killed
    assert "now:" not in killed
    write_event(run, Event("failed", "v1", "view 1", "features", note="StorageError"))
    text = as_text(read_progress(run, HOME))
    assert "frozen part      0 of 2   1 failed" in text
    assert "failed: view 1: StorageError" in text
    assert text.endswith("the same 'leukolab study run' command goes on from here")


def test_a_run_that_was_killed_and_begun_again(tmp_path: Path) -> None:
    """What the dead process was doing is not running, though a living one has the folder."""
    run = plan(tmp_path / "run")
    finish(run, "h", "m1")
    write_event(run, Event("started", "m2", "model 2", "train"))
    with hold(run):
        found = read_progress(run, HOME)
        assert found.plan is not None
        assert (found.state, found.plan.running, found.plan.done) == ("running", 0, 2)
        assert "now:" not in as_text(found)
        write_event(run, Event("opened", workers=1))
        write_event(run, Event("started", "m2", "model 2", "train"))
        assert "now: model 2" in as_text(read_progress(run, HOME))


def test_a_run_whose_jobs_are_not_listed_yet(tmp_path: Path) -> None:
    with hold(tmp_path):
        assert as_text(read_progress(tmp_path, HOME)).startswith("preparing: ")
        assert as_json(read_progress(tmp_path, HOME)) == {"state": "preparing", "reported": False}
    (tmp_path / ".lock").touch()
    assert as_text(read_progress(tmp_path, HOME)).startswith("stopped before its jobs were listed")


def test_a_finished_run_and_one_whose_report_is_older_than_its_jobs(small_run: Any, home: Home, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run.folder, tmp_path / "run"))
    found = read_progress(run, home)
    assert found.state == "finished"
    assert as_text(found).endswith(f"report: {run / 'report' / 'report.html'}")
    write_event(run, Event("planned"))
    assert read_progress(run, home).state == "stopped"


def test_a_damaged_plan_and_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected the folder of a run, found no plan in it"):
        read_progress(tmp_path, HOME)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "plan.json").write_text("{ half a fi")
    with pytest.raises(RunError, match=r"plan\.json: expected JSON"):
        read_progress(tmp_path, HOME)


def test_status_is_quick_to_start_and_needs_no_torch(small_run: Any, home: Home) -> None:
    code = f"""
import sys
from leukolab.cli import main
try:
    main(["--home", {str(home)!r}, "study", "status", {str(small_run.folder)!r}, "--json"])
except SystemExit as stop:
    assert stop.code == 0
print([name for name in ("torch", "timm", "pandas", "sklearn", "scipy") if name in sys.modules], file=sys.stderr)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    assert json.loads(found.stdout)["state"] == "finished"
