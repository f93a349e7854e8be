"""The methods of a merged run, fitted on all images as a run of all outer parts fits them. It needs torch."""

from __future__ import annotations

from pathlib import Path

from leukolab.base.home import Home
from leukolab.engine import runtime
from leukolab.results.folder import RunFolder
from leukolab.spec import any_method, features_of
from leukolab.study.finals import write_finals
from leukolab.study.fits import pack_crop, recorded
from leukolab.study.jobs import listed_jobs
from leukolab.study.prepare import Material, packed_again, recorded_material


def fit_finals(run: RunFolder, home: Home, data: Path | None) -> None:
    """Fit the methods of a run, and write down which fits are for use.

    Args:
        run: a run with all its fits of outer parts, not yet sealed.
        home: the home folder, with the packed pixels of the run where `data` is None.
        data: the folder of images, from which pixels are packed again.

    Raises:
        ImageError: the packed pixels are not in `home`.
        DataError: the images in `data` are not those of the run.
    """
    spec = run.spec
    material = recorded_material(run, home) if data is None else _packed(run, home, data)
    with runtime.settled(spec.runtime):
        write_finals(spec, run, material, recorded(run, material, home), listed_jobs(run))


def _packed(run: RunFolder, home: Home, data: Path) -> Material:
    """The images of a run, with the crops that its methods see packed too."""
    material, methods = packed_again(run, data, home), map(any_method, run.methods.specs.values())
    for crop in dict.fromkeys(one.crop for method in methods for one in features_of(method)):
        pack_crop(crop, material.paths, list(material.index["image_id"]), home)
    return material
