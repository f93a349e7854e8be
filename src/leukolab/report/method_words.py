"""The methods of a run in sentences: what is seen of an image, what learns from it, how images are weighed."""

from __future__ import annotations

from collections.abc import Iterator

from leukolab.report.run import without_folders
from leukolab.report.texts import Texts
from leukolab.results.records import MethodsRecord
from leukolab.spec import CropSpec, MethodSpec, NetworkFeatures


def methods_in_words(record: MethodsRecord, texts: Texts) -> Iterator[str]:
    """One sentence or two a method."""
    for name, values in record.specs.items():
        spec = MethodSpec.model_validate(values)
        parameters = ", ".join(f"{key}={value}" for key, value in spec.learner.parameters.items())
        yield texts(
            "methods_text.method",
            name=name,
            title=spec.title,
            features="; ".join(_features(one, texts) for one in spec.features),
            reduced=_reduced(spec, texts),
            learner=f"{spec.learner.estimator}({parameters})",
            weigh=spec.weigh,
        )


def _features(spec: NetworkFeatures, texts: Texts) -> str:
    weights = without_folders({"weights": spec.weights})["weights"]
    return texts(
        "methods_text.layers",
        layers=", ".join(spec.layers),
        backbone=spec.backbone,
        weights=weights,
        over=texts.name("seen_over", spec.over),
        crop=_crop(spec.crop, texts),
    )


def _crop(crop: CropSpec, texts: Texts) -> str:
    if crop.about == "cell":
        return texts("methods_text.about_cell", edge=crop.edge_px or crop.size_px, size=crop.size_px)
    if crop.edge_px is not None:
        return texts("methods_text.about_middle", edge=crop.edge_px, size=crop.size_px)
    return texts("methods_text.whole_image", size=crop.size_px)


def _reduced(spec: MethodSpec, texts: Texts) -> str:
    said = []
    if spec.reduce.standardise:
        said.append(texts("methods_text.standardised"))
    if spec.reduce.clip is not None:
        said.append(texts("methods_text.clipped", limit=texts.number(spec.reduce.clip, "g")))
    if spec.reduce.components is not None:
        said.append(texts("methods_text.components", count=spec.reduce.components))
    return ", ".join([*said, ""])
