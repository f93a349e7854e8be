"""Where a plan runs: what the setting `on` means."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import Literal

from leukolab.base.errors import MissingExtraError, SpecError, nearest

ALLOWED = "auto, local, local:N (N processes), ray (a cluster started here), ray://ADDRESS (one that runs, or auto)"


@dataclass(frozen=True)
class Target:
    """In this process (local, 1 worker), in worker processes (local), on a Ray cluster (`address` empty: its own).

    Local with 0 workers: the caller decides how many suit the work.
    """

    kind: Literal["local", "ray"]
    workers: int = 1
    address: str = ""


def read_target(on: str) -> Target:
    """The meaning of `auto`, `local`, `local:N`, `ray`, `ray://ADDRESS` or `ray:ADDRESS`.

    Raises:
        SpecError: anything else.
    """
    if on == "auto":
        return Target("local", 0)
    if on == "local":
        return Target("local")
    if found := re.fullmatch(r"local:([1-9]\d{0,3})", on):
        return Target("local", int(found[1]))
    if on == "ray":
        return Target("ray")
    if found := re.fullmatch(r"ray:(?://)?([^\s/]+)", on):
        return Target("ray", address=found[1])
    hint = nearest(on, ("auto", "local", "local:2", "ray", "ray://auto"))
    raise SpecError(f"on: expected one of {ALLOWED}, got '{on}'. {hint}", settings=("on",))


def usable_target(on: str) -> Target:
    """`read_target`, after seeing that what it needs is installed.

    Raises:
        SpecError: see `read_target`.
        MissingExtraError: Ray is not installed.
    """
    target = read_target(on)
    if target.kind == "ray" and importlib.util.find_spec("ray") is None:
        raise MissingExtraError("on=ray needs Ray: install it with 'pip install \"leukolab[ray]\"'.", settings=("on",))
    return target
