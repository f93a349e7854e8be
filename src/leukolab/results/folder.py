"""The run folder: every file in it by name, how it is read and written, and what a missing one means.

Nobody else names a file of a run, but for those of its plan, ledger and lock (`plan`), which knows no study.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pydantic import BaseModel, ValidationError

from leukolab.base.errors import RunError, SpecError
from leukolab.base.files import SCHEMA_VERSION, read_json, read_table, write_json, write_table, write_text
from leukolab.results.members import COLUMNS, Member, members_of
from leukolab.results.records import (
    AnswersRecord,
    ArchitectureRecord,
    CardRecord,
    ChoiceRecord,
    ChosenRecord,
    DataRecord,
    EnvironmentRecord,
    FinalsRecord,
    MethodsRecord,
    RivalsRecord,
    SealRecord,
)
from leukolab.spec import StudySpec
from leukolab.spec.read import parse_study
from leukolab.spec.yaml_text import study_yaml

if TYPE_CHECKING:
    import pandas as pd

    from leukolab.cards import Classes
    from leukolab.splits import Split

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)
SCHEMA_KEY = "schema"


class Table:
    """A Parquet table of the run folder; as an attribute of a folder, its rows."""

    def __init__(self, *columns: str, required: bool = True) -> None:
        self.columns = columns
        self.required = required
        """Whether a missing file is an error; else the table has no rows then."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.file = f"{name}.parquet"

    @overload
    def __get__(self, folder: None, owner: type) -> Table: ...
    @overload
    def __get__(self, folder: RunFolder, owner: type) -> pd.DataFrame: ...
    def __get__(self, folder: RunFolder | None, owner: type) -> Table | pd.DataFrame:
        """The table itself of the class; its rows of a folder.

        Raises:
            RunError: the file is missing though required, damaged, of a newer program, or lacks a column.
        """
        if folder is None:
            return self
        path = folder.path / self.file
        if not self.required and not path.is_file():
            import pandas as pd

            return pd.DataFrame(columns=list(self.columns))
        table = read_table(path)
        missing = [column for column in self.columns if column not in table.columns]
        if missing:
            raise RunError(
                f"{path}: expected the column '{missing[0]}', found {', '.join(map(str, table.columns))}. "
                "Run the study there again: models that are whole are kept."
            )
        return table


class Document(Generic[AnyRecord]):
    """A JSON file of the run folder; as an attribute of a folder, its record."""

    def __init__(self, record: type[AnyRecord], file: str, required: bool = True) -> None:
        self.record = record
        self.file = file
        self.required = required
        """Whether a missing file is an error; else the record is as empty as it can be."""

    @overload
    def __get__(self, folder: None, owner: type) -> Document[AnyRecord]: ...
    @overload
    def __get__(self, folder: RunFolder, owner: type) -> AnyRecord: ...
    def __get__(self, folder: RunFolder | None, owner: type) -> Document[AnyRecord] | AnyRecord:
        """The file itself of the class; its record of a folder.

        Raises:
            RunError: the file is missing though required, damaged, of a newer program, or holds something else.
        """
        if folder is None:
            return self
        path = folder.path / self.file
        if not self.required and not path.is_file():
            return self.record()
        found = read_json(path)
        version = found.pop(SCHEMA_KEY, 1) if isinstance(found, dict) else 1
        if not isinstance(version, int):
            raise RunError(f"{path}: expected what a run writes there, found something else at '{SCHEMA_KEY}'.")
        if version > SCHEMA_VERSION:
            raise RunError(f"{path}: written by a newer Leukolab; this one reads schema {SCHEMA_VERSION} at most.")
        try:
            return self.record.model_validate(found)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise RunError(f"{path}: expected what a run writes there, found something else at '{where}'.") from error


