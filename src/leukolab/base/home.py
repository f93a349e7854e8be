"""The home folder: packed pixels, features, weights. Deleting it loses time only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from leukolab.base.sizes import parse_size

HOME_VARIABLE = "LEUKOLAB_HOME"
SIZE_VARIABLE = "LEUKOLAB_CACHE_SIZE"


@dataclass(frozen=True)
class Home:
    """The home folder and the most bytes it may hold; passed on as one object, to other processes too.

    Where `limit_bytes` is None, the limit is 50 GB or a quarter of the disk, whichever is less (`shelf.limit`).
    """

    path: Path
    limit_bytes: int | None = None

    def __truediv__(self, name: str) -> Path:
        """Path of something in the home folder."""
        return self.path / name

    def __str__(self) -> str:
        """The path as text."""
        return str(self.path)

    def absolute(self) -> Home:
        """The same folder by its absolute path, for processes that work elsewhere."""
        return Home(self.path.absolute(), self.limit_bytes)


def find_home(chosen: str | Path | None = None, limit: str | int | None = None) -> Home:
    """The home folder of this program; it is not created.

    Args:
        chosen: its path; where None, `LEUKOLAB_HOME`, else the platform's cache folder.
        limit: the most it may hold, in bytes or as text such as `20GB`; where None, `LEUKOLAB_CACHE_SIZE`, else the
            default rule of `Home`.

    Returns:
        A home folder whose path is absolute.

    Raises:
        SpecError: the limit or the variable holds no size.
    """
    return Home(_path(chosen), _limit_bytes(limit))


def _path(chosen: str | Path | None) -> Path:
    named = chosen or os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("leukolab", appauthor=False)


def _limit_bytes(limit: str | int | None) -> int | None:
    if limit is None:
        text = os.environ.get(SIZE_VARIABLE)
        return parse_size(text, SIZE_VARIABLE) if text else None
    return parse_size(limit, "cache size") if isinstance(limit, str) else limit
