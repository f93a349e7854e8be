"""Where a run is mirrored to, as typed: `mlflow`, `mlflow:http://HOST:PORT`, `mlflow:sqlite:///FILE`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from leukolab.base.errors import SpecError
from leukolab.base.home import Home

FORMS = "'mlflow', 'mlflow:http://HOST:PORT' or 'mlflow:sqlite:///FILE'"


@dataclass(frozen=True)
class Store:
    """An MLflow store; `artifacts` is the folder of its files, None where a server keeps them."""

    uri: str
    artifacts: Path | None


def read_store(target: str, home: Home) -> Store:
    """Where `mlflow[:URI]` leads; without an address, to a SQLite file in the home folder.

    Raises:
        SpecError: it has another form, or holds a name or password, which would be shown and kept.
    """
    tool, _, uri = target.partition(":")
    if tool == "mlflow" and not uri:
        return _in_file(home / "mlflow" / "mlflow.db")
    if tool == "mlflow" and uri.removeprefix("sqlite:///") not in ("", uri):
        return _in_file(Path(uri.removeprefix("sqlite:///")))
    return _on_server(tool, uri)


def _in_file(path: Path) -> Store:
    path = path.absolute()
    return Store(f"sqlite:///{path.as_posix()}", path.parent / "mlartifacts")


def _on_server(tool: str, uri: str) -> Store:
    try:
        server = urlsplit(uri)
        named = bool(server.username or server.password)
    except ValueError as error:
        raise SpecError(f"track: expected an address, got one that cannot be read ({error}). Use {FORMS}.") from error
    if named:
        raise SpecError(
            "track: expected an address without name and password. "
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead."
        )
    if tool != "mlflow" or server.scheme not in ("http", "https") or not server.hostname:
        raise SpecError(f"track: expected {FORMS}, got '{':'.join(part for part in (tool, uri) if part)}'.")
    return Store(uri.rstrip("/"), None)
