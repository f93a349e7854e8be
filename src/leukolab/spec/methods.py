"""Frozen models of a method: what it sees of an image, how that is reduced, what learns, and how images are weighed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from leukolab.spec.models import Settings
from leukolab.spec.values import FolderName

Edge = Annotated[int, Field(ge=32, le=2048)]


class CropSpec(Settings):
    """What is cut out of an image, and the scale at which it is seen."""

    edge_px: Edge | None = None
    """Edge of the square that is cut out; the whole image where null."""
    about: Literal["middle", "cell"] = "middle"
    """The middle of the image, or that of the cell's box; about the cell, what is outside it is made black."""
    size_px: Edge = 224
    """Edge of the square after bicubic resizing."""


class ChangeSpec(Settings):
    """What is done to pixels before anything sees them, see `images.shifts`; 0 leaves them as they are."""

    stain: float = Field(0.0, ge=-0.9, le=0.9)
    brightness: float = Field(0.0, ge=-0.9, le=2.0)
    focus: float = Field(0.0, ge=0.0, le=16.0)
    colour: float = Field(0.0, ge=0.0, le=1.0)


class NetworkFeatures(Settings):
    """Outputs of layers of a frozen network, each channel summed up over the image or over the cell."""

    backbone: str
    """A timm name with its tag, such as `tf_efficientnet_lite0.in1k`."""
    weights: str = "auto"
    """As of the model of a study."""
    layers: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    """Modules of the backbone by timm's names, such as `blocks.3`; their outputs are maps."""
    over: Literal["image", "cell"] = "image"
    """What each channel is summed up over; over the cell, the mask is averaged down to each map."""
    summary: Annotated[tuple[Literal["mean", "deviation"], ...], Field(min_length=1, max_length=2)] = (
        "mean",
        "deviation",
    )
    """What is kept of each channel."""
    changed: Annotated[tuple[ChangeSpec, ...], Field(max_length=16)] = ()
    """What is done to the square before; several are dealt out to the images in turn."""
    crop: CropSpec = CropSpec()


Family = Literal["size", "outline", "colour", "texture", "focus", "nucleus"]


class HandcraftedFeatures(Settings):
    """Numbers of the cell that a haematologist could name, see `images.handcrafted`."""

    handcrafted: Annotated[tuple[Family, ...], Field(min_length=1, max_length=6)]
    """Families that are measured, in this order."""
    changed: Annotated[tuple[ChangeSpec, ...], Field(max_length=16)] = ()
    """What is done to the square before; several are dealt out to the images in turn."""
    crop: CropSpec
    """Lengths are in pixels of the resized square; with `edge_px` and the same `size_px` in pixels of the files."""

    @model_validator(mode="after")
    def _each_family_once(self) -> HandcraftedFeatures:
        if len({*self.handcrafted}) < len(self.handcrafted):
            raise ValueError(f"handcrafted: expected each family once, got {', '.join(self.handcrafted)}")
        return self


def _kind(values: Any) -> str:
    known = isinstance(values, HandcraftedFeatures) or (isinstance(values, dict) and "handcrafted" in values)
    return "[handcrafted]" if known else "[network]"


AnyFeatures = Annotated[
    Annotated[NetworkFeatures, Tag("[network]")] | Annotated[HandcraftedFeatures, Tag("[handcrafted]")],
    Discriminator(_kind),
]


class ReduceSpec(Settings):
    """What happens to the features before something learns from them; fitted on training images only."""

    standardise: bool = True
    clip: float | None = Field(None, gt=0, le=100)
    """Standardised features are cut off at plus and minus this."""
    components: int | None = Field(None, ge=1, le=4096)
    """Principal components kept; all features where null."""


