"""What `--out` names: a link stays a link, and an image under any name is never written over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

posix = pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")


@pytest.fixture
def images(two_class: Path, tmp_path: Path) -> Path:
    """A copy of the images."""
    return Path(shutil.copytree(two_class, tmp_path / "images"))


@posix
def test_an_output_that_is_an_image_is_refused_and_the_image_stays(
    leukolab: Callable[..., Any], images: Path, tmp_path: Path
) -> None:
    image = min(images.glob("*/*.png"))
    before, soft, hard = image.read_bytes(), tmp_path / "soft.html", tmp_path / "hard.html"
    soft.symlink_to(image)
    hard.hardlink_to(image)
    for out in (soft, hard, image, image.with_name("new.png")):
        answer = leukolab("data", "explore", "phantom", images, "--out", out)
        assert "expected a" in answer.sentence
    assert image.read_bytes() == soft.read_bytes() == before
    assert not image.with_name("new.png").exists()


@posix
def test_a_page_is_written_where_a_link_leads(leukolab: Callable[..., Any], images: Path, tmp_path: Path) -> None:
    link = tmp_path / "page.html"
    link.symlink_to(tmp_path / "real.html")
    assert leukolab("data", "explore", "phantom", images, "--out", link).code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.html").read_text(encoding="utf-8").startswith("<!doctype html>")
