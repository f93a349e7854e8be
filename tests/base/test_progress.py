from __future__ import annotations

import io
import logging
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from leukolab.base import progress as news
from leukolab.base.progress import NEWS, Relay, Terminal, progress, shown

LOG = logging.getLogger("leukolab.somewhere")


class Screen(io.StringIO):
    """Standard error that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    monkeypatch.setattr(news, "sys", SimpleNamespace(stderr=made))
    return made


@pytest.mark.parametrize(
    ("level", "lines"),
    [
        (logging.DEBUG, ["a detail", "news", "mended"]),
        (logging.INFO, ["news", "mended"]),
        (logging.WARNING, ["mended"]),
    ],
)
def test_a_terminal_shows_plain_lines_from_its_level_on(screen: Screen, level: int, lines: list[str]) -> None:
    with shown(Terminal(), level):
        LOG.debug("a detail")
        LOG.info("news")
        LOG.warning("mended")
    LOG.warning("nobody is told of this")
    assert screen.getvalue().splitlines() == lines


def test_news_goes_where_it_is_shown_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[int, str]] = []
    with shown(Relay(lambda level, line: heard.append((level, line)))):
        LOG.info("all of %s", "it")
    assert heard == [(logging.INFO, "all of it")]
    assert caplog.text == ""
    assert (NEWS.level, NEWS.propagate) == (logging.NOTSET, True)


@pytest.mark.parametrize(("level", "drawn"), [(logging.INFO, True), (logging.WARNING, False)])
def test_a_bar_shows_at_a_terminal_unless_it_is_quiet(screen: Screen, level: int, drawn: bool) -> None:
    with shown(Terminal(), level):
        assert list(progress(range(3), 3, "counting")) == [0, 1, 2]
    assert ("counting" in screen.getvalue()) is drawn


@pytest.mark.parametrize("handler", [None, Relay(lambda *_: None)])
def test_without_a_terminal_there_is_no_bar(screen: Screen, handler: Any) -> None:
    """In a notebook, and in a worker process that shares the driver's standard error."""
    if handler:
        with shown(handler):
            assert list(progress(range(3), 3, "counting")) == [0, 1, 2]
    else:
        assert list(progress(range(3), 3, "counting")) == [0, 1, 2]
    assert screen.getvalue() == ""


def test_by_itself_the_library_says_nothing() -> None:
    code = "import logging, leukolab; logging.getLogger('leukolab.x').warning('mended')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (found.stdout, found.stderr) == ("", "")
