"""Settings that an earlier version wrote, as this one writes them: a run folder of before goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from leukolab.spec.models import ProtocolSpec

STANCES: tuple[str, ...] = get_args(ProtocolSpec.model_fields["stance"].annotation)


def from_earlier(raw: dict[str, Any], design: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Settings with what earlier versions did not have.

    Until 2026-11-27 `report` was the name of the design whose tables and figures are shown, and a protocol's stance
    was its name.

    Args:
        design: gives the settings of a shipped study by its name.
    """
    report = raw.get("report")
    if not isinstance(report, str):
        return raw
    like = design(report)
    protocols = {
        name: {"stance": name} | protocol if name in STANCES and isinstance(protocol, dict) else protocol
        for name, protocol in dict(raw.get("protocols") or {}).items()
    }
    own = {"published": like["published"]} if "published" in like else {}
    return own | raw | {"report": like["report"], "protocols": protocols}
