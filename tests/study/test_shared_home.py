"""Studies that share a home folder with no room for either, while it is emptied without pause."""

from __future__ import annotations

import io
import itertools
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("resource", reason="no processes of this kind there")

from children import CONTEXT, SAME, SMALL_STUDY, ended, started

RUNS = ("one", "two")


def tidied(home: str) -> None:
    """In a process of its own: `cache clear` and `cache trim`, one after the other, until it is killed."""
    from leukolab.cli import main

    sys.stdout = io.StringIO()
    while True:
        for command in (["clear", "--yes"], ["trim", "--to", "100kB"]):
            time.sleep(0.003)
            try:
                main(["--home", home, "cache", *command])
            except SystemExit as end:
                if end.code:
                    raise


def test_two_studies_share_a_home_that_is_emptied_without_pause(two_class: Path, tmp_path: Path) -> None:
    def study(run: str, home: str) -> tuple[object, ...]:
        command = ("study", "run", "demo", "--data", two_class, "--out", tmp_path / run, "--cache-size", "1MB")
        return ("--home", tmp_path / home, *command, *SMALL_STUDY)

    tidying = CONTEXT.Process(target=tidied, args=(str(tmp_path / "shared"),))
    tidying.start()
    try:
        with (
            started(tmp_path / "one.log", *study("one", "shared")) as one,
            started(tmp_path / "two.log", *study("two", "shared")) as two,
        ):
            one.join(300)
            two.join(300)
            assert (one.exitcode, two.exitcode) == (0, 0), [(tmp_path / f"{run}.log").read_text() for run in RUNS]
        assert tidying.is_alive()
    finally:
        tidying.kill()
        tidying.join()
    assert ended(tmp_path / "alone.log", *study("alone", "home")) == 0
    for run, name in itertools.product(RUNS, SAME):
        assert (tmp_path / run / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), (run, name)
