from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from leukolab.base.home import Home
from leukolab.base.pins import pin
from leukolab.base.shelf import Held, keep_within, limit, trim, usage, used

A, B, C = (f"pixels-{letter * 32}" for letter in "abc")
F, G = (f"features-{letter * 32}" for letter in "12")
OLD = 1_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def put(path: Path, count: int = 100, at: float = OLD) -> Path:
    """A file of that many bytes, last used then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(count))
    os.utime(path, (at, at))
    return path


def left(home: Home) -> list[str]:
    """Every file of the home folder but those of pins."""
    found = sorted(str(path.relative_to(home.path)) for path in home.path.rglob("*") if path.is_file())
    return [name for name in found if not name.startswith("pins")]


def records(home: Home) -> list[str]:
    return sorted(path.name for path in (home / "pins").iterdir() if path.name != ".gate")


@contextmanager
def program(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that has said a line."""
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


PINS = """
import sys
from pathlib import Path
from leukolab.base.home import Home
from leukolab.base.pins import pin
with pin(Home(Path(sys.argv[1])), sys.argv[2:]):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_usage_by_kind_and_key(home: Home) -> None:
    put(home / "pixels" / A / "pixels.npy", 300, OLD + 5)
    put(home / "pixels" / A / "manifest.json", 20, OLD)
    put(home / "features" / F / "000000.pooled", 7, OLD + 1)
    put(home / "features" / F / "view3" / "000001.pooled", 8, OLD + 2)
    put(home / "features" / F / ".000002.pooled.1f", 1000)
    put(home / "features" / f"{G}.npy", 9, OLD + 3)
    put(home / "pixels" / f".{B}.0f" / "pixels.npy", 1000)
    assert usage(home) == [
        Held("features", F, 15, OLD + 2, 2),
        Held("features", f"{G}.npy", 9, OLD + 3, 1),
        Held("pixels", A, 320, OLD + 5, 1),
    ]


def test_no_home_holds_nothing(home: Home) -> None:
    assert usage(home) == []
    assert trim(home, 0) == 0
    assert keep_within(home) == 0
    used(home / "pixels" / A)
    assert not home.path.exists()


def test_what_was_used_longest_ago_goes_first_shard_by_shard_and_folder_by_folder(home: Home) -> None:
    put(home / "features" / F / "000000.pooled", at=OLD + 3)
    put(home / "features" / F / "000001.pooled", at=OLD + 1)
    put(home / "features" / G / "000000.pooled", at=OLD + 5)
    put(home / "pixels" / A / "pixels.npy", at=OLD + 2)
    put(home / "pixels" / A / "manifest.json", at=OLD)
    put(home / "trunks" / f"onnx-{'d' * 32}.onnx", at=OLD + 4)
    assert trim(home, 600) == 0
    assert trim(home, 599) == 100
    assert not (home / "features" / F / "000001.pooled").exists()
    assert trim(home, 499) == 200, "packed pixels go as a whole"
    assert not (home / "pixels" / A).exists()
    assert trim(home, 150) == 200
    assert left(home) == [f"features/{G}/000000.pooled"]
    assert trim(home, 0) == 100
    assert left(home) == []


def test_using_puts_an_entry_last(home: Home) -> None:
    for at, key in enumerate((A, B, C)):
        put(home / "pixels" / key / "pixels.npy", at=OLD + at)
    shards = [put(home / "features" / F / f"{number}.pooled") for number in range(2)]
    used(home / "pixels" / A)
    used(shards[1])
    assert trim(home, 200) == 300
    assert left(home) == [f"features/{F}/1.pooled", f"pixels/{A}/pixels.npy"]
    assert usage(home)[0].last_used == pytest.approx(time.time(), abs=60)


def test_what_has_no_content_key_is_nobodys_cache(home: Home) -> None:
    """A home folder set to a folder of one's own by mistake loses nothing."""
    mine = ["weights/best.pth", "features/table.csv", f"photos/{A}/x.png", "pixels/holiday/1.png", "notes.txt"]
    for name in mine:
        put(home / name)
    put(home / "weights" / f"weights-{'e' * 64}.safetensors")
    assert trim(home, 0) == 100
    assert left(home) == sorted(mine)


def test_a_link_is_evicted_and_what_it_leads_to_is_not(home: Home, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "pixels.npy")
    (home / "pixels").mkdir(parents=True)
    (home / "pixels" / A).symlink_to(outside.parent, target_is_directory=True)
    trim(home, 0)
    assert not (home / "pixels" / A).is_symlink()
    assert outside.exists()


