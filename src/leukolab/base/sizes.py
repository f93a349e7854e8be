"""Sizes in bytes as people write them: 20GB, 1.5 GiB, 500MB."""

from __future__ import annotations

import re

from leukolab.base.errors import SpecError

LARGEST = 10**18
"""Bytes."""
_LETTERS = "kmgtp"
_SIZE = re.compile(rf"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([{_LETTERS}])(i?))?b?\s*", re.IGNORECASE)


def parse_size(text: str, where: str = "size") -> int:
    """Bytes of a size: `20GB` and `20G` count in thousands, `20GiB` in 1,024s, a bare number is bytes.

    Args:
        where: the option, setting or variable it was given in, for the message.

    Raises:
        SpecError: the text is not a size.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise SpecError(f"{where}: expected a size such as 20GB, 500MB or 8GiB, got '{text}'.")
    number, letter, binary = found.groups()
    power = _LETTERS.index(letter.lower()) + 1 if letter else 0
    size = float(number) * (1024 if binary else 1000) ** power
    if size > LARGEST:
        raise SpecError(f"{where}: expected a size of at most {size_text(LARGEST)}, got '{text[:20]}...'.")
    return int(size)


def size_text(count: int) -> str:
    """A number of bytes for people, in thousands: 999 bytes, 1.5 MB, 20.0 GB."""
    value = float(count)
    if value < 1000:
        return f"{count} bytes"
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
