"""Templates and code use only texts that exist, and every text is used."""

from __future__ import annotations

import re
from pathlib import Path

import leukolab.report
from leukolab.report.about import TERMS
from leukolab.report.texts import languages, load_texts
from leukolab.spec import load_study, study_names
from leukolab.study.status import OPEN

ROOM = Path(leukolab.report.__file__).parent
CALL = re.compile(r"""\b(?:t|texts|self\.texts)\(\s*['"]([a-z_.]+)['"]""")
ENTRY = re.compile(r"""entries(?:\.get\(|\[)['"]([a-z_.]+)['"]""")
KEY = re.compile(r"""key = ['"]([a-z_]+\.[a-z_]+)['"]""")
GROUP = re.compile(r"""\.(?:name|word)\(\s*['"]([a-z_]+)['"]""")
ITEM = re.compile(r"""(?:Sheet|Drawing|Gallery)\(\s*f?['"]([a-z_{}]+)['"]|key(?:: str = |=)['"]([a-z_]+)['"]""")
SECTION = re.compile(r"""Section\(\s*['"]([a-z_]+)['"]""")
COUNTED = {"language.decimal", "page.figure_number", "page.table_number"}
SHORT = r"findings\.(side|hypothesis|answer)\."
"""Findings that code names by their last word."""
EITHER = {"headline.ranges", "headline.dots", "names.parts_all", "names.parts_some"}
EITHER |= {f"glossary.{term}.{what}" for term in TERMS for what in ("term", "means")}
EITHER |= {f"balanced.{when}" for when in ("never", "before_split", "in_training")}
EITHER |= {"averages.accuracy", "averages.macro", "averages.weighted"}


def sources() -> str:
    files = [path for path in ROOM.rglob("*.py") if path.name != "texts.py"]
    files += [*(ROOM.parent / "cli").glob("*.py"), ROOM.parent / "study" / "status.py", *ROOM.glob("templates/*.j2")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def finding_keys() -> set[str]:
    """Keys of findings whose code any room names: whole, by its last word, or by its beginning (`f"chosen_{x}"`)."""
    words = "\n".join(path.read_text(encoding="utf-8") for path in ROOM.parent.rglob("*.py"))
    keys = {key for key in load_texts("en").entries if key.startswith("findings.")}
    shorts = {key: key.removeprefix("findings.").partition(".")[2] for key in keys}
    whole = {key for key in keys if f'"{key.removeprefix("findings.")}"' in words}
    last = {key for key, short in shorts.items() if re.match(SHORT, key) and f'"{short}"' in words}
    begun = {key for key, short in shorts.items() if f'"{short.rpartition("_")[0]}_{{' in words}
    ended = {key for key, short in shorts.items() if "reading_" in short or "once_" in short}
    return whole | last | begun | (ended if "{'once' if once else 'reading'}_{settings.stance}" in words else set())


def limit_keys() -> set[str]:
    """Keys of the limits that studies name."""
    return {f"limits.{name}" for study in study_names() for name in load_study(study).report.limits}


def groups_in_texts() -> set[str]:
    """Groups that texts take words from, as in `{role:@roles}`."""
    return {group for text in load_texts("en").entries.values() for group in re.findall(r":@([a-z_]+)", text)}


def used_keys(text: str) -> set[str]:
    return (
        finding_keys()
        | limit_keys()
        | {key for pattern in (CALL, ENTRY, KEY) for key in pattern.findall(text)}
        | COUNTED
        | EITHER
        | {f"status.{state}" for state in OPEN}
    )


def item_keys(text: str) -> set[str]:
    found = {a or b for a, b in ITEM.findall(text)}
    for pattern, values in {"learning_{what}": ("loss", "accuracy"), "scores_{unit}": ("image", "subject")}.items():
        if pattern in found:
            found = found - {pattern} | {pattern.split("{")[0] + value for value in values}
    return found


def prefix(key: str) -> str:
    return key.split(".")[0]


def test_every_key_exists():
    text, entries = sources(), load_texts("en").entries
    assert {key for key in used_keys(text) if not key.endswith(".")} - set(entries) == set()
    assert {f"items.{key}.title" for key in item_keys(text)} - set(entries) == set()
    assert {f"sections.{key}.title" for key in SECTION.findall(text)} - set(entries) == set()


def test_every_group_has_entries():
    groups = {prefix(key) for key in load_texts("en").entries}
    assert (set(GROUP.findall(sources())) | groups_in_texts()) - groups == set()


def test_every_text_is_used():
    text, entries = sources(), load_texts("en").entries
    groups = set(GROUP.findall(text)) | groups_in_texts()
    items, sections = item_keys(text), set(SECTION.findall(text))
    known = used_keys(text)
    unused = [
        key
        for key in entries
        if key not in known
        and prefix(key) not in groups
        and not (prefix(key) == "items" and key.split(".")[1] in items)
        and prefix(key) not in ("things", "data_sets")
        and not (prefix(key) == "sections" and key.split(".")[1] in sections)
    ]
    assert unused == []


def test_all_languages_have_the_same_keys():
    english = set(load_texts("en").entries)
    for language in languages():
        assert set(load_texts(language).entries) == english
