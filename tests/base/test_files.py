from __future__ import annotations

import errno
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukolab.base.errors import RunError, StorageError
from leukolab.base.files import (
    SCHEMA_VERSION,
    atomic,
    disk_fault,
    make_folder,
    open_to_read,
    read_at,
    read_json,
    read_table,
    storage,
    write_json,
    write_table,
    write_text,
)
from leukolab.base.keys import file_digest

TABLE = pd.DataFrame({"image_id": ["a", "b"], "p_0": pd.Series([0.25, 1.0], dtype="float32"), "n": [1, 2]})


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old\n")
    with pytest.raises(UnicodeEncodeError), atomic(path) as temporary:
        temporary.write_text("new, but not all of it: \udcff", encoding="utf-8")
    assert path.read_text() == "old\n"
    assert listing(tmp_path) == ["x.txt"]


def test_a_file_appears_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.txt"
    with atomic(path) as temporary:
        temporary.write_text("all")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "all"
    assert listing(path.parent) == ["x.txt"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "no permission to write"),
        (errno.ENOTDIR, "a file stands where a folder"),
    ],
)
def test_a_refusing_file_system_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    write_text(tmp_path / "x.txt", "old\n")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match=words) as caught:
        write_text(tmp_path / "x.txt", "new\n")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "x.txt").read_text() == "old\n"
    assert listing(tmp_path) == ["x.txt"]


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output") as caught, storage(tmp_path):
        raise OSError(errno.EIO, "Input/output error")
    assert not isinstance(caught.value, StorageError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_really_full_device_is_one_sentence() -> None:
    with pytest.raises(StorageError, match="no space left"), storage(Path("/dev/full")):
        Path("/dev/full").write_text("x" * 100_000)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="no permission"):
        write_text(locked / "x.txt", "x")
    assert listing(locked) == []


def test_a_file_where_a_folder_is_needed_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file")
    with pytest.raises(StorageError, match="a file stands where a folder"):
        make_folder(tmp_path / "x" / "y")
    with pytest.raises(StorageError, match="a file stands where a folder"):
        make_folder(tmp_path / "x")


def test_json_comes_back_and_is_stable(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": 1, "a": ["ä", None]})
    assert (tmp_path / "x.json").read_bytes() == '{\n  "a": [\n    "ä",\n    null\n  ],\n  "b": 1\n}\n'.encode()
    assert read_json(tmp_path / "x.json") == {"a": ["ä", None], "b": 1}


def test_json_that_is_missing_or_damaged_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a file here, found none"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps({"a": 1})[:-2])
    with pytest.raises(RunError, match="expected JSON"):
        read_json(tmp_path / "x.json")


def test_json_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a file, found what cannot be read \(a folder, not a file\)"):
        read_json(tmp_path)


@pytest.mark.parametrize("system", ["posix", "windows"])
def test_threads_read_from_one_open_file(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if system == "windows":
        monkeypatch.delattr(os, "preadv")
    path = tmp_path / "numbers"
    numbers = np.arange(200_000, dtype=np.uint32)
    path.write_bytes(numbers.tobytes())
    descriptor = open_to_read(path)

    def wrong(start: int) -> bool:
        found = np.empty(4096, np.uint8)
        read_at(descriptor, found, 4 * start)
        return not np.array_equal(found.view(np.uint32), numbers[start : start + 1024])

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(wrong, range(0, 190_000, 97))) == 0
    os.close(descriptor)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", TABLE)
    write_table(tmp_path / "b.parquet", TABLE.copy())
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    back = read_table(tmp_path / "a.parquet")
    assert back["p_0"].dtype == "float32"
    assert back.to_dict("list") == TABLE.to_dict("list")


def test_tables_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(RunError, match="found none"):
        read_table(path)
    write_table(path, TABLE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match="damaged"):
        read_table(path)
    path.write_bytes(b"")
    with pytest.raises(RunError, match="damaged"):
        read_table(path)
    newer = pa.table({"a": [1]}).replace_schema_metadata({b"leukolab": str(SCHEMA_VERSION + 1).encode()})
    pq.write_table(newer, path)
    with pytest.raises(RunError, match="newer Leukolab"):
        read_table(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_may_not_be_used_has_its_sentence_wherever_it_is_met(number: int) -> None:
    sentence = disk_fault(OSError(number, os.strerror(number), "/some/place"))
    assert sentence == "/some/place: no permission to use this. Change its permissions, or choose another folder."


@pytest.mark.parametrize("place", ["/dev/null", "pipe"])
def test_a_pipe_or_device_met_anywhere_has_its_sentence(place: str, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no such files here")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file") as met:
        file_digest(tmp_path / place)
    assert "expected a file, found a pipe, socket or device" in (disk_fault(met.value) or "")
