"""Places in texts: numbers as the language writes them, keys of other texts, words that go with a count."""

from __future__ import annotations

import pytest

from leukolab.base.findings import Finding, finding_from
from leukolab.report.texts import Texts

ENTRIES = {
    "roles.tuning": "Tuning",
    "findings.split.few": "{count:#group|groups} in {parts:#outer part|outer parts}: {width:.2f} wide",
    "plain": "{value:.3f} of {count:,}, {name}, {nothing}",
    "role": "{role:@roles}, {role:@roles lower}",
}
ENGLISH, INDONESIAN = Texts("en", ENTRIES), Texts("id", ENTRIES | {"language.decimal": ","})


@pytest.mark.parametrize(
    ("texts", "written"), [(ENGLISH, "0.975 of 12,528, a.b, –"), (INDONESIAN, "0,975 of 12.528, a.b, –")]
)
def test_numbers_are_written_as_the_language_does(texts: Texts, written: str) -> None:
    assert texts("plain", value=0.975, count=12528, name="a.b", nothing=None) == written


def test_a_key_becomes_its_text() -> None:
    assert ENGLISH("role", role="tuning") == "Tuning, tuning"


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({"count": 1, "parts": [2], "width": 0.5}, "1 group in outer part 2: 0.50 wide"),
        ({"count": 1200, "parts": [1, 2], "width": 0.5}, "1,200 groups in outer parts 1, 2: 0.50 wide"),
    ],
)
def test_words_go_with_the_count(values: dict[str, object], written: str) -> None:
    finding = Finding("split.few", "warning", values)
    assert ENGLISH.finding(finding) == written
    assert finding_from(finding.as_json()) == finding


def test_a_missing_value_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        ENGLISH("plain", value=1.0)
