"""The home folder: packed pixels, features, weights. Deleting it loses time only."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder(chosen: Path | None = None) -> Path:
    """`chosen` (from `--home`), else `LEUKOLAB_HOME`, else the platform's cache folder. Absolute; not created."""
    named = chosen or os.environ.get("LEUKOLAB_HOME")
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("leukolab", appauthor=False)
