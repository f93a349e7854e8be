"""Seals of finished jobs: the seal is written last and holds the digests of the folder's other files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, write_json
from leukolab.base.keys import file_digest
from leukolab.results.folder import RunFolder

NEWS = logging.getLogger(__name__)


def seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the seal, the last file of a folder: facts, and the digests of the others."""
    digests = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    write_json(folder / RunFolder.SEAL, {**facts, "files": digests})


def drop_damaged(run: RunFolder) -> None:
    """Remove finished jobs and heads of which a file is lost or damaged, so that they are done again."""
    for folder in [*run.job("").glob("*"), *run.head("").glob("*")]:
        if not sealed(folder):
            NEWS.warning(f"{folder}: damaged; this is trained again")
            shutil.rmtree(folder, ignore_errors=True)


def sealed(folder: Path) -> bool:
    """Whether a finished job or head is whole: all its files are there, with the digests that were written down."""
    try:
        files = read_json(folder / RunFolder.SEAL).get("files", {})
        return all(file_digest(folder / name) == expected for name, expected in files.items())
    except (RunError, OSError, AttributeError):
        return False
