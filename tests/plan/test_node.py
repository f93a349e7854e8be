from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import WORK, toy

from leukolab.plan import Place
from leukolab.plan.node import Order, Spot, attempt
from leukolab.plan.parcel import to_bytes

PIXELS = f"home/pixels/pixels-{'a' * 32}"
FEATURES = f"home/features/features-{'b' * 32}/000000.pooled"


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a machine that shares nothing with the driver has its scratch folder."""
    folder = tmp_path / "apart"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_packed_pixels_of_a_task_stay_where_others_need_the_room(place: Place, apart: Path) -> None:
    for name in (f"{PIXELS}/pixels.npy", FEATURES):
        place.find(name).parent.mkdir(parents=True)
        place.find(name).write_text(name)

    def read(spot: Spot) -> Iterator[bytes]:
        return to_bytes(Path(spot.path))

    supplies = tuple((name, Spot("driver", str(place.find(name)))) for name in (PIXELS, FEATURES))
    task = toy("a", evict=0, reads=[f"{PIXELS}/pixels.npy"])
    report = attempt(Order(task, place, WORK, ".token", supplies), "node", lambda *_: None, read)
    assert report.kind == "finished", report.content
    scratch = Path(report.scratch)
    assert scratch.is_relative_to(apart)
    assert not (scratch / FEATURES).exists()
    shutil.rmtree(scratch)
