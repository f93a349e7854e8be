"""Mirrors a finished run into MLflow; the run folder stays the record. The only file that imports mlflow.

Every entry is found again by three tags (run, key, content), so that tracking twice changes nothing and tracking after
a resume changes what differs. What MLflow never lets change, parameters and curves, is in `content`: where that differs
the entry is a new one, and the old one goes to MLflow's bin.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukolab.base.errors import MissingExtraError, TrackingError
from leukolab.base.files import make_folder, read_json, storage, write_json
from leukolab.base.home import Home
from leukolab.base.progress import progress
from leukolab.base.shell import pasted
from leukolab.study.tracking.address import Store, read_store
from leukolab.study.tracking.entries import STUDY, Entry, entries

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

IDENTITY_FILE = "tracking.json"
"""Holds what tells this run folder from others, wherever it is moved."""

RUN, KEY, CONTENT, FILES = (f"leukolab.{name}" for name in ("run", "key", "content", "files"))
"""Tags of an entry; `files` is set last, so an entry without it is not whole."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Set always: nothing is reported to MLflow's makers."""

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Set where the person has not: a server that is away is told of in seconds, not minutes."""

METRICS, PARAMS, LETTERS = 1000, 100, 5000
"""What MLflow takes in one request, and in one text."""


def check(target: str, home: Home) -> None:
    """Whether a run could be mirrored to `target` later, as far as can be told without asking a server.

    Raises:
        SpecError: see `read_store`.
        MissingExtraError: MLflow is not installed.
    """
    read_store(target, home)
    _load()


def track(run: str | Path, target: str, home: Home) -> str:
    """Mirror the finished run in the folder `run`; again after a resume, the same entries are brought up to date.

    Args:
        run: a finished run folder; `tracking.json` is added to it.
        target: `mlflow`, `mlflow:http://HOST:PORT` or `mlflow:sqlite:///FILE`.
        home: the home folder.

    Returns:
        Where to look: the address of the study's entry, or the command that shows the file.

    Raises:
        SpecError, MissingExtraError: see `check`.
        RunError: the run is not finished.
        TrackingError: MLflow cannot be reached or refuses; the run folder is as it was.
    """
    run, place = Path(run), read_store(target, home)
    _load()
    told = entries(run)
    identity = _identity(run)
    with _answering(place, run), storage(place.artifacts or run):
        client, experiment = _open(place, f"leukolab/{told[0].name}")
        known = _known(client, experiment, identity)
        study = ""
        for entry in progress(told, len(told), "tracking"):
            tags = _tags(entry, identity, study)
            found = known.pop((entry.key, entry.content), None) or _create(client, experiment, entry, tags)
            _update(client, found, entry, tags)
            study = study or found.info.run_id
        for left in known.values():
            if left.info.lifecycle_stage == "active":
                client.delete_run(left.info.run_id)
    if place.artifacts is None:
        return f"{place.uri}/#/experiments/{experiment}/runs/{study}"
    return pasted(["mlflow", "ui", "--backend-store-uri", place.uri])


def _load() -> Any:
    """MLflow's client class, with reporting switched off before anything of MLflow is imported."""
    os.environ.update(QUIET)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        import alembic  # noqa: F401
        import sqlalchemy  # noqa: F401
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"tracking needs {error.name}: install it with 'pip install \"leukolab[mlflow]\"'."
        ) from error
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # one sentence tells of a server that is away, not each try
    return MlflowClient


def _identity(run: Path) -> str:
    path = run / IDENTITY_FILE
    if not path.exists():
        write_json(path, {"identity": uuid.uuid4().hex})
    return str(read_json(path)["identity"])