@pytest.mark.parametrize("inside", ["", "pixels.npy"])
def test_pinned_paths_stay(home: Home, inside: str) -> None:
    put(home / "pixels" / A / "pixels.npy")
    put(home / "pixels" / B / "pixels.npy", at=OLD + 1)
    assert trim(home, 0, [home / "pixels" / A / inside]) == 100
    assert left(home) == [f"pixels/{A}/pixels.npy"]


def test_one_shard_is_pinned_and_its_neighbour_is_not(home: Home) -> None:
    shards = [put(home / "features" / F / f"{number}.pooled") for number in range(2)]
    assert trim(home, 0, [shards[0]]) == 100
    assert left(home) == [f"features/{F}/0.pooled"]


def test_a_pinned_path_elsewhere_is_a_bug(home: Home, tmp_path: Path) -> None:
    home.path.mkdir()
    with pytest.raises(ValueError, match="not in the subpath"):
        trim(home, 0, [tmp_path / "elsewhere" / A])
    with pytest.raises(ValueError, match="expected 'kind/key'"), pin(home, ["pixels"]):
        pass
    with pytest.raises(ValueError, match="expected 'kind/key'"), pin(home, ["pixels/../x"]):
        pass


def test_a_pin_of_this_process_holds_until_its_block_ends(home: Home) -> None:
    put(home / "pixels" / A / "pixels.npy")
    put(home / "features" / f"{F}.npy")
    put(home / "features" / G / "0.pooled")
    with pin(home, [f"pixels/{A}"]), pin(home, [f"features/{F}", f"features/{G}"]):
        assert trim(home, 0) == 0
    assert records(home) == []
    assert trim(home, 0) == 300


def test_a_pin_holds_in_other_processes_and_dies_with_its_own(home: Home) -> None:
    put(home / "pixels" / A / "pixels.npy")
    put(home / "pixels" / B / "pixels.npy")
    with program(PINS, home, f"pixels/{A}", f"features/{F}") as other:
        assert trim(home, 0) == 100
        assert left(home) == [f"pixels/{A}/pixels.npy"]
        put(home / "features" / F / "0.pooled")
        assert trim(home, 0) == 0, "what is pinned before it is made stays too"
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert len(records(home)) == 2
        assert trim(home, 0) == 200
    assert records(home) == []


def test_temporary_files_stay_for_an_hour_or_while_pinned(home: Home) -> None:
    now = time.time()
    fresh = put(home / "features" / F / ".0.pooled.aa", at=now - 3000)
    stale = put(home / "features" / F / ".1.pooled.bb", at=now - 4000)
    packing = put(home / "pixels" / f".{A}.cc" / "pixels.npy", at=now - 3000)
    put(packing.parent / "measures.parquet", at=now - 9000)
    pinned = put(home / "pixels" / f".{B}.dd" / "pixels.npy", at=now - 4000)
    interrupted = put(home / "pixels" / f".gone-{'0' * 32}" / "pixels.npy", at=now)
    with pin(home, [f"pixels/{B}"]):
        assert trim(home, 10**9) == 200
        assert not stale.exists()
        assert not interrupted.exists()
        assert fresh.exists()
        assert packing.exists()
        assert pinned.exists()
    assert trim(home, 10**9) == 100
    assert not pinned.parent.exists()


def test_empty_folders_are_swept_when_nobody_can_be_about_to_write_there(home: Home) -> None:
    shard = put(home / "features" / F / "0.pooled")
    trim(home, 0)
    assert shard.parent.exists()
    os.utime(shard.parent, (OLD, OLD))
    with pin(home, [f"features/{F}"]):
        trim(home, 0)
        assert shard.parent.exists()
    trim(home, 0)
    assert not shard.parent.exists()


def test_an_open_file_outlives_its_eviction_and_is_not_found_again(home: Home) -> None:
    shard = put(home / "features" / F / "0.pooled", 5000)
    with shard.open("rb") as stream:
        trim(home, 0)
        assert len(stream.read()) == 5000
    with pytest.raises(FileNotFoundError):
        shard.open("rb")


def test_the_limit_is_the_given_else_a_part_of_the_disk(home: Home) -> None:
    free = shutil.disk_usage(home.path.parent).free
    assert limit(home) == pytest.approx(min(50e9, free / 4), rel=0.05)
    assert not home.path.exists()
    assert limit(replace(home, limit_bytes=1_500_000_000)) == 1_500_000_000


def test_keeping_within_the_limit_evicts_and_spares_what_is_pinned(home: Home) -> None:
    home = replace(home, limit_bytes=250)
    shards = [put(home / "features" / F / f"{number}.pooled", at=OLD + number) for number in range(4)]
    assert keep_within(home, [shards[0]]) == 200
    assert left(home) == [f"features/{F}/0.pooled", f"features/{F}/3.pooled"]
    assert keep_within(home) == 0


