"""Artefacts on their way: whole, unchanged, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukolab.base.errors import StorageError
from leukolab.plan import parcel
from leukolab.plan.parcel import from_bytes, to_bytes


def tree(path: Path) -> dict[str, bytes | None]:
    return {str(item.relative_to(path)): item.read_bytes() if item.is_file() else None for item in path.rglob("*")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {"a.npy": bytes(range(256)) * 9, "deep/b": b"", "deep/c": b"c" * 513}.items():
        path = tmp_path / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "from" / "empty").mkdir()
    return tmp_path / "from"


@pytest.mark.parametrize("piece", [1, 700, 1 << 24])
def test_a_folder_arrives_as_it_was(folder: Path, tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "PIECE_BYTES", piece)
    from_bytes(to_bytes(folder), tmp_path / "new" / "to")
    assert tree(tmp_path / "new" / "to") == tree(folder)
    assert [item.name for item in (tmp_path / "new").iterdir()] == ["to"]


def test_a_file_arrives_as_it_was(folder: Path, tmp_path: Path) -> None:
    from_bytes(to_bytes(folder / "a.npy"), tmp_path / "to.npy")
    assert (tmp_path / "to.npy").read_bytes() == (folder / "a.npy").read_bytes()


def test_pieces_stay_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "PIECE_BYTES", 600)
    assert max(map(len, to_bytes(folder))) < 600 + 600 + 512 + 32


@pytest.mark.parametrize("change", ["flip", "cut"])
def test_what_is_damaged_on_its_way_is_refused_and_leaves_nothing(
    folder: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcel, "PIECE_BYTES", 700)
    pieces = list(to_bytes(folder))
    if change == "flip":
        pieces[1] = pieces[1][:-1] + bytes([pieces[1][-1] ^ 1])
    else:
        del pieces[2:]
    with pytest.raises(StorageError, match="damaged on its way here"):
        from_bytes(pieces, tmp_path / "new" / "to")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_sender_that_is_lost_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        from_bytes(to_bytes(folder / "gone"), tmp_path / "new" / "to")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_came_meanwhile_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "first").write_text("first")
    from_bytes(to_bytes(folder), tmp_path / "to")
    assert list(tree(tmp_path / "to")) == ["first"]
