"""What the program found and a person should know: a code, a severity and values; the words are chosen last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "problem"]
"""`info` explains, `warning` must be read before a number is believed, `problem` makes a number wrong."""


@dataclass(frozen=True)
class Finding:
    """A leak, a warning, an answer or an issue of the data.

    Its sentence is the text `findings.<code>` of each language (`report/texts/`), filled with `values`.
    """

    code: str
    """Dotted, such as `split.few_test_groups`: the room or topic, then what was found."""
    severity: Severity
    values: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by the names of the places in the text: numbers as numbers, names of roles or metrics as keys."""

    def as_json(self) -> dict[str, Any]:
        """`code`, `severity` and `values` as JSON values."""
        return {"code": self.code, "severity": self.severity, "values": dict(self.values)}


def finding_from(record: Mapping[str, Any]) -> Finding:
    """The finding that `Finding.as_json` wrote.

    Raises:
        KeyError: it has no code or severity.
    """
    return Finding(str(record["code"]), record["severity"], dict(record.get("values") or {}))


def findings_to_text(findings: Iterable[Finding]) -> str:
    """Findings as one cell of a table: canonical JSON, the same text for the same findings; empty for none."""
    records = [finding.as_json() for finding in findings]
    return json.dumps(records, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if records else ""


def findings_from_text(text: str) -> tuple[Finding, ...]:
    """The findings that `findings_to_text` wrote."""
    return tuple(finding_from(record) for record in json.loads(text)) if text else ()
