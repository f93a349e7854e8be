"""What is printed: names of others cannot steer the terminal, and a reader that goes away ends the command quietly."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from leukolab.base.progress import NEWS, Terminal, shown
from leukolab.base.signs import in_xml
from leukolab.cli import say
from leukolab.cli.table import COMMANDS, CommandTable, table

ESCAPE = "a\x1b]0;owned\x07\x9b2Jb\u202ec\udcff.png"


def test_a_name_with_escape_codes_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    say.say(ESCAPE)
    say.say_error(f"{ESCAPE}\nleukolab: all is well")
    with shown(Terminal()):
        NEWS.info(ESCAPE)
    captured = capsys.readouterr()
    assert captured.out == "a\\x1b]0;owned\\x07\\x9b2Jb\\u202ec\\udcff.png\n"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", captured.out + captured.err)
    assert captured.err.count("\n") == 2


def test_a_sentence_of_thousands_of_letters_loses_its_middle(capsys: pytest.CaptureFixture[str]) -> None:
    say.say_error("begin" + "x" * 10**6 + "end")
    line = capsys.readouterr().err
    assert len(line) < 2100
    assert line.startswith("leukolab: begin")
    assert line.endswith("end\n")


def test_data_for_other_programs_is_as_it_is_and_safe_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say.say_data("a\x1b[2J\n")
    assert capsys.readouterr().out == "a\x1b[2J\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    say.say_data("a\x1b[2J\n")
    assert capsys.readouterr().out == "a\\x1b[2J\n"


def test_no_other_file_of_the_command_line_prints() -> None:
    sources = Path(say.__file__).parent
    found = [p.name for p in sources.glob("*.py") if re.search(r"click\.echo|print\(", p.read_text(encoding="utf-8"))]
    assert found == ["say.py"]


def test_pages_and_pictures_lose_what_xml_does_not_allow() -> None:
    assert in_xml("a\x00b\x1bc\udcffd\te\n") == "a\ufffdb\ufffdc\ufffdd\te\n"


def options() -> Iterator[tuple[str, click.Parameter]]:
    context = click.Context(table)
    for path in COMMANDS:
        command: Any = table
        for word in path.split():
            command = command.get_command(context, word)
        if not isinstance(command, CommandTable):
            yield from ((f"{path} {one.opts[-1]}", one) for one in command.params)


def test_every_number_on_the_command_line_has_both_bounds() -> None:
    numbers = [(name, one.type) for name, one in options() if one.type.name.startswith(("integer", "float"))]
    assert len(numbers) > 10
    for name, kind in numbers:
        assert getattr(kind, "min", None) is not None, name
        assert getattr(kind, "max", None) is not None, name


@pytest.mark.skipif(os.name == "nt", reason="closed streams as POSIX has them")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-", "| true", "2>&1 | head -c 1 > /dev/null"])
def test_closed_streams_end_without_a_traceback(tmp_path: Path, closed: str) -> None:
    lines = tmp_path / "lines"
    command = f"{{ '{sys.executable}' -m leukolab study show wen 2>>'{lines}'; }} {closed}"
    if "2>&-" in closed:
        command = f"'{sys.executable}' -m leukolab study show wen {closed}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    told = ended.stderr + (lines.read_text(encoding="utf-8") if lines.exists() else "")
    assert told == ""


def test_news_without_standard_error_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    Terminal().emit(logging.LogRecord("leukolab", logging.INFO, "", 0, "news", None, None))


def test_an_output_that_is_an_input_is_refused(leukolab: Callable[..., Any], tmp_path: Path) -> None:
    rows = "".join(f"{n % 2},{0.9 - 0.8 * (n % 2)},{0.1 + 0.8 * (n % 2)}\n" for n in range(8))
    table = tmp_path / "scores.csv"
    table.write_text(f"label,p_normal,p_blast\n{rows}", encoding="utf-8")
    before = table.read_bytes()
    assert "got an input" in leukolab("score", table, "--out", tmp_path).sentence
    assert table.read_bytes() == before


def test_a_line_break_in_a_name_makes_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    say.say("set aside: new\nleukolab: all is well")
    assert capsys.readouterr().out == "set aside: new\\nleukolab: all is well\n"
