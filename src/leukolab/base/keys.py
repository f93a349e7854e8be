"""Content keys: tagged hashes of canonical JSON, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leukolab.base.regular import open_regular


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; numbers that are not finite are refused.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: a value has no JSON form (paths and arrays have none, on purpose).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def content_key(kind: str, version: int, inputs: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    """Key of a result: what it is, from what (digests), with which parameters.

    Returns:
        `kind-` and 32 hexadecimal digits. Neither path, clock, host nor commit may be among the inputs.
    """
    body = {"kind": kind, "version": version, "inputs": dict(inputs), "parameters": dict(parameters)}
    return f"{kind}-{digest(body)[:32]}"


def file_digest(path: Path) -> str:
    """SHA-256 of a regular file's bytes, read in pieces.

    Raises:
        OSError: it cannot be opened, or is none, see `regular.open_regular`.
    """
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
