from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from leukolab.base.errors import SpecError
from leukolab.base.home import Home, find_home


def test_the_folder_is_the_one_chosen_then_the_variables_then_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKOLAB_HOME", str(tmp_path / "named"))
    assert find_home(tmp_path / "given").path == tmp_path / "given"
    assert find_home().path == tmp_path / "named"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEUKOLAB_HOME", "named")
    assert [find_home("given").path, find_home().path] == [tmp_path / "given", tmp_path / "named"]
    monkeypatch.delenv("LEUKOLAB_HOME")
    assert find_home().path.name == "leukolab"
    assert list(tmp_path.iterdir()) == []


def test_the_limit_is_the_one_chosen_then_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEUKOLAB_CACHE_SIZE", raising=False)
    assert find_home(tmp_path).limit_bytes is None
    monkeypatch.setenv("LEUKOLAB_CACHE_SIZE", "1.5GB")
    assert find_home(tmp_path).limit_bytes == 1_500_000_000
    assert find_home(tmp_path, "2GiB").limit_bytes == 2 << 30
    assert find_home(tmp_path, 0).limit_bytes == 0
    monkeypatch.setenv("LEUKOLAB_CACHE_SIZE", "much")
    with pytest.raises(SpecError, match="LEUKOLAB_CACHE_SIZE: expected a size such as 20GB"):
        find_home(tmp_path)
    with pytest.raises(SpecError, match="cache size: expected a size such as 20GB"):
        find_home(tmp_path, "1,5GB")


def test_other_processes_get_path_and_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = pickle.loads(pickle.dumps(Home(Path("home"), 7).absolute()))
    assert home == Home(tmp_path / "home", 7)
    assert (home / "pixels", str(home)) == (tmp_path / "home" / "pixels", str(tmp_path / "home"))
