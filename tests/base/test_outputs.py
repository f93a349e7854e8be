"""What a person names for what is written: links and devices stay, inputs are refused."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from leukolab.base.errors import StorageError
from leukolab.base.outputs import check_output, output

posix = pytest.mark.skipif(os.name == "nt", reason="devices, pipes and links as POSIX has them")


def write(path: Path, text: str = "new") -> None:
    with output(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@posix
def test_a_device_named_as_output_stays_a_device() -> None:
    write(Path(os.devnull))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@posix
def test_a_link_named_as_output_stays_and_its_target_is_written(tmp_path: Path) -> None:
    target, link, dangling = tmp_path / "target.csv", tmp_path / "link.csv", tmp_path / "dangling.csv"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "made.csv")
    write(link)
    write(dangling)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert dangling.is_symlink()
    assert (tmp_path / "made.csv").read_text(encoding="utf-8") == "new"


@posix
def test_a_pipe_named_as_output_gets_the_bytes(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    write(pipe)
    reader.join(10)
    assert got == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
def test_what_standard_output_goes_to_is_written_into(tmp_path: Path) -> None:
    """`--out FILE > FILE`, as `/dev/stdout` leads there: the file the shell opened stays the file of that name."""
    file = tmp_path / "calls.csv"
    keep = os.dup(1)
    try:
        with file.open("w", encoding="utf-8") as stream:
            os.dup2(stream.fileno(), 1)
            write(file)
            assert os.fstat(1).st_ino == file.stat().st_ino
    finally:
        os.dup2(keep, 1)
        os.close(keep)
    assert file.read_text(encoding="utf-8") == "new"


def test_a_failed_write_leaves_the_output_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(TypeError):
        write(file, None)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]
    assert file.read_text(encoding="utf-8") == "old"


@posix
@pytest.mark.parametrize("name", ["a" * 300, "loop", "folder"])
def test_an_output_that_no_file_can_be_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError):
        write(tmp_path / name)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_an_input_under_any_name_is_refused_as_output(tmp_path: Path, link: str) -> None:
    image, other = tmp_path / "cell.png", tmp_path / "other.csv"
    image.write_bytes(b"picture")
    getattr(other, link)(image)
    for path in (other, tmp_path / "folder" / ".." / "other.csv"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(StorageError, match="got an input"):
            check_output(path, [tmp_path / "away.png", image])
    check_output(tmp_path / "new.csv", [image], [".png"])
    with pytest.raises(StorageError, match="that of an image"):
        check_output(tmp_path / "new.PNG", [], [".png"])


@pytest.mark.parametrize("name", ["", ".", "here"])
def test_a_folder_is_no_output(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(StorageError, match="a folder stands where a file is needed"), output(Path(name)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
