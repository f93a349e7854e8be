"""The command line as a person meets it, without a new process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from leukolab.base.home import Home
from leukolab.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of an error; the last line of standard error."""
        lines = self.err.strip().splitlines()
        said = [line for line in lines if line.startswith("leukolab: ")]
        assert self.code == 2, self.err
        assert len(said) == 1, self.err
        assert lines[-1] == said[0], self.err
        assert "Traceback" not in self.err
        assert len(said[0]) < 1200
        return said[0]


@pytest.fixture
def leukolab(capsys: pytest.CaptureFixture[str], home: Home) -> Callable[..., Answer]:
    """Runs `leukolab --home HOME ARGUMENTS...`."""

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(["--home", str(home), *(str(argument) for argument in arguments)])
        captured = capsys.readouterr()
        code = caught.value.code
        return Answer(code if isinstance(code, int) else 1, captured.out, captured.err)

    return call


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below a folder with its digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def unchanged(two_class: Path, four_class: Path) -> object:
    """Checks at the end that no image of the shared data sets was touched."""
    before = [snapshot(two_class), snapshot(four_class)]
    yield
    assert [snapshot(two_class), snapshot(four_class)] == before
