from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leukolab.base import kept
from leukolab.base.files import read_at
from leukolab.base.home import Home
from leukolab.base.shelf import trim

NAME = f"shortcuts/shortcuts-{'a' * 32}.npy"
OTHER = f"shortcuts/shortcuts-{'b' * 32}.npy"
DATA = bytes(range(256)) * 40


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Written to by another process: nothing open, nothing proved."""
    home = Home(tmp_path)
    kept.write(home, NAME, [DATA[:100], DATA[100:]])
    monkeypatch.setattr(kept, "_PROVED", {})
    monkeypatch.setattr(kept, "_OPEN", OrderedDict())
    return home


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Written to a second later, as the clock of a file system may be coarse."""
    later = path.stat().st_mtime_ns + 10**9
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(later, later))


def flipped(data: bytes) -> bytes:
    return data[:77] + bytes([data[77] ^ 8]) + data[78:]


def test_what_was_written_is_read(home: Home) -> None:
    assert kept.read(home, NAME) == DATA
    assert kept.whole(home, NAME)
    descriptor = kept.opened(home, NAME)
    assert descriptor is not None
    into = np.empty(300, np.uint8)
    read_at(descriptor, into, 10)
    assert into.tobytes() == DATA[10:310]
    assert kept.opened(home, NAME) == descriptor


@pytest.mark.parametrize(
    "change",
    [flipped, lambda data: data[:-1], lambda data: data[:-32], lambda data: data + b"\0", lambda _: b""],
    ids=["a bit flipped", "cut by a byte", "proof gone", "longer", "empty"],
)
def test_a_file_whose_proof_does_not_hold_is_as_good_as_absent(home: Home, change: Callable[[bytes], bytes]) -> None:
    changed(home / NAME, change)
    assert kept.read(home, NAME) is None
    assert not kept.whole(home, NAME)
    assert kept.opened(home, NAME) is None


def test_the_whole_file_of_another_key_is_refused(home: Home) -> None:
    (home / OTHER).write_bytes((home / NAME).read_bytes())
    assert kept.read(home, OTHER) is None
    assert kept.opened(home, OTHER) is None


def test_a_file_is_hashed_once_and_again_when_it_was_written_to(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    real = kept._holds
    monkeypatch.setattr(kept, "_holds", lambda *given: hashed.append(given) or real(*given))
    for _ in range(3):
        assert kept.whole(home, NAME)
        assert kept.opened(home, NAME) is not None
    assert len(hashed) == 1, "being used is no change"
    changed(home / NAME, flipped)
    assert kept.opened(home, NAME) is None, "though it was open"
    assert not kept.whole(home, NAME)
    kept.write(home, NAME, [DATA])
    assert kept.whole(home, NAME)
    assert kept.opened(home, NAME) is not None
    assert len(hashed) == 3, "what this process wrote it need not hash"


def test_an_open_file_outlives_its_deletion(home: Home) -> None:
    descriptor = kept.opened(home, NAME)
    (home / NAME).unlink()
    assert kept.opened(home, NAME) == descriptor
    assert not kept.whole(home, NAME)
    assert kept.read(home, NAME) is None


def test_no_more_files_stay_open_than_may(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "OPEN_FILES", 2)
    names = [f"features/features-{'c' * 32}/{number:06}.pooled" for number in range(4)]
    for name in names:
        kept.write(home, name, [name.encode()])
    for name in names * 2:
        descriptor = kept.opened(home, name)
        assert descriptor is not None
        into = np.empty(len(name), np.uint8)
        read_at(descriptor, into, 0)
        assert into.tobytes() == name.encode()
    assert len(kept._OPEN) == 2


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "trunks").mkdir()
    os.mkfifo(tmp_path / "trunks" / "a")
    home = Home(tmp_path)
    assert kept.read(home, "trunks/a") is None
    assert kept.opened(home, "trunks/a") is None
    assert not kept.whole(home, "trunks/a")


WRITES = """
import sys
from pathlib import Path
from leukolab.base import kept
from leukolab.base.home import Home
home = Home(Path(sys.argv[1]))
for number in range(80):
    kept.write(home, f"{sys.argv[2]}/{number % 2}", [bytes(50_000)] * 10)
"""


@pytest.mark.parametrize("kind", ["audits", "features"])
def test_a_folder_is_not_evicted_while_a_file_of_it_is_written(tmp_path: Path, kind: str) -> None:
    """Twins are evicted as one folder, features file by file; a folder that looks long abandoned goes too."""
    folder, freed = f"{kind}/{kind}-{'d' * 32}", 0
    with subprocess.Popen([sys.executable, "-c", WRITES, tmp_path, folder], stderr=subprocess.PIPE) as writer:
        while writer.poll() is None:
            with contextlib.suppress(OSError):
                os.utime(tmp_path / folder, (0, 0))
            freed += trim(Home(tmp_path), 0)
        assert writer.stderr is not None
        assert writer.stderr.read() == b""
    assert freed > 0
