"""The one tree of errors that the command line turns into a sentence and exit code 2.

    LeukolabError
    +-- DataError        a data set: missing, empty, of another kind, inconsistent
    +-- ImageError       one image: unreadable, truncated, too large
    +-- SpecError        a setting or a study file
    +-- SplitError       a split that cannot or must not be built
    +-- WeightsError     weights that are unavailable or do not fit
    +-- TrainingError    a training that cannot go on (a loss that is not finite)
    +-- RunError         a run folder: of another study, in use, unfinished
    +-- StorageError     a disk that is full or a folder that may not be written
    +-- ClusterError     a cluster that cannot be reached, or can take no task
    +-- TrackingError    a tracker that cannot be reached, or refuses
    +-- MissingExtraError  a command whose extra is not installed

A sentence says where, what was expected, what was found, and what to do. Bugs keep their traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 20
"""Names that are listed where none is near."""


class LeukolabError(Exception):
    """Something the user can mend; its text is one sentence or two.

    Args:
        text: names settings (`data.card=phantom`) and arguments (run folder, home folder), never a `--flag`.
        settings: those named in the text that mend it; the command line puts its flag behind each.
    """

    def __init__(self, text: str = "", *, settings: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.settings = tuple(settings)


class DataError(LeukolabError):
    """A data set is missing, empty, of another kind or inconsistent."""


class ImageError(LeukolabError):
    """One image cannot be read, or must not be."""


class SpecError(LeukolabError):
    """A setting or a study file is not as it must be."""


class SplitError(LeukolabError):
    """A split cannot be built, or must not be."""


class WeightsError(LeukolabError):
    """Weights are unavailable or do not fit."""


class TrainingError(LeukolabError):
    """A training cannot go on."""


class RunError(LeukolabError):
    """A run folder is of another study, in use, or not finished."""


class StorageError(LeukolabError):
    """A disk is full or a folder may not be written."""


class ClusterError(LeukolabError):
    """A cluster cannot be reached, or none of its machines can take a task."""


class TrackingError(LeukolabError):
    """A tracker cannot be reached, or refuses what it is told."""


class MissingExtraError(LeukolabError):
    """A command needs an extra that is not installed."""


def nearest(name: str, options: Iterable[str]) -> str:
    """`Did you mean 'x'? ` for the closest option, or the list of options."""
    known = sorted(options)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'?"
    more = f", and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
    return f"Known: {', '.join(known[:SHOWN])}{more}."
