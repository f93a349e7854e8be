"""`data audit`: who is one person among the images of a folder, and what names, labels and twins say of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from leukolab.audit.issues import issues, merged_subjects
from leukolab.audit.odd import listed
from leukolab.audit.verdicts import by_doubt
from leukolab.base.csv_text import csv_text
from leukolab.base.files import make_folder, write_json, write_table, write_text
from leukolab.base.findings import Finding
from leukolab.base.home import Home
from leukolab.base.marks import mark_new
from leukolab.base.outputs import check_output
from leukolab.base.version import __version__
from leukolab.cards import get_card, read_images
from leukolab.cards.reading import CLOSED, ODD
from leukolab.images import pack
from leukolab.report.audit import AuditFacts, write_audit
from leukolab.results.folder import RunFolder
from leukolab.spec import DataSpec
from leukolab.splits import groups_fingerprint, identity_groups, index_fingerprint
from leukolab.study.look import THUMBNAIL_PX
from leukolab.study.twins import Twins, twins_of

SCHEMA = 1
GROUPS = RunFolder.groups.file
"""Named as in a run."""
GROUPS_HEAD, FINDINGS, PAIRS, PAGE = "groups.json", "findings.json", "pairs.csv", "audit.html"
"""The other files of an audit."""


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    index: pd.DataFrame = field(repr=False)
    """One row per readable image, with width, height and pixel_digest."""
    pairs: pd.DataFrame = field(repr=False)
    """image_id, other_id, kind, score, verdict, both classes and subjects; the most doubtful first."""
    groups: pd.DataFrame = field(repr=False)
    """image_id, group, reason."""
    findings: tuple[Finding, ...]
    searched: tuple[str, ...]
    """Kinds of pairs that were looked for."""

    @property
    def clean(self) -> bool:
        """Whether nothing was found that a person should look at."""
        return all(finding.severity == "info" for finding in self.findings)


def audit_data(spec: DataSpec, root: str | Path, home: Home, out: Path | None = None, language: str = "en") -> Audit:
    """Look for twins and contradictions among the images of `spec` in `root`.

    Args:
        spec: the data card and how it is read; `accept` is a person's list.
        root: the folder of the images.
        home: the home folder; the search is kept there, and a study on the same images takes it.
        out: folder for groups, findings, pairs and the page; nothing is written where None.
        language: of the page.

    Raises:
        DataError: the data set is not there, or the list does not fit it.
        ImageError: no image can be read.
        StorageError: `out` cannot be written, or the list lies there under the name of a file of the audit.
    """
    if out is not None and spec.accept is not None:
        for name in (GROUPS, GROUPS_HEAD, FINDINGS, PAIRS, PAGE):
            check_output(out / name, [Path(spec.accept)])
    card, reading = get_card(spec.card), read_images(spec, root)
    every = reading.index
    paths = [Path(path) for path in every["path"]]
    store = pack(paths, list(every["image_id"]), THUMBNAIL_PX, None, home, skip_unreadable=True)
    index = every.merge(store.measures, on="image_id", validate="one_to_one")
    twins = twins_of(index, spec, home)
    groups = identity_groups(index, card.same_person, twins.pairs)
    unread = [name for name, _ in store.unreadable]
    unreadable = [Finding("audit.unreadable", "problem", listed(len(unread), unread))] if unread else []
    unseen = [finding for finding in reading.findings if finding.code in (CLOSED, ODD)]
    found = (*unreadable, *unseen, *issues(index, groups, twins.pairs), *twins.findings)
    audit = Audit(index, by_doubt(twins.pairs, index), groups, found, twins.searched)
    if out is not None:
        sets = merged_subjects(index, groups)
        facts = AuditFacts(card, index, groups, audit.pairs, sets, found, twins.searched, len(store.unreadable))
        mark_new(make_folder(out))
        _write(audit, twins, spec, out)
        write_audit(facts, out / PAGE, language)
    return audit


def _write(audit: Audit, twins: Twins, spec: DataSpec, out: Path) -> None:
    """The files for machines."""
    head = {
        "schema": SCHEMA,
        "program": __version__,
        "card": spec.card,
        "images": len(audit.index),
        "data_fingerprint": index_fingerprint(audit.index),
        "groups_fingerprint": groups_fingerprint(audit.groups),
        "searched": list(twins.searched),
        "limits": twins.limits,
        "search": twins.key,
        "verdicts": int(audit.pairs["verdict"].isin(("same", "different")).sum()),
    }
    write_table(out / GROUPS, audit.groups)
    write_json(out / GROUPS_HEAD, head | {"groups": int(audit.groups["group"].nunique())})
    write_json(out / FINDINGS, head | {"clean": audit.clean, "findings": _as_json(audit.findings)})
    write_text(out / PAIRS, csv_text(audit.pairs))


def _as_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    return [finding.as_json() for finding in findings]
