"""The name of a member is opaque: nobody takes it apart, its facts are columns.

Every model and rival of a small run gets a name that means nothing (in the same order of names, in which means are
summed); scores, members, choice and the page must come out as before. Code as at commit a734dc7, which read protocol,
outer part and method out of the name in ten places, fails here; the last test plants such code and sees it fail.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from leukolab.report.names import Names
from leukolab.report.page import write_report
from leukolab.results.folder import RunFolder, Table
from leukolab.results.outcome import write_outcome
from small_runs import SmallRun, with_settings

RUNS = ("pooled_run", "reading_run")
ROWS = {RunFolder.jobs: "job", RunFolder.history: "job", RunFolder.rivals: "member", RunFolder.predictions: "member"}
"""Tables that hold names before the outcome is written, and in which column."""
OUTCOME = (RunFolder.members, RunFolder.scores, RunFolder.confusion, RunFolder.curves, RunFolder.class_report)
OUTCOME += (RunFolder.hypotheses, RunFolder.predictions)


def meaningless(run: RunFolder) -> dict[str, str]:
    """Each model and rival to a name that only keeps its place in the order of names."""
    names = sorted({*run.jobs["job"], *(rival.member for rival in run.rivals_record.members)})
    return {name: f"m{number:03}" for number, name in enumerate(names)}


def renamed(run: SmallRun, folder: Path) -> tuple[RunFolder, dict[str, str]]:
    """A copy of a run under meaningless names, its outcome written anew, and the old names by the new."""
    copy, names = RunFolder(Path(shutil.copytree(run.folder.path, folder))), meaningless(run.folder)
    for table, column in ROWS.items():
        rows = table.__get__(copy, RunFolder)
        copy.write(table, rows.assign(**{column: rows[column].replace(names)}))
    record = copy.rivals_record
    members = tuple(rival.model_copy(update={"member": names[rival.member]}) for rival in record.members)
    copy.record(RunFolder.rivals_record, record.model_copy(update={"members": members}))
    copy.drop(RunFolder.members, RunFolder.scores, RunFolder.chosen)
    write_outcome(copy)
    return copy, {new: old for old, new in names.items()}


def under_old_names(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """A table with the old names, in the column of members and in the sources of each."""
    table = table.assign(member=table["member"].replace(names)) if "member" in table else table
    if "sources" in table:
        table = table.assign(sources=[[names.get(name, name) for name in found] for found in table["sources"]])
    return table


@pytest.fixture(scope="module", params=RUNS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SmallRun, RunFolder, dict[str, str]]:
    run = request.getfixturevalue(request.param)
    return run, *renamed(run, tmp_path_factory.mktemp("opaque") / "run")


@pytest.mark.parametrize("table", OUTCOME, ids=lambda table: table.file)
def test_the_outcome_is_the_same_to_the_last_bit(
    table: Table, both: tuple[SmallRun, RunFolder, dict[str, str]]
) -> None:
    run, copy, names = both
    expected, found = (table.__get__(folder, RunFolder) for folder in (run.folder, copy))
    found = under_old_names(found, names)
    if "sources" in expected:
        expected = under_old_names(expected, {})
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_the_choice_is_the_same(both: tuple[SmallRun, RunFolder, dict[str, str]]) -> None:
    run, copy, names = both
    text = copy.chosen.model_dump_json()
    for new, old in names.items():
        text = text.replace(f'"{new}"', f'"{old}"')
    assert text == run.folder.chosen.model_dump_json()


def test_the_page_is_the_same(both: tuple[SmallRun, RunFolder, dict[str, str]], tmp_path: Path) -> None:
    run, copy, _ = both
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 30)
        pages = [write_report(folder, run.picture, out=tmp_path / folder.path.name) for folder in (run.folder, copy)]
    assert pages[0].read_text() == pages[1].read_text()


def test_code_that_takes_a_name_apart_is_seen(
    mixing_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RunFolder(Path(shutil.copytree(mixing_run.folder.path, tmp_path / "whole")))
    whole = with_settings(whole, {"report": {"sections": ["scores"]}})
    copy, _ = renamed(replace(mixing_run, folder=whole), tmp_path / "copy")
    monkeypatch.setattr(Names, "_model", lambda self, member: "fold " + member.member.rpartition("fold")[2])
    pages = [write_report(folder, mixing_run.picture).read_text() for folder in (whole, copy)]
    assert pages[0] != pages[1]
