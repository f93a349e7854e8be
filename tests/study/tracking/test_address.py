from __future__ import annotations

from pathlib import Path

import pytest

from leukolab.base.errors import SpecError
from leukolab.base.home import Home
from leukolab.study.tracking.address import read_store


def test_without_an_address_it_is_a_file_in_the_home_folder(tmp_path: Path) -> None:
    target = read_store("mlflow", Home(tmp_path))
    assert target.uri == f"sqlite:///{tmp_path.as_posix()}/mlflow/mlflow.db"
    assert target.artifacts == tmp_path / "mlflow" / "mlartifacts"


def test_a_file_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for typed in ("sqlite:///my.db", f"sqlite:///{tmp_path.as_posix()}/my.db"):
        target = read_store(f"mlflow:{typed}", Home(tmp_path / "home"))
        assert target.uri == f"sqlite:///{tmp_path.as_posix()}/my.db"
        assert target.artifacts == tmp_path / "mlartifacts"


@pytest.mark.parametrize("uri", ["http://localhost:5000", "https://board.example.org/mlflow"])
def test_a_server_keeps_its_files_itself(uri: str, tmp_path: Path) -> None:
    for typed in (uri, f"{uri}/"):
        target = read_store(f"mlflow:{typed}", Home(tmp_path))
        assert (target.uri, target.artifacts) == (uri, None)


@pytest.mark.parametrize(
    "typed",
    ["mlfow", "wandb:x", "mlflow:localhost:5000", "mlflow:http://", "mlflow:sqlite:///", "mlflow:file:///x", ""],
)
def test_other_forms_are_refused_with_those_that_are_known(typed: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_store(typed, Home(tmp_path))
    assert "track: expected 'mlflow', 'mlflow:http://HOST:PORT' or 'mlflow:sqlite:///FILE'" in str(caught.value)
    assert f"got '{typed}'" in str(caught.value)


@pytest.mark.parametrize("typed", ["mlflow:http://me:secret@host:5000", "wandb:https://me:secret@host"])
def test_a_password_is_refused_and_not_repeated(typed: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="without name and password") as caught:
        read_store(typed, Home(tmp_path))
    assert "secret" not in str(caught.value)


def test_an_address_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="one that cannot be read"):
        read_store("mlflow:http://[half", tmp_path)
