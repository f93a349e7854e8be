from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from leukolab.base.home import Home, find_home
from leukolab.base.pins import pin
from leukolab.cli import main
from leukolab.cli.cache import cache_size

Leukolab = Callable[..., Any]
PIXELS, OTHER = f"pixels-{'a' * 32}", f"pixels-{'b' * 32}"
FEATURES = f"features-{'c' * 32}"
NOON = time.mktime((2026, 1, 2, 12, 0, 0, 0, 0, -1))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def full(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """3.5 MB: two stores of pixels, the first used longest ago, and two shards of features."""
    monkeypatch.setenv("LEUKOLAB_CACHE_SIZE", "20GB")
    for at, (name, count) in enumerate(
        {
            f"pixels/{PIXELS}/pixels.npy": 2_000_000,
            f"features/{FEATURES}/000000.pooled": 250_000,
            f"features/{FEATURES}/000001.pooled": 250_000,
            f"pixels/{OTHER}/pixels.npy": 1_000_000,
        }.items()
    ):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(count))
        os.utime(path, (NOON + 60 * at, NOON + 60 * at))
    return home


def held(home: Home) -> set[str]:
    return {path.parent.name for path in home.path.glob("*/*/*") if path.is_file()}


def test_an_empty_home_is_listed_and_nothing_is_made(leukolab: Leukolab, home: Home) -> None:
    answer = leukolab("cache", "list")
    assert answer.out.startswith(f"{home}: 0 bytes, at most ")
    assert leukolab("cache", "trim", "--to", "1GB").out == "freed 0 bytes\nleft 0 bytes\n"
    assert leukolab("cache", "clear").out == "freed 0 bytes\nleft 0 bytes\n"
    assert not home.path.exists()


def test_the_list_shows_size_last_use_and_pins(leukolab: Leukolab, full: Home) -> None:
    with pin(full, [f"pixels/{OTHER}"]):
        answer = leukolab("cache", "list")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows == [
        ["kind", "key", "size", "last", "used", "pinned"],
        ["features", FEATURES, "500.0", "kB", "2026-01-02", "12:02"],
        ["pixels", PIXELS, "2.0", "MB", "2026-01-02", "12:00"],
        ["pixels", OTHER, "1.0", "MB", "2026-01-02", "12:03", "yes"],
        [f"{full}:", "3.5", "MB,", "at", "most", "20.0", "GB"],
    ]


def test_trimming_says_what_was_freed_and_what_stays_because_it_is_pinned(leukolab: Leukolab, full: Home) -> None:
    assert leukolab("cache", "trim", "--to", "1.5MB").out == "freed 2.0 MB\nleft 1.5 MB\n"
    assert held(full) == {OTHER, FEATURES}
    with pin(full, [f"pixels/{OTHER}"]):
        said = leukolab("cache", "trim", "--to", "0").out
    assert said == "freed 500.0 kB\nleft 1.0 MB, pinned by running programs\n"
    assert held(full) == {OTHER}


def test_clearing_a_kind_leaves_the_others(leukolab: Leukolab, full: Home) -> None:
    assert leukolab("cache", "clear", "--kind", "features", "--yes").out == "freed 500.0 kB\nleft 0 bytes\n"
    assert held(full) == {PIXELS, OTHER}


def clear_answered(home: Home, reply: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leukolab", "--home", str(home), "cache", "clear"]
    return subprocess.run(command, input=reply, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("reply", "kept"), [("n\n", True), ("\n", True), ("y\n", False)])
def test_clearing_asks_and_says_what_it_costs(full: Home, reply: str, kept: bool) -> None:
    answer = clear_answered(full, reply)
    assert answer.returncode == 0, answer.stderr
    assert "costs time only" in answer.stdout
    assert f"Delete 3.5 MB (audits, features, pixels, shortcuts, trunks, weights) from {full}?" in answer.stdout
    assert answer.stdout.endswith("nothing deleted\n" if kept else "freed 3.5 MB\nleft 0 bytes\n")
    assert bool(held(full)) is kept


def test_clearing_where_nobody_can_answer_is_refused(full: Home) -> None:
    answer = clear_answered(full, "")
    assert answer.returncode == 2
    assert answer.stderr.strip().endswith(
        "leukolab: cache clear: expected yes or no, got no answer; nothing was deleted. "
        "Add --yes to delete without asking."
    )
    assert held(full) == {PIXELS, OTHER, FEATURES}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cache", "trim", "--to", "much"], "--to: expected a size such as 20GB, 500MB or 8GiB, got 'much'."),
        (["cache", "trim"], "missing option '--to'"),
        (["cache", "clear", "--kind", "images"], "'images' is not one of"),
        (["study", "run", "demo", "--data", "x", "--cache-size", "5 XB"], "--cache-size: expected a size such as"),
        (["demo", "--cache-size", "20"], "--cache-size: expected 1MB at least, got '20'. Write gigabytes as 20GB."),
    ],
)
def test_a_wrong_size_or_kind_is_one_sentence(leukolab: Leukolab, full: Home, arguments: list[str], words: str) -> None:
    assert words in leukolab(*arguments).sentence
    assert held(full) == {PIXELS, OTHER, FEATURES}


def test_a_wrong_variable_is_found_before_anything_is_spent(
    leukolab: Leukolab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEUKOLAB_CACHE_SIZE", "lots")
    sentence = leukolab("study", "run", "demo", "--data", tmp_path / "nowhere").sentence
    assert sentence.startswith("leukolab: LEUKOLAB_CACHE_SIZE: expected a size such as")


def test_the_option_goes_before_the_variable_and_changes_nothing_but_this_command(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKOLAB_CACHE_SIZE", "3GB")
    environment, seen = dict(os.environ), list[Home]()

    @click.command()
    @cache_size
    @click.pass_obj
    def look(home: Home) -> None:
        seen.append(home)

    for arguments in (["--cache-size", "7GB"], []):
        look.main(arguments, standalone_mode=False, obj=find_home(home.path))
    assert seen == [Home(home.path, 7_000_000_000), Home(home.path, 3_000_000_000)]
    assert dict(os.environ) == environment


@pytest.mark.parametrize("command", [["study", "run"], ["demo"]])
def test_commands_that_fill_the_home_folder_have_the_option(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert "--cache-size SIZE" in capsys.readouterr().out
