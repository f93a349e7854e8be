"""What `import leukolab` offers: studies, runs, scores, splits and models, for notebooks and other programs.

Paths are `str` or `Path`, tables are pandas DataFrames, arrays come in the field's order: `y_true, y_prob,
sample_weight, groups`. Nothing here is a diagnosis or fit for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from leukolab.base.home import Home, find_home
from leukolab.results.folder import RunFolder
from leukolab.results.seals import check_outcome
from leukolab.spec import DataSpec, ProtocolSpec, SplitSpec, StudySpec
from leukolab.spec.read import parse_settings, parse_study, put, raw_study
from leukolab.splits import EQUAL_PIXELS
from leukolab.study.evaluation import Evaluation, evaluate

if TYPE_CHECKING:
    from leukolab.study.audit import Audit
    from leukolab.study.predict import Model

AnyPath = str | Path
__all__ = [
    "Evaluation",
    "StudyRun",
    "audit_data",
    "draw_cells",
    "evaluate",
    "load_study",
    "make_split",
    "open_model",
    "open_run",
    "read_index",
    "run_study",
]


@dataclass(frozen=True)
class StudyRun:
    """A finished run: its tables as DataFrames, its settings, its report."""

    folder: Path

    @property
    def spec(self) -> StudySpec:
        """The settings it was made with."""
        return self._files.spec

    @property
    def index(self) -> pd.DataFrame:
        """One row per image: image_id, label, class_name, subject, part, path and what was measured."""
        return self._files.index

    @property
    def members(self) -> pd.DataFrame:
        """One row per model, ensemble, rival or summary, with its facts; `chosen` marks the one offered for use."""
        return self._files.members

    @property
    def predictions(self) -> pd.DataFrame:
        """member, image_id, role, label, called, p_0 ... p_{k-1}; of models, rivals and the member offered for use."""
        return self._files.predictions

    @property
    def scores(self) -> pd.DataFrame:
        """member, role, metric, unit (image or subject), value, low, high, interval.

        `interval` tells how low and high were made, as findings in text form (JSON); a notebook shows it in words.
        """
        return self._files.scores

    @property
    def history(self) -> pd.DataFrame:
        """Loss and accuracy by model, stage and epoch."""
        return self._files.history

    @property
    def report(self) -> Path:
        """The page of its report."""
        return self._files.page

    def split(self, protocol: str) -> pd.DataFrame:
        """outer, fold, role, image_id, copies under one protocol.

        Raises:
            RunError: the run has no such split.
        """
        return self._files.split(protocol).table

    @property
    def _files(self) -> RunFolder:
        return RunFolder(self.folder)

    def _repr_html_(self) -> str:
        """Its first lines and the scores of the member offered for use, for a notebook."""
        from html import escape

        from leukolab.report.names import Names
        from leukolab.report.tables.common import scores_html
        from leukolab.report.texts import load_texts

        texts, answers = load_texts(), self._files.answers
        names = Names.of(self._files, texts)
        lines = [names.finding(finding) for finding in (*answers.headline, *answers.warnings)]
        scores = self.scores
        mine = scores[(scores["member"] == self._files.chosen.member) & (scores["role"] == "test")]
        return "".join(f"<p>{escape(line)}</p>" for line in [self.spec.title, *lines]) + scores_html(mine, texts)


def load_study(study: AnyPath, **settings: Any) -> StudySpec:
    """A study by its name or YAML file, with settings by their dotted names.

    Args:
        study: a shipped name, such as `classify`, or the path of a YAML file.
        settings: `bootstrap=200`, or `**{"image.size_px": 64}` for settings inside groups.

    Raises:
        SpecError: there is no such study or setting, or a value may not be.
    """
    where, raw = raw_study(str(study))
    for name, value in settings.items():
        put(raw, name, value)
    return parse_study(raw, where)


def run_study(
    study: StudySpec | AnyPath, data: AnyPath, out: AnyPath, home: Home | AnyPath | None = None, **options: Any
) -> StudyRun:
    """Run a study to its report; the same call on the same folder goes on where it stopped.

    Args:
        study: from `load_study`, or what that takes.
        data: folder of images.
        out: the run folder.
        home: where packed pixels and features are kept; the usual place where None.
        options: `on`, `retune` and `language`, as of the command `study run`.

    Raises:
        LeukolabError: whatever the user can mend.
    """
    from leukolab.study.run import run_study as run

    spec = study if isinstance(study, StudySpec) else load_study(study)
    run(spec, Path(data), Path(out), home if isinstance(home, Home) else find_home(home), **options)
    return StudyRun(Path(out))


def open_run(folder: AnyPath) -> StudyRun:
    """A run by its folder, also one from another machine.

    Raises:
        RunError: the folder is not that of a run, or a file of the finished run was changed since.
    """
    run = RunFolder(Path(folder))
    run.spec  # noqa: B018  (read now, so that a wrong folder is told of now)
    if run.has(RunFolder.chosen):
        check_outcome(run)
    return StudyRun(Path(folder))


def open_model(run: AnyPath | StudyRun) -> Model:
    """The model a finished run offers for use; `model.predict(paths)` gives class and probabilities. Needs torch.

    Raises:
        RunError: the folder is not that of a finished run.
        WeightsError: tensors are missing or damaged.
    """
    from leukolab.study.predict import open_model as opened

    return opened(run.folder if isinstance(run, StudyRun) else run)


def read_index(
    card: str,
    root: AnyPath,
    parts: Sequence[str] | None = None,
    view: str | None = None,
    subject_from: str | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """One row per image of a data set: image_id, path, label, class_name, subject and more; no pixel is read.

    Args:
        card: name of a data card, such as `folder` or `cnmc2019`.
        root: its folder, or one above or below.
        parts: parts of the data set; all that are labelled where None.
        view: other classes over the same images, such as `two_class`.
        subject_from: card `folder`: a pattern whose first group is the subject, searched in the path.
        settings: others of a study's `data`: positive, part_from, include, exclude, columns.

    Raises:
        DataError: the data set is not there, or has no such part or view.
        SpecError: a setting is not known, or a value may not be.
    """
    from leukolab.cards import read_index as read

    given = {"card": card, "parts": parts, "view": view, "subject_from": subject_from} | settings
    return read(parse_settings(DataSpec, given, "read_index"), Path(root))


def audit_data(
    card: str,
    root: AnyPath,
    subject_from: str | None = None,
    accept: AnyPath | None = None,
    home: Home | AnyPath | None = None,
    out: AnyPath | None = None,
    **settings: Any,
) -> Audit:
    """Look for images of one person and for what contradicts, as the command `data audit` does.

    Args:
        card: name of a data card, such as `folder` or `cnmc2019`.
        root: its folder, or one above or below.
        subject_from: card `folder`: a pattern whose first group is the subject, searched in the path.
        accept: a CSV with image_id, other_id and verdict (same, different).
        home: where the search is kept; the usual place where None.
        out: folder for the page, groups, findings and pairs; nothing is written where None.
        settings: others of a study's `data`: positive, part_from, include, exclude, columns, parts, view.

    Returns:
        `index`, `pairs`, `groups`, `findings` and `searched`; `make_split` takes groups and searched.

    Raises:
        DataError: the data set is not there, or the list does not fit it.
        SpecError: a setting is not known, or a value may not be.
    """
    from leukolab.study.audit import audit_data as audit

    said = None if accept is None else str(accept)
    given = {"card": card, "subject_from": subject_from, "accept": said} | settings
    spec = parse_settings(DataSpec, given, "audit_data")
    place = home if isinstance(home, Home) else find_home(home)
    return audit(spec, Path(root), place, None if out is None else Path(out))


def make_split(
    index: pd.DataFrame,
    seed: int = 2019,
    allow_leakage: bool = False,
    groups: pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
    searched: Sequence[str] = EQUAL_PIXELS,
    **settings: Any,
) -> pd.DataFrame:
    """Cut images into train, validation, tuning and test; subjects, and images of one group, stay on one side.

    Args:
        index: image_id, label and perhaps subject, pixel_digest, order, official_fold; one row per image.
        groups: image_id and group, such as those of `audit_data`; made of subjects and equal pixels where None.
        pairs: image_id, other_id, kind of images that show one person, merged where `groups` is None.
        searched: the kinds of pairs that were looked for; without near-twins the leakage label is never `none`.
        settings: those of a study's `split`: kind, by, outer, folds, test, validation, tuning.

    Returns:
        outer, fold, role, image_id, copies; its `attrs` hold `leakage`, `searched` and `findings`.

    Raises:
        SpecError: a setting is not known, or a value may not be.
        SplitError: it cannot be cut so, or a group would stand on two sides.
    """
    from leukolab.report.texts import load_texts
    from leukolab.splits import identity_groups
    from leukolab.splits import make_split as cut

    spec = parse_settings(SplitSpec, {"kind": "kfold", "outer": 5} | settings, "make_split")
    protocol = ProtocolSpec(stance="corrected", split=spec, allow_leakage=allow_leakage)
    who = identity_groups(index, pairs=pairs) if groups is None else groups
    split = cut(index, who, "split", protocol, seed, tuple(searched))
    table = split.table.copy()
    table.attrs["leakage"] = split.head.leakage
    table.attrs["searched"] = list(split.head.searched)
    table.attrs["findings"] = [load_texts().finding(finding) for finding in split.head.findings]
    return table


def draw_cells(
    out: AnyPath, layout: str = "two_class", subjects: int = 24, images: int = 20, size_px: int = 224, seed: int = 7
) -> Path:
    """Draw synthetic cells with known truth into a folder, `images` of each subject; read them with card `phantom`.

    Args:
        layout: `two_class` (cells on black) or `four_class` (on a smear).

    Raises:
        DataError: the folder holds other files.
    """
    from leukolab.cards.draw import draw_data_set

    return draw_data_set(Path(out), layout, subjects, images, size_px, seed)