@contextlib.contextmanager
def _answering(place: Store, run: Path) -> Iterator[None]:
    """Turn what MLflow or its database refuse into one sentence, with the command to try again."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        again = pasted(["leukolab", "study", "track", str(run), "--to", f"mlflow:{place.uri}"])
        raise TrackingError(
            f"{place.uri}: expected MLflow to take this run, {_reason(error)}. "
            f"The run itself is done and nothing is lost. Try again with '{again}'."
        ) from error


def _reason(error: BaseException) -> str:
    """`found no server that answers`, or what MLflow said, on one line."""
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (NoConnection, Timeout)):
            return "found no server that answers"
        cause = cause.__cause__ or cause.__context__
    return f"got '{' '.join(str(error).split())[:200].rstrip('.')}'"


def _open(place: Store, name: str) -> tuple[MlflowClient, str]:
    """A client, and the experiment of that name, made or taken out of the bin where need be."""
    if place.artifacts is not None:
        make_folder(place.artifacts)
    client: MlflowClient = _load()(place.uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        where = place.artifacts.as_uri() if place.artifacts is not None else None
        return client, client.create_experiment(name, artifact_location=where)
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return client, found.experiment_id


def _known(client: MlflowClient, experiment: str, identity: str) -> dict[tuple[str, str], Run]:
    """Entries of this run folder by key and content; one in the bin only where no active one has the same."""
    from mlflow.entities import ViewType

    found: list[Run] = []
    page: str | None = None
    while page is None or page:
        some = client.search_runs([experiment], f"tags.`{RUN}` = '{identity}'", ViewType.ALL, page_token=page)
        found, page = [*found, *some], some.token or ""
    found.sort(key=lambda run: run.info.lifecycle_stage == "active")
    return {(run.data.tags.get(KEY, ""), run.data.tags.get(CONTENT, "")): run for run in found}


def _tags(entry: Entry, identity: str, study: str) -> dict[str, str]:
    tags = {RUN: identity, KEY: entry.key, CONTENT: entry.content, "leukolab.kind": entry.kind}
    tags |= {"mlflow.source.name": "leukolab", **entry.notes}
    if entry.kind != STUDY:
        tags["mlflow.parentRunId"] = study
    return {name: value[:LETTERS] for name, value in tags.items()}


def _create(client: MlflowClient, experiment: str, entry: Entry, tags: dict[str, str]) -> Run:
    begun = round((entry.ended - entry.seconds) * 1000)
    return client.create_run(experiment, start_time=begun, tags=tags, run_name=entry.name)


def _update(client: MlflowClient, found: Run, entry: Entry, tags: dict[str, str]) -> None:
    """Send what is not there yet; a score that changed is written anew, later, and so counts."""
    from mlflow.entities import Metric

    run_id, old = found.info.run_id, found.data
    if found.info.lifecycle_stage != "active":
        client.restore_run(run_id)
    begun, now = found.info.start_time, round(time.time() * 1000)
    points = () if FILES in old.tags else entry.points
    metrics = [Metric(name, value, begun + round(seconds * 1000), step) for name, value, step, seconds in points]
    metrics += [Metric(name, value, now, 0) for name, value in entry.metrics.items() if old.metrics.get(name) != value]
    _send(client, run_id, metrics, {name: text for name, text in entry.params.items() if name not in old.params})
    files = entry.files_digest
    if old.tags.get(FILES) != files:
        for name, path in entry.files.items():
            client.log_artifact(run_id, str(path), name.rpartition("/")[0] or None)
    _finish(client, found, entry, {**tags, FILES: files})


def _send(client: MlflowClient, run_id: str, metrics: list[Any], params: dict[str, str]) -> None:
    from mlflow.entities import Param

    texts = [Param(name, text[:LETTERS]) for name, text in params.items()]
    for start in range(0, len(texts), PARAMS):
        client.log_batch(run_id, params=texts[start : start + PARAMS])
    for start in range(0, len(metrics), METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS])


def _finish(client: MlflowClient, found: Run, entry: Entry, tags: dict[str, str]) -> None:
    from mlflow.entities import RunTag

    run_id, old = found.info.run_id, found.data.tags
    changed = [RunTag(name, value) for name, value in tags.items() if old.get(name) != value]
    if changed:
        client.log_batch(run_id, tags=changed)
    if found.info.status != "FINISHED":
        client.set_terminated(run_id, "FINISHED", round(entry.ended * 1000))
