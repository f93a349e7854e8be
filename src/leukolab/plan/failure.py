"""A task's error on its way from another process to the driver."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from leukolab.base import errors
from leukolab.base.errors import LeukolabError


@dataclass(frozen=True)
class Failure:
    """An error for another process: pickled where that works both ways, else as class name, text and settings."""

    pickled: bytes
    name: str
    text: str
    traceback: str
    settings: tuple[str, ...] = ()


def describe_error(error: BaseException) -> Failure:
    """The error in a form that any process can open."""
    said = "".join(traceback.format_exception(error))
    settings = error.settings if isinstance(error, LeukolabError) else ()
    return Failure(_pickled(error), _known_name(error), str(error), said, settings)


def rebuild_error(failure: Failure) -> BaseException:
    """The error as it was raised; all but a `LeukolabError` carry the traceback of their process as a note."""
    error: BaseException = pickle.loads(failure.pickled) if failure.pickled else _rebuilt(failure)
    if not isinstance(error, LeukolabError):
        error.add_note(f"In the process of the task:\n{failure.traceback}")
    return error


def _pickled(error: BaseException) -> bytes:
    """The pickled error; empty where it would not come back as it was."""
    try:
        data = pickle.dumps(error)
        back = pickle.loads(data)
    except Exception:
        return b""
    return data if type(back) is type(error) and str(back) == str(error) else b""


def _known_name(error: BaseException) -> str:
    """The name of the nearest class in the tree of errors, else of the error's own class."""
    if isinstance(error, LeukolabError):
        return next(one.__name__ for one in type(error).__mro__ if hasattr(errors, one.__name__))
    return type(error).__name__


def _rebuilt(failure: Failure) -> BaseException:
    known = getattr(errors, failure.name, None)
    if isinstance(known, type) and issubclass(known, LeukolabError):
        return known(failure.text, settings=failure.settings)
    return RuntimeError(f"{failure.name}: {failure.text}")