@dataclass(frozen=True)
class RunFolder:
    """A run folder, whole or as far as it got."""

    path: Path

    index = Table("image_id", "label", "class_name", "subject", "part", "path")
    groups = Table("image_id", "group", "reason")
    composition = Table("protocol", "outer", "fold", "role", "class_name", "images", "copies", "groups", required=False)
    jobs = Table("job", "protocol", "reading", "outer", "learning_rate", "fold", "seed", "key", "first_key", "method")
    history = Table(
        "job", "stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds", required=False
    )  # fmt: skip
    rivals = Table("member", "image_id", "role", "label", "called")
    predictions = Table("member", "image_id", "role", "label", "called")
    members = Table(*COLUMNS)
    scores = Table("member", "role", "metric", "unit", "value", "low", "high", "interval")
    confusion = Table("member", "role", "actual", "called", "images", required=False)
    curves = Table("member", "curve", "x", "y", required=False)
    class_report = Table("member", "role", "class_name", "precision", "recall", "f1", "support", required=False)
    subjects = Table(
        "member", "outer", "group", "class_name", "images", "right", "called", "p_called", "share_called",
        required=False,
    )  # fmt: skip
    hypotheses = Table(
        "protocol", "outer", "hypothesis", "first", "second", "difference", "low", "high", "p_value", "p_holm",
        "mdd", "answer", "note", "picked_on", required=False,
    )  # fmt: skip
    shifts = Table(
        "kind", "strength", "method", "member", "parts", "images", "metric", "unit", "value", "low", "high", "interval",
        "apart", required=False,
    )  # fmt: skip

    SETTINGS = "spec.json"
    card = Document(CardRecord, "card.json")
    data = Document(DataRecord, "data.json")
    architecture = Document(ArchitectureRecord, "architecture.json")
    methods = Document(MethodsRecord, "methods.json", required=False)
    finals = Document(FinalsRecord, "finals.json", required=False)
    environment = Document(EnvironmentRecord, "environment.json")
    rivals_record = Document(RivalsRecord, "rivals.json")
    chosen = Document(ChosenRecord, "chosen.json")
    answers = Document(AnswersRecord, "answers.json", required=False)
    sealing = Document(SealRecord, "seal.json", required=False)

    STUDY = "study.yaml"
    """The settings as a study file: `study run` takes them as they are."""
    TRUNK = "trunk.safetensors"
    """The network as the run began with it."""
    PICTURES = "thumbnails.npz"
    """The report's pictures, kept so that it can be written anew where the images are away."""
    SPLIT, JOBS, HEADS, UNFINISHED, REPORT = "split", "jobs", "heads", "unfinished", "report"
    CHANGED = "changed"
    """Predictions on changed test images, a file per outer part and change."""
    PAGE, PARAGRAPH, FIGURES, TABLES = "report.html", "methods.md", "figures", "tables"
    SEAL = "result.json"
    """In the folder of a model or head: written last, with the digests of the others."""
    JOB_MODEL, HEAD_MODEL, JOB_METHOD = "model.safetensors", "head.safetensors", "method.skops"
    JOB_CHOICE = "choice.json"
    """What a method chose on its inner folds, and what it tried there."""
    JOB_IMPORTANCE = "importance.parquet"
    """What handcrafted numbers are worth to a method on its test part; of methods that see some."""
    JOB_HISTORY, JOB_PREDICTIONS = "history.parquet", "predictions.parquet"
    WHOLE = ((JOB_MODEL, JOB_HISTORY, JOB_PREDICTIONS), (JOB_METHOD, JOB_CHOICE), (HEAD_MODEL, JOB_HISTORY))
    """What whole folders of a network, of a fitted method and of a head hold beside the seal."""
    NEEDED_BY_JOBS = (
        "spec.json", "data.json", "card.json", "index.parquet", "groups.parquet", SPLIT, "jobs.parquet",
        "architecture.json", "methods.json", TRUNK,
    )  # fmt: skip
    """What a job on another machine reads of the run folder."""
    LARGE = (TRUNK, HEADS, UNFINISHED, f"{JOBS}/*/{JOB_MODEL}")
    """Patterns of what training needs and scores do not."""

    @property
    def spec(self) -> StudySpec:
        """The settings the run was made with.

        Raises:
            RunError: they are missing, damaged, or those of a version that knows other settings.
        """
        path = self.file(self.SETTINGS)
        found = read_json(path)
        try:
            return parse_study(found if isinstance(found, dict) else {}, path.name)
        except SpecError as error:
            raise RunError(f"{path}: expected the settings of a run, found others ({error})") from error

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.card.class_names

    @property
    def classes(self) -> Classes:
        """The classes, and which of them are the disease."""
        return self.card.classes

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols of the run, in the order of the study."""
        return tuple(self.spec.active_protocols)

    def split(self, protocol: str) -> Split:
        """The split of one protocol.

        Raises:
            RunError: it is missing or damaged.
        """
        from leukolab.splits import read_split

        return read_split(self.path / self.SPLIT / protocol)

    def splits(self) -> dict[str, Split]:
        """Protocol to its split."""
        return {name: self.split(name) for name in self.protocols}

    def write_split(self, protocol: str, split: Split) -> None:
        """Write the split of one protocol."""
        from leukolab.splits import write_split

        write_split(split, self.path / self.SPLIT / protocol)

    def member_list(self) -> dict[str, Member]:
        """Every member by name, in the order of the table."""
        return members_of(self.members)

    def offered(self) -> Member:
        """The model the run offers for use.

        Raises:
            RunError: the run is not finished, or its members are those of another choice.
        """
        name, found = self.chosen.member, self.member_list()
        if name not in found:
            raise RunError(
                f"{self.path}: expected the chosen model among the members, found other members. "
                "Write the report again with 'study report'."
            )
        return found[name]

    def keys_of(self, member: Member) -> list[str]:
        """Keys of the trained models a member is made of, in the order of its sources."""
        keys = self.jobs.set_index("job")["key"]
        return [str(keys[name]) for name in member.sources or (member.member,)]

    def final_keys(self, member: Member) -> list[str]:
        """`keys_of`, or where a member is a method that was fitted on all images in the end, the key of that fit."""
        final = self.finals.keys.get(member.reading, "") if member.protocol == self.finals.protocol else ""
        return [final] if final else self.keys_of(member)

    def file(self, what: Table | Document[Any] | str) -> Path:
        """Where a table, a record or another file lies."""
        return self.path / (what if isinstance(what, str) else what.file)

    def files(self) -> Iterator[Path]:
        """Every file of the run, but for tables a person may have put beside them (`.csv` outside the report)."""
        for path in self.path.rglob("*"):
            if path.suffix != ".csv" or self.REPORT in path.relative_to(self.path).parts:
                yield path

    def has(self, *files: Table | Document[Any] | str) -> bool:
        """Whether all of these files are there."""
        return all(self.file(what).exists() for what in files)

    def drop(self, *files: Table | Document[Any] | str) -> None:
        """Remove files; no matter if they are not there."""
        for what in files:
            self.file(what).unlink(missing_ok=True)

    def write(self, what: Table, table: pd.DataFrame) -> None:
        """Write a table, whole or as before."""
        write_table(self.file(what), table)

    def record(self, what: Document[AnyRecord], record: AnyRecord) -> None:
        """Write a record, whole or as before."""
        write_json(self.file(what), {SCHEMA_KEY: SCHEMA_VERSION} | record.model_dump(mode="json"))

    def write_settings(self, spec: StudySpec) -> None:
        """Write the settings into both their files, each whole or as before."""
        write_text(self.file(self.SETTINGS), spec.model_dump_json(indent=2))
        write_text(self.file(self.STUDY), study_yaml(spec))

    def job(self, key: str) -> Path:
        """Folder of a finished model."""
        return self.path / self.JOBS / key

    def head(self, key: str) -> Path:
        """Folder of a head that was trained with others."""
        return self.path / self.HEADS / key

    def unfinished(self, key: str) -> Path:
        """Where a training stands that is not finished."""
        return self.path / self.UNFINISHED / f"{key}.safetensors"

    def changed(self, key: str) -> Path:
        """Predictions on the changed test images of an outer part."""
        return self.path / self.CHANGED / f"{key}.parquet"

    def job_model(self, key: str) -> Path:
        """The tensors of a finished model."""
        return self.job(key) / self.JOB_MODEL

    def histories(self, keys: Iterable[str]) -> pd.DataFrame:
        """What the trainings of finished models wrote; no rows where none of them was trained by epochs."""
        import pandas as pd

        trained = [key for key in keys if not (self.job(key) / self.JOB_METHOD).exists()]
        tables = [self.job_history(key) for key in trained]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(RunFolder.history.columns))

    def write_history(self, table: pd.DataFrame) -> None:
        """Write the histories of all models, or drop the file where there are none."""
        if len(table):
            self.write(RunFolder.history, table)
        else:
            self.drop(RunFolder.history)

    def job_choice(self, key: str) -> ChoiceRecord:
        """What a finished method chose, and what it tried.

        Raises:
            RunError: the file is missing or damaged.
        """
        path = self.job(key) / self.JOB_CHOICE
        try:
            return ChoiceRecord.model_validate(read_json(path))
        except ValidationError as error:
            raise RunError(f"{path}: expected what a method chose, found another. Run the study again.") from error

    def job_importance(self, key: str) -> pd.DataFrame:
        """What handcrafted numbers are worth to a finished method; empty where it sees none."""
        import pandas as pd

        path = self.job(key) / self.JOB_IMPORTANCE
        return read_table(path) if path.is_file() else pd.DataFrame()

    def job_history(self, key: str) -> pd.DataFrame:
        """What a finished model's training wrote, epoch by epoch."""
        return read_table(self.job(key) / self.JOB_HISTORY)

    def job_predictions(self, key: str) -> pd.DataFrame:
        """Predictions of a finished model: member, image_id, role, label, called, p_0 ... p_{k-1}."""
        from leukolab.results.calls import with_calls

        return with_calls(read_table(self.job(key) / self.JOB_PREDICTIONS).rename(columns={"job": "member"}))

    @property
    def page(self) -> Path:
        """The report's page."""
        return self.path / self.REPORT / self.PAGE

    def without_results(self) -> None:
        """Drop what tells of models that are not these any more; the member offered for use is left as it is."""
        tables = (RunFolder.predictions, RunFolder.history, RunFolder.scores, RunFolder.confusion, RunFolder.curves)
        self.drop(*tables, RunFolder.class_report, RunFolder.hypotheses, RunFolder.subjects, RunFolder.answers)
        self.drop(RunFolder.shifts)
