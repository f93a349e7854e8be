"""Pixels that are not what a colour image of cells should have: nearly black, grey among colour, or one value alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leukolab.base.findings import Finding
from leukolab.images.decode import Pixels

NARROW = 32
"""Fewer different levels of 256 between the darkest and the lightest value are a small part of the range."""
SHOWN = 5
"""Names given of each kind."""


@dataclass(frozen=True)
class PixelRange:
    """What an image uses of what it could."""

    low: int
    high: int
    """Smallest and largest value of any channel, 0 to 255, as `decode` gives them."""
    grey: bool
    """Whether the three channels are equal everywhere."""

    @property
    def flat(self) -> bool:
        """Whether every pixel has one value, such as a mask without an object."""
        return self.low == self.high

    @property
    def narrow(self) -> bool:
        """Whether it uses a small part of the range, such as 12 bits stored in 16."""
        return not self.flat and self.high - self.low < NARROW


def pixel_range(pixels: Pixels) -> PixelRange:
    """Range and greyness of uint8 (h, w, 3)."""
    red = pixels[..., :1]
    return PixelRange(int(pixels.min()), int(pixels.max()), bool((pixels == red).all()))


def pixel_findings(names: Sequence[str], ranges: Sequence[PixelRange]) -> tuple[Finding, ...]:
    """Findings `pixels.flat`, `pixels.narrow` and `pixels.grey`, each with the number of images and the first names.

    Grey is said only where others have colour; images are read as they are in all three cases.
    """
    rows = list(zip(names, ranges, strict=True))
    grey = [name for name, one in rows if one.grey and not one.flat]
    coloured = any(not one.grey for one in ranges)
    narrow = [(name, one) for name, one in rows if one.narrow]
    found = _named("pixels.flat", [name for name, one in rows if one.flat])
    low, high = min((one.low for _, one in narrow), default=0), max((one.high for _, one in narrow), default=0)
    found += _named("pixels.narrow", [name for name, _ in narrow], low=low, high=high)
    return found + (_named("pixels.grey", grey) if coloured else ())


def _named(code: str, names: Sequence[str], **values: int) -> tuple[Finding, ...]:
    if not names:
        return ()
    return (Finding(code, "warning", {"count": len(names), "names": sorted(names)[:SHOWN], **values}),)
