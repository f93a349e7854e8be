"""The methods of a run in sentences: what is seen of an image, what learns from it, how images are weighed."""

from __future__ import annotations

from collections.abc import Iterator

from leukolab.report.run import without_folders
from leukolab.report.texts import Texts
from leukolab.results.records import FinalsRecord, MethodsRecord
from leukolab.spec import (
    AnyMethod,
    ChangeSpec,
    CropSpec,
    HandcraftedFeatures,
    JointSpec,
    MethodSpec,
    NetworkFeatures,
    any_method,
)


def methods_in_words(record: MethodsRecord, texts: Texts) -> Iterator[str]:
    """One sentence or two a method; those that a method is made of are told before it, each once."""
    told = dict[str, None]()
    for values in record.specs.values():
        told |= dict.fromkeys(_told(any_method(values), texts))
    yield from told


def final_in_words(record: FinalsRecord, texts: Texts) -> Iterator[str]:
    """What was fitted on all images."""
    if record.keys:
        yield texts("methods_text.final", methods=len(record.keys), names=", ".join(record.keys))


def _told(spec: AnyMethod, texts: Texts) -> Iterator[str]:
    if isinstance(spec, JointSpec):
        for one in spec.among:
            yield from _told(one, texts)
        among = ", ".join(one.name for one in spec.among)
        yield texts("methods_text.joint", name=spec.name, title=spec.title, how=spec.how, among=among)
        return
    parameters = [f"{key}={value}" for key, value in spec.learner.parameters.items()]
    parameters += [one.estimator for one in spec.learner.of]
    searched = ", ".join(
        f"{key.rpartition('.')[2]} {'|'.join(map(str, values))}" for key, values in spec.search.items()
    )
    learner = f"{spec.learner.estimator}({', '.join(parameters)})"
    yield texts(
        "methods_text.method",
        name=spec.name,
        title=spec.title,
        features="; ".join(_features(one, texts) for one in spec.features),
        reduced=_reduced(spec, texts),
        learner=f"{learner} ({texts('methods_text.searched', settings=searched)})" if searched else learner,
        weigh=spec.weigh,
    )
    if spec.also:
        yield texts(
            "methods_text.also",
            name=spec.name,
            weight=texts.number(spec.also_weight, "g"),
            changes=_changes(spec.also, texts),
        )


def _changes(changes: tuple[ChangeSpec, ...], texts: Texts) -> str:
    """Such as `stain 0.3, focus 1`; what one image gets at once is joined by a plus."""
    return ", ".join(
        " + ".join(
            f"{texts.name('shift_kinds', kind)} {texts.number(strength, 'g')}" for kind, strength in one if strength
        )
        for one in changes
    )


def _features(spec: NetworkFeatures | HandcraftedFeatures, texts: Texts) -> str:
    changed = f" ({_changes(spec.changed, texts)})" if spec.changed else ""
    return _seen(spec, texts) + changed


def _seen(spec: NetworkFeatures | HandcraftedFeatures, texts: Texts) -> str:
    if isinstance(spec, HandcraftedFeatures):
        families = ", ".join(texts.name("families", family) for family in spec.handcrafted)
        return texts("methods_text.handcrafted", families=families, crop=_crop(spec.crop, texts))
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
