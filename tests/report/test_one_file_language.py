"""A language is one file: dropped into the folder of texts, it is listed, offered by commands and read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from leukolab.cli.study import report
from leukolab.report import texts


@pytest.fixture
def with_javanese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shipped languages and a third, `jv`, in which every text is written twice."""
    folder = resources.files("leukolab.report") / "texts"
    for file in folder.iterdir():
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    english = (tmp_path / "en.yaml").read_text(encoding="utf-8")
    (tmp_path / "jv.yaml").write_text(english.replace("Research use only.", "Mung kanggo riset."), encoding="utf-8")
    monkeypatch.setattr(texts, "texts_folder", lambda: tmp_path)
    texts.load_texts.cache_clear()
    yield
    texts.load_texts.cache_clear()


@pytest.mark.usefixtures("with_javanese")
def test_a_language_is_found_and_read_with_nothing_else_touched() -> None:
    assert texts.languages() == ("en", "id", "jv")
    assert texts.load_texts("jv")("page.research") == "Mung kanggo riset."
    assert texts.load_texts("jv").language == "jv"


def test_commands_offer_what_the_folder_holds() -> None:
    [option] = [one for one in report.params if one.name == "language"]
    assert option.type.to_info_dict()["choices"] == texts.languages()
