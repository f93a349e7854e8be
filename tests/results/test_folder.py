"""The run folder: what a missing, newer or other file means, and tables of older versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from leukolab.base.errors import RunError
from leukolab.base.files import SCHEMA_VERSION, read_json, write_json, write_table
from leukolab.base.findings import Finding
from leukolab.results.calls import with_calls
from leukolab.results.folder import Document, RunFolder, Table
from leukolab.results.members import Member, members_of, members_table
from leukolab.results.records import ArchitectureRecord, DataRecord, EnvironmentRecord, PooledRecord

TABLES = {name: what for name, what in vars(RunFolder).items() if isinstance(what, Table)}
DOCUMENTS = {name: what for name, what in vars(RunFolder).items() if isinstance(what, Document)}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """An empty one."""
    return RunFolder(tmp_path / "run")


def rows(table: Table) -> pd.DataFrame:
    return pd.DataFrame({column: ["one"] for column in table.columns})


def newer(path: Path) -> None:
    """Turn a file into that of the next version of the program."""
    if path.suffix == ".json":
        write_json(path, read_json(path) | {"schema": SCHEMA_VERSION + 1})
        return
    table = pq.read_table(path)
    known = {
        key: value for key, value in (table.schema.metadata or {}).items() if str(SCHEMA_VERSION) in value.decode()
    }
    assert known
    pq.write_table(table.replace_schema_metadata({key: str(SCHEMA_VERSION + 1) for key in known}), path)


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.required])
def test_a_table_that_a_run_needs_is_missed(name: str, folder: RunFolder) -> None:
    with pytest.raises(RunError, match=rf"{name}\.parquet: expected a table here, found none"):
        getattr(folder, name)


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if not table.required])
def test_a_table_that_not_every_run_has_is_empty_with_its_columns(name: str, folder: RunFolder) -> None:
    table = getattr(folder, name)
    assert table.empty
    assert tuple(table.columns) == TABLES[name].columns


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_a_newer_program_is_refused(name: str, folder: RunFolder) -> None:
    folder.write(TABLES[name], rows(TABLES[name]))
    assert len(getattr(folder, name)) == 1
    newer(folder.file(TABLES[name]))
    with pytest.raises(RunError, match=rf"{name}\.parquet: .*newer"):
        getattr(folder, name)


@pytest.mark.parametrize("name", TABLES)
def test_a_column_that_lacks_is_named_with_those_that_are_there(name: str, folder: RunFolder) -> None:
    table = rows(TABLES[name])
    last = table.columns[-1]
    folder.write(TABLES[name], table.drop(columns=last).assign(other=1))
    with pytest.raises(RunError) as caught:
        getattr(folder, name)
    assert re.search(
        rf"{name}\.parquet: expected the column '{last}', found .*other\. Run the study", str(caught.value)
    )


@pytest.mark.parametrize("name", [name for name, document in DOCUMENTS.items() if document.required])
def test_a_record_that_a_run_needs_is_missed(name: str, folder: RunFolder) -> None:
    with pytest.raises(RunError, match=rf"{re.escape(DOCUMENTS[name].file)}: .*found none"):
        getattr(folder, name)


@pytest.mark.parametrize("name", [name for name, document in DOCUMENTS.items() if not document.required])
def test_a_record_that_not_every_run_has_is_as_empty_as_it_can_be(name: str, folder: RunFolder) -> None:
    assert getattr(folder, name) == DOCUMENTS[name].record()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_record_of_a_newer_program_is_refused_and_one_of_something_else_named(name: str, folder: RunFolder) -> None:
    write_json(folder.file(DOCUMENTS[name]), {"schema": SCHEMA_VERSION + 1})
    with pytest.raises(RunError, match=f"written by a newer Leukolab; this one reads schema {SCHEMA_VERSION} at most"):
        getattr(folder, name)
    write_json(folder.file(DOCUMENTS[name]), {"schema": None})
    with pytest.raises(RunError, match="found something else at 'schema'"):
        getattr(folder, name)
    write_json(folder.file(DOCUMENTS[name]), ["a list"])
    with pytest.raises(RunError, match="expected what a run writes there, found something else"):
        getattr(folder, name)


def test_a_record_says_where_it_is_another(folder: RunFolder) -> None:
    write_json(folder.file(RunFolder.data), {"fingerprint": "0", "pixels": 3})
    with pytest.raises(RunError, match=r"data\.json: .* found something else at 'pixels'"):
        folder.data  # noqa: B018


def test_records_are_read_as_they_were_written(folder: RunFolder) -> None:
    few = Finding("split.few_test_groups_together", "warning", {"limit": 20, "fewest": 10, "width": 0.2})
    pooled = PooledRecord(member="all", parts=(1, 2), of=3, images=60, groups=20, claim=True, few=few)
    chosen = RunFolder.chosen.record(member="one", chosen_on="tuning", claim=False, pooled=pooled)
    for document, record in (
        (RunFolder.data, DataRecord(fingerprint="0", pixels="pixels-1")),
        (RunFolder.architecture, ArchitectureRecord(backbone="b", learning={"a": {"head": 34}}, parameters=5)),
        (RunFolder.chosen, chosen),
    ):
        folder.record(document, record)
        assert read_json(folder.file(document))["schema"] == SCHEMA_VERSION
    assert folder.data == DataRecord(fingerprint="0", pixels="pixels-1")
    assert folder.architecture.learning == {"a": {"head": 34}}
    assert folder.chosen == chosen


def test_the_version_of_a_file_is_none_of_its_facts(folder: RunFolder) -> None:
    folder.record(RunFolder.environment, EnvironmentRecord(leukolab="1.0", seconds=2.5, torch="2.0"))
    assert folder.environment.facts == {"leukolab": "1.0", "seconds": 2.5, "torch": "2.0"}


def test_members_are_read_as_they_were_written(folder: RunFolder) -> None:
    """Names are opaque, lists stay lists, and what is not there is None."""
    members = [
        Member("one / two", "model", "corrected", 1, 2, "frozen", "net", 0.001, seed=2**63 - 1),
        Member("x", "ensemble", "corrected", 1, scenario="intra_lr", scheme="kappa", sources=("one / two", "y")).called(
            "x: y"
        ),
        Member("z", "pooled", "corrected", method="chosen", pools="chosen", sources=("x: y",), chosen=True),
    ]
    assert list(members_of(members_table(members)).values()) == members
    folder.write(RunFolder.members, members_table(members))
    assert folder.member_list() == {one.member: one for one in members}


def test_a_choice_of_other_members_is_told(folder: RunFolder) -> None:
    folder.write(RunFolder.members, members_table([Member("a", "model", "corrected", 1)]))
    folder.record(RunFolder.chosen, RunFolder.chosen.record(member="a", chosen_on="tuning", claim=True))
    assert folder.offered().member == "a"
    folder.record(RunFolder.chosen, RunFolder.chosen.record(member="b", chosen_on="tuning", claim=True))
    with pytest.raises(RunError, match="expected the chosen model among the members, found other members"):
        folder.offered()


def test_keys_of_a_member_are_those_of_its_sources_in_their_order(mixing_run: Any) -> None:
    run = mixing_run.folder
    keys = dict(zip(run.jobs["job"], run.jobs["key"], strict=True))
    ensembles = [one for one in run.member_list().values() if one.kind == "ensemble"]
    assert ensembles
    for one in ensembles:
        assert run.keys_of(one) == [keys[name] for name in one.sources]
    models = [one for one in run.member_list().values() if one.kind == "model"]
    assert run.keys_of(models[0]) == [keys[models[0].member]]
    assert {one.member: one.seed for one in models} == dict(zip(run.jobs["job"], run.jobs["seed"], strict=True))


@pytest.mark.parametrize("classes", [2, 3])
def test_predictions_of_older_models_have_member_and_calls(classes: int, folder: RunFolder) -> None:
    """Written with `job` instead of `member`, and without `called`; a tie of two classes is the second."""
    probs = {2: [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], 3: [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.0, 0.25, 0.75]]}
    table = pd.DataFrame(probs[classes], columns=[f"p_{k}" for k in range(classes)]).astype("float32")
    facts = {"job": "one", "image_id": ["x", "y", "z"], "role": "test", "label": [0, 1, 1]}
    old = pd.concat([pd.DataFrame(facts), table], axis=1)
    write_table(folder.job("key") / RunFolder.JOB_PREDICTIONS, old)
    found = folder.job_predictions("key")
    assert list(found) == ["member", "image_id", "role", "label", "called", *table.columns]
    assert set(found["member"]) == {"one"}
    assert list(found["called"]) == [0, 1, classes - 1]
    pd.testing.assert_frame_equal(found[list(table.columns)], table)
    write_table(folder.job("new") / RunFolder.JOB_PREDICTIONS, found)
    pd.testing.assert_frame_equal(folder.job_predictions("new"), found)


def test_calls_that_were_written_are_kept_and_given_ones_take_their_place() -> None:
    table = pd.DataFrame({"member": "one", "label": [0, 1], "called": [1, 1], "p_0": [0.9, 0.9], "p_1": [0.1, 0.1]})
    assert list(with_calls(table)["called"]) == [1, 1]
    given = with_calls(table, [0, 1])
    assert list(given["called"]) == [0, 1]
    assert list(given) == list(table)
