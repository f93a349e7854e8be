"""How much memory threads that decode images may take together: large images wait for their turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

PROCESS_BYTES = 1 << 30
"""Working copies of the images that the threads of one process hold at once; one that needs more has it alone."""
BYTES_PER_PIXEL = {"JPEG2000": 25, "WEBP": 25}
"""Most that decoding one pixel takes, measured with transparency, by format."""
OTHERS_PER_PIXEL = 16
"""In every other format, measured: TIFF and TGA 11, PNG 11, JPEG 13, AVIF 15."""


class _Turn(threading.local):
    """What the image in this thread's hands takes; None outside `in_turn`."""

    held: int | None = None


_turn = _Turn()
_free = threading.Condition()
_used = 0


def bytes_per_pixel(kind: str | None) -> int:
    """What decoding one pixel of an image of this format takes at the most."""
    return BYTES_PER_PIXEL.get(kind or "", OTHERS_PER_PIXEL)


def in_turn(function: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """`function`, so that what it decodes counts against `PROCESS_BYTES` until it returns."""

    def call(item: Item) -> Result:
        global _used
        _turn.held = 0
        try:
            return function(item)
        finally:
            with _free:
                _used -= _turn.held
                _free.notify_all()
            _turn.held = None

    return call


def take(wanted: int) -> None:
    """Wait until an image that takes so many bytes fits beside those of other turns; at once outside of one.

    A turn that holds an image gets its second one without waiting, so no two wait for each other.
    """
    global _used
    if _turn.held is None:
        return
    with _free:
        while _turn.held == 0 and _used > 0 and _used + wanted > PROCESS_BYTES:
            _free.wait()
        _used += wanted
        _turn.held += wanted
