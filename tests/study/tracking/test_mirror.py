"""Runs mirrored into a real MLflow server on this machine, and into a SQLite file."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.errors import RunError, TrackingError
from leukolab.base.files import read_table, write_table
from leukolab.base.home import Home
from leukolab.results.folder import RunFolder
from leukolab.study.tracking.mirror import IDENTITY_FILE, track
from small_runs import resealed

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")  # MLflow's own
Snapshot = Callable[[Path], dict[str, str]]
SERVER_SECONDS = 300
STUDY = "demo_subtypes"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(uri: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `mlflow server` with a SQLite file behind it."""
    folder, uri = tmp_path_factory.mktemp("server"), f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={uri.rpartition(':')[2]}"]
    command += ["--workers=1", f"--backend-store-uri=sqlite:///{(folder / 'server.db').as_posix()}"]
    command += [f"--artifacts-destination={folder / 'kept'}"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True
        )
        try:
            deadline = time.monotonic() + SERVER_SECONDS
            while not answers(uri):
                text = (folder / "log").read_text(errors="replace")
                assert process.poll() is None and time.monotonic() < deadline, text  # noqa: PT018
                time.sleep(0.2)
            yield uri
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a SQLite file that several runs are told to."""
    return f"sqlite:///{(tmp_path_factory.mktemp('board') / 'board.db').as_posix()}"


@pytest.fixture
def mine(subtypes_run: Any, tmp_path: Path) -> Path:
    """A copy of a finished run, to be changed as one likes."""
    return Path(shutil.copytree(subtypes_run.folder, tmp_path / "run"))


class Board:
    """What MLflow holds of one experiment."""

    def __init__(self, uri: str, name: str, run: str) -> None:
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(uri)
        self.experiment = self.client.get_experiment_by_name(name)
        self.run = run

    @property
    def folder(self) -> Path:
        """Where the files of a SQLite store lie."""
        return Path(self.experiment.artifact_location.removeprefix("file://"))

    @property
    def entries(self) -> dict[str, Any]:
        """Active entries of the run folder by name, each name once."""
        found = self.client.search_runs([self.experiment.experiment_id], f"tags.`leukolab.run` = '{self.run}'")
        names = [run.info.run_name for run in found]
        assert len(set(names)) == len(names)
        return {run.info.run_name: run for run in found}

    @property
    def ids(self) -> dict[str, str]:
        return {name: run.info.run_id for name, run in self.entries.items()}

    def files(self, run_id: str, folder: str | None = None) -> set[str]:
        found = set()
        for item in self.client.list_artifacts(run_id, folder):
            found |= self.files(run_id, item.path) if item.is_dir else {item.path}
        return found


def board_of(uri: str, run: Path, name: str = f"leukolab/{STUDY}") -> Board:
    return Board(uri, name, str(pd.read_json(run / IDENTITY_FILE, typ="series")["identity"]))


def test_a_server_is_told_settings_curves_scores_and_models(wen_run: Any, server: str, tmp_path: Path) -> None:
    """Of a study with ensembles."""
    mine = Path(shutil.copytree(wen_run.folder, tmp_path / "run"))
    where = track(mine, f"mlflow:{server}", Home(tmp_path / "home"))
    board = board_of(server, mine, "leukolab/demo")
    entries, jobs = board.entries, read_table(mine / "jobs.parquet")
    scores, history = read_table(mine / "scores.parquet"), read_table(mine / "history.parquet")
    study = entries["demo"]
    assert where == f"{server}/#/experiments/{study.info.experiment_id}/runs/{study.info.run_id}"
    assert study.data.params["image.size_px"] == "48"
    assert study.data.params["readings.two_stage.stages.0.epochs"] == "3"
    assert board.files(study.info.run_id) == {"trunk.safetensors"}
    kinds = {name: one.kind for name, one in RunFolder(mine).member_list().items()}
    told = scores[scores["member"].map(kinds) != "summary"]
    assert set(entries) - {"demo"} == set(told["member"])
    for name, rows in told.groupby("member"):
        run = entries[str(name)]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert run.data.tags["leukolab.kind"] == kinds[str(name)]
        wanted = {f"{row.role}/{row.unit}/{row.metric}": row.value for row in rows.itertuples()}
        assert {key: run.data.metrics[key] for key in wanted} == pytest.approx(wanted, rel=1e-12)
        for low in rows.dropna(subset="low").head(1).to_dict("records"):
            assert run.data.metrics[f"{low['role']}/{low['unit']}/{low['metric']}_low"] == pytest.approx(low["low"])
    job = jobs.iloc[-1]
    model, mine_only = entries[job["job"]], history[history["job"] == job["job"]]
    assert float(model.data.params["learning_rate"]) == job["learning_rate"]
    assert (model.data.params["fold"], model.data.params["seed"]) == (str(job["fold"]), str(job["seed"]))
    for metric in ("loss", "accuracy", "val_loss", "val_accuracy"):
        curve = board.client.get_metric_history(model.info.run_id, metric)
        assert [point.step for point in curve] == [1, 2, 3, 4]
        assert [point.value for point in curve] == pytest.approx(mine_only[metric].tolist())
    kept = board.client.download_artifacts(model.info.run_id, "model.safetensors", str(tmp_path))
    assert Path(kept).read_bytes() == (mine / "jobs" / job["key"] / "model.safetensors").read_bytes()


def test_telling_it_again_changes_nothing(mine: Path, file: str, tmp_path: Path, snapshot: Snapshot) -> None:
    """Also from another place: the folder was moved."""
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    board = board_of(file, mine)
    first, kept = board.ids, snapshot(board.folder)
    points = {name: len(board.client.get_metric_history(i, "test/image/auc")) for name, i in first.items()}
    mine.rename(tmp_path / "moved")
    track(tmp_path / "moved", f"mlflow:{file}", Home(tmp_path / "home"))
    assert board.ids == first
    assert snapshot(board.folder) == kept
    assert {n: len(board.client.get_metric_history(i, "test/image/auc")) for n, i in first.items()} == points
    assert set(points.values()) == {1}


def test_scores_that_changed_are_brought_up_to_date(mine: Path, file: str, tmp_path: Path) -> None:
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    board = board_of(file, mine)
    first, scores = board.ids, read_table(mine / "scores.parquet")
    row = scores["member"].isin(RunFolder(mine).jobs["job"]) & (scores["metric"] == "auc") & (scores["role"] == "test")
    scores.loc[row, "value"] = [0.25 if number % 2 else 0.125 for number in range(row.sum())]
    write_table(mine / "scores.parquet", scores)
    resealed(RunFolder(mine))
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    assert board.ids == first
    for changed in scores[row].itertuples():
        metrics = board.entries[str(changed.member)].data.metrics
        assert metrics[f"test/{changed.unit}/auc"] == changed.value


def test_models_that_went_are_binned_and_taken_out_again(mine: Path, file: str, tmp_path: Path) -> None:
    """As with outer parts run one after the other."""
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    board = board_of(file, mine)
    first, jobs = board.ids, read_table(mine / "jobs.parquet")
    write_table(mine / "jobs.parquet", jobs.iloc[1:])
    resealed(RunFolder(mine))
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    assert board.ids == {name: i for name, i in first.items() if name != jobs.iloc[0]["job"]}
    write_table(mine / "jobs.parquet", jobs)
    resealed(RunFolder(mine))
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    assert board.ids == first


def test_other_settings_make_another_entry_of_the_study(mine: Path, file: str, tmp_path: Path) -> None:
    """MLflow lets no parameter change; the models stay, below the new entry."""
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    board = board_of(file, mine)
    first, spec = board.ids, (mine / "spec.json").read_text(encoding="utf-8")
    assert '"bootstrap": 100' in spec
    (mine / "spec.json").write_text(spec.replace('"bootstrap": 100', '"bootstrap": 200'), encoding="utf-8")
    resealed(RunFolder(mine))
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    second, study = board.ids, board.entries[STUDY]
    assert study.data.params["bootstrap"] == "200"
    assert [name for name in first if first[name] != second[name]] == [STUDY]
    parents = {run.data.tags.get("mlflow.parentRunId") for name, run in board.entries.items() if name != STUDY}
    assert parents == {study.info.run_id}


@pytest.mark.parametrize(("name", "call", "told"), [("trunk.safetensors", 1, 1), ("model.safetensors", 3, 4)])
def test_it_goes_on_where_it_was_stopped(
    mine: Path, file: str, tmp_path: Path, name: str, call: int, told: int
) -> None:
    from mlflow.tracking import MlflowClient

    sent, real = [], MlflowClient.log_artifact

    def stopping(client: Any, run_id: str, path: str, *folder: Any) -> None:
        sent.append(Path(path).name)
        if sent.count(name) == call:
            raise KeyboardInterrupt
        real(client, run_id, path, *folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifact", stopping)
        with pytest.raises(KeyboardInterrupt):
            track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    board = board_of(file, mine)
    before = board.ids
    assert len(before) == told
    track(mine, f"mlflow:{file}", Home(tmp_path / "home"))
    assert {name: board.ids[name] for name in before} == before
    job = read_table(mine / "jobs.parquet").iloc[0]["job"]
    assert len(board.client.get_metric_history(board.ids[job], "loss")) == 4
    assert {run.info.status for run in board.entries.values()} == {"FINISHED"}


def test_no_name_and_no_picture_of_a_cell_is_told(mine: Path, subtypes_run: Any, tmp_path: Path) -> None:
    track(mine, "mlflow", Home(tmp_path))
    database = tmp_path / "mlflow" / "mlflow.db"
    board = board_of(f"sqlite:///{database.as_posix()}", mine)
    files = board.files(board.ids[STUDY])
    there = {path.relative_to(mine).as_posix() for path in (mine / "report").rglob("*") if path.is_file()}
    held = {
        f"report/{name}"
        for name in ("report.html", "tables/wrong_calls.csv", "tables/subjects.csv", "tables/subjects.tex")
    }
    held |= {f"report/figures/samples.{ending}" for ending in ("svg", "pdf", "png")}
    assert held <= there
    assert files == (there - held) | {"trunk.safetensors"}
    index = pd.read_parquet(mine / "index.parquet")
    names = {*index["image_id"], *index["subject"], str(subtypes_run.data), str(mine)}
    paths = [database, *(tmp_path / "mlflow" / "mlartifacts").rglob("*.*")]
    texts = {path: path.read_bytes() for path in paths if path.suffix not in (".png", ".safetensors")}
    assert len(texts) > 20
    assert not {(path.name, name) for path, text in texts.items() for name in names if name.encode() in text}


def test_a_server_that_is_away_costs_nothing_but_time(mine: Path, tmp_path: Path, snapshot: Snapshot) -> None:
    (mine / IDENTITY_FILE).write_text('{"identity": "x"}')
    before, uri = snapshot(mine), f"http://127.0.0.1:{free_port()}"
    with pytest.raises(TrackingError) as caught:
        track(mine, f"mlflow:{uri}", Home(tmp_path / "home"))
    sentence = str(caught.value)
    assert f"{uri}: expected MLflow to take this run, found no server that answers. The run itself is done" in sentence
    assert f"'leukolab study track {mine} --to mlflow:{uri}'" in sentence
    assert snapshot(mine) == before


def test_what_is_no_mlflow_is_refused_in_a_sentence(mine: Path, tmp_path: Path, server: str) -> None:
    other = tmp_path / "board.db"
    other.write_bytes(b"This is no database, and a long text." * 99)
    for uri, words in ((f"sqlite:///{other.as_posix()}", "file is not a database"), (f"{server}/elsewhere", "404")):
        with pytest.raises(TrackingError) as caught:
            track(mine, f"mlflow:{uri}", Home(tmp_path / "home"))
        assert words in str(caught.value), str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_run_that_is_not_finished_is_not_told(mine: Path, tmp_path: Path) -> None:
    key = read_table(mine / "jobs.parquet").iloc[0]["key"]
    (mine / "jobs" / key / "model.safetensors").unlink()
    with pytest.raises(RunError, match="expected a file of a finished model, found none"):
        track(mine, "mlflow", Home(tmp_path / "home"))
    (mine / "scores.parquet").unlink()
    with pytest.raises(RunError, match=r"scores\.parquet .*found it missing"):
        track(mine, "mlflow", Home(tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_nothing_is_reported_to_the_makers_of_mlflow() -> None:
    """In a fresh interpreter that no test marks as one."""
    code = """
from leukolab.base.home import find_home
from leukolab.study.tracking.mirror import check
check("mlflow", find_home("home"))
from mlflow.telemetry.client import get_telemetry_client
print(get_telemetry_client())
"""
    marks = ("PYTEST", "CI", "GITHUB", "MLFLOW", "DO_NOT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(marks)}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=True)
    assert found.stdout == "None\n"