WORKS = """
import os, random, sys, time
from pathlib import Path
from leukolab.base.files import atomic
from leukolab.base.home import Home
from leukolab.base.shelf import keep_within, used
home, seed, size = Home(Path(sys.argv[1]), 200_000), int(sys.argv[2]), 20_000
choose = random.Random(seed)
print("ready", flush=True)
written = lost = 0
end = time.monotonic() + 3
while time.monotonic() < end:
    number = choose.randrange(40)
    path = home / "features" / f"features-{number % 4:032x}" / f"{number:06}.pooled"
    try:
        data = path.read_bytes()
        used(path)
        assert data == bytes([number]) * size, f"half a file: {len(data)}"
    except FileNotFoundError:
        lost += 1
        with atomic(path) as temporary:
            temporary.write_bytes(bytes([number]) * size)
        written += 1
        keep_within(home)
print(written, lost, flush=True)
"""


def test_writers_readers_and_evictors_at_once(home: Home) -> None:
    """Forty shards where ten have room: whoever reads sees a whole file or none, and the bound holds in the end."""
    kept = put(home / "features" / f"features-{'f' * 32}" / "0.pooled", 20_000)
    with pin(home, [f"features/{kept.parent.name}"]):
        with program(WORKS, home, 1) as one, program(WORKS, home, 2) as two, program(WORKS, home, 3) as three:
            while three.poll() is None:
                trim(home, 200_000)
                time.sleep(0.02)
            for process in (one, two, three):
                assert process.wait() == 0
                assert process.stdout is not None
                written, lost = map(int, process.stdout.read().split())
                assert written == lost > 10
        trim(home, 200_000)
        assert kept.exists()
        assert 0 < sum(entry.bytes for entry in usage(home)) <= 200_000
    assert not [name for name in left(home) if "/." in name]


PIN_AND_LOOK = """
import sys, time
from pathlib import Path
from leukolab.base.home import Home
from leukolab.base.pins import pin
home, key = Home(Path(sys.argv[1])), sys.argv[2]
shard = home / "features" / key / "0.pooled"
print("ready", flush=True)
end = time.monotonic() + 2
while time.monotonic() < end:
    shard.parent.mkdir(parents=True, exist_ok=True)
    shard.write_bytes(b"x")
    with pin(home, [f"features/{key}"]):
        there = shard.exists()
        time.sleep(0.002)
        assert shard.exists() == there, "evicted while pinned"
"""


def test_nothing_is_evicted_once_a_pin_is_taken(home: Home) -> None:
    freed = 0
    with program(PIN_AND_LOOK, home, F) as one, program(PIN_AND_LOOK, home, G) as two:
        while one.poll() is None or two.poll() is None:
            freed += trim(home, 0)
        assert (one.wait(), two.wait()) == (0, 0)
    assert freed > 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_home_that_may_not_be_written_is_one_sentence(home: Home) -> None:
    from leukolab.base.errors import StorageError

    put(home / "pixels" / A / "pixels.npy")
    home.path.chmod(0o500)
    with pytest.raises(StorageError, match="no permission"):
        trim(home, 0)
    home.path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may read anything")
def test_a_folder_of_another_user_is_left_out(home: Home) -> None:
    put(home / "pixels" / A / "pixels.npy")
    theirs = put(home / "features" / F / "0.pooled").parent
    theirs.chmod(0)
    assert [held.key for held in usage(home)] == [A]
    assert keep_within(replace(home, limit_bytes=1)) == 100
    theirs.chmod(0o700)
    assert left(home) == [f"features/{F}/0.pooled"]


def test_a_file_that_cannot_be_moved_now_stays_and_is_not_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where an open file cannot be renamed."""
    put(home / "pixels" / A / "pixels.npy", at=OLD)
    put(home / "pixels" / B / "pixels.npy", at=OLD + 1)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == A:
            raise PermissionError(errno.EACCES, "in use")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert trim(home, 100) == 100
    assert left(home) == [f"pixels/{A}/pixels.npy"]


def test_what_was_just_written_is_kept_where_the_home_folder_is_relative(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.path.parent)
    near = Home(Path(home.path.name), limit_bytes=1)
    pixels = put(near / "pixels" / A / "pixels.npy")
    assert keep_within(near, [pixels]) == 0
    assert keep_within(near, [Path("pixels") / A]) == 0
    assert keep_within(near) == 100
    with pytest.raises(ValueError, match="not in the subpath"):
        trim(near, 0, [home.path.parent / "elsewhere"])
