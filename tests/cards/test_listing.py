from __future__ import annotations

from pathlib import Path

from leukolab.cards.listing import child_folders, has_file, has_image, image_files, natural, search


def test_images_are_known_by_their_ending_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png", "deep/c.webp", ".cache/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]
    assert [path.name for path in image_files(tmp_path, deep=False)] == ["a.jpg", "b.PNG"]
    assert [path.name for path in child_folders(tmp_path)] == ["deep"]
    assert has_image(tmp_path / "deep")
    assert not has_image(tmp_path / "none")
    assert has_file(tmp_path)


def test_a_root_is_found_from_below_and_above_but_not_from_anywhere(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "c"
    (root / "mark" / "x" / "y").mkdir(parents=True)

    def marked(folder: Path) -> bool:
        return (folder / "mark").is_dir()

    for start in (tmp_path, tmp_path / "a", root, root / "mark", root / "mark" / "x"):
        assert search(start, marked) == root
    assert search(root / "mark" / "x" / "y", marked) is None
    assert search(tmp_path.parent, marked) is None


def test_natural_order_counts() -> None:
    assert sorted(["a10", "a2", "b1", "a"], key=natural) == ["a", "a2", "a10", "b1"]