class LearnerSpec(Settings):
    """A classifier of scikit-learn, or a booster."""

    estimator: str
    """Its name, such as `SVC`; `LGBMClassifier` and `XGBClassifier` need `leukolab[boost]`."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """As scikit-learn names them. `gamma_times_features: x` of an SVC stands for gamma = x / number of features."""
    of: Annotated[tuple[LearnerSpec, ...], Field(max_length=16)] = ()
    """What one such as `VotingClassifier` is made of; one alone for such as `CalibratedClassifierCV`."""


class MethodSpec(Settings):
    """One method: one kind of learner on one set of features."""

    name: FolderName
    title: str
    source: str = ""
    published: str = ""
    """What its source reports, in words; empty for one of our own."""
    features: Annotated[tuple[AnyFeatures, ...], Field(min_length=1, max_length=8)]
    """Side by side; all are learned from."""
    reduce: ReduceSpec = ReduceSpec()
    learner: LearnerSpec
    weigh: Literal["image", "class", "group"] = "group"
    """Each image alike; each class alike; or each identity group of a class alike, and then each class."""
    also: Annotated[tuple[ChangeSpec, ...], Field(max_length=16)] = ()
    """Each image is learned from twice: as it is, and with one of these changes, dealt out in turn."""
    also_weight: float = Field(1.0, gt=0, le=1)
    """How much the changed image counts, where the image as it is counts 1."""
    search: Annotated[dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]], Field(max_length=8)] = Field(
        default_factory=dict
    )
    """Settings by their dotted names to values that are tried on the inner folds, all combinations of them."""
    decided: tuple[str, ...] = ()
    """What the source leaves open, and how it was decided here, one line each."""

    @model_validator(mode="after")
    def _clip_needs_one_scale(self) -> MethodSpec:
        if self.reduce.clip is not None and not self.reduce.standardise:
            raise ValueError("reduce.clip: goes with 'standardise: true', and only with it")
        return self

    @model_validator(mode="after")
    def _predicts_from_one_view(self) -> MethodSpec:
        most = max(len(one.changed) for one in self.features)
        if most > 1:
            raise ValueError(
                f"features: expected one change of the pixels at most, got {most}. Put several into 'also'"
            )
        if most and self.also:
            raise ValueError("also: goes with features of pixels as they are, got 'changed' in one of them")
        return self


class JointSpec(Settings):
    """Several methods as one: the one of them that does best on the inner folds, or all of them together."""

    name: FolderName
    title: str
    source: str = ""
    published: str = ""
    how: Literal["choose", "fuse"]
    """`choose`: least log loss on the inner folds. `fuse`: the mean of their calibrated log probabilities."""
    among: Annotated[tuple[AnyMethod, ...], Field(min_length=1, max_length=32)]
    decided: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fuses_single_ones(self) -> JointSpec:
        names = [one.name for one in self.among]
        if len({*names}) < len(names):
            raise ValueError(f"among: expected each method once, got {', '.join(names)}")
        if self.how == "fuse":
            for one in self.among:
                if any(leaf.how == "fuse" for leaf in joints_of(one)):
                    raise ValueError(f"among: expected methods that are no fusions themselves, got '{one.name}'")
        return self


AnyMethod = MethodSpec | JointSpec
JointSpec.model_rebuild()


def joints_of(spec: AnyMethod) -> list[JointSpec]:
    """The joint methods in a method, itself included."""
    if isinstance(spec, MethodSpec):
        return []
    return [spec, *(joint for one in spec.among for joint in joints_of(one))]


def leaves_of(spec: AnyMethod) -> list[MethodSpec]:
    """The single methods that a method is made of, in order."""
    return [spec] if isinstance(spec, MethodSpec) else [leaf for one in spec.among for leaf in leaves_of(one)]


def features_of(spec: AnyMethod) -> tuple[NetworkFeatures | HandcraftedFeatures, ...]:
    """Everything a method may learn from, each once, in order."""
    return tuple(dict.fromkeys(one for leaf in leaves_of(spec) for view in views_of(leaf) for one in view))


def views_of(spec: MethodSpec) -> list[tuple[NetworkFeatures | HandcraftedFeatures, ...]]:
    """What a method learns from, once for each time that it sees an image; the first is what it predicts from."""
    changed = [tuple(one.model_copy(update={"changed": spec.also}) for one in spec.features)] if spec.also else []
    return [spec.features, *changed]


def any_features(values: object) -> NetworkFeatures | HandcraftedFeatures:
    """One kind of features from what `model_dump` gave."""
    found: NetworkFeatures | HandcraftedFeatures = TypeAdapter(AnyFeatures).validate_python(values)
    return found


def any_method(values: object) -> AnyMethod:
    """A method from what `model_dump` gave."""
    return TypeAdapter(AnyMethod).validate_python(values)
