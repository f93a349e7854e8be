"""The exploratory analysis of a data set, from its files to one page."""

from __future__ import annotations

from pathlib import Path

from leukolab.base.home import Home
from leukolab.cards import get_card, read_index, told
from leukolab.images import pack
from leukolab.report.explore import explore
from leukolab.spec import DataSpec

THUMBNAIL_PX = 128


def explore_data(spec: DataSpec, root: str | Path, out: str | Path, home: Home, language: str = "en") -> Path:
    """Read, measure and draw the data set of `spec` in `root`; unreadable files are listed on the page.

    The page is in this language.

    Raises:
        DataError: the data set is not there.
    """
    card, index = get_card(spec.card), read_index(spec, root)
    paths = [Path(path) for path in index["path"]]
    store = pack(paths, list(index["image_id"]), THUMBNAIL_PX, None, home, skip_unreadable=True)
    table = index.merge(store.measures, on="image_id", how="left")
    return explore(table, store, card, Path(out), language, told(spec, root))
