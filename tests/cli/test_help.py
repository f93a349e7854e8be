"""Help as a person reads it: options in sections, choices, examples, and what each command needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leukolab.cards.draw import LAYOUTS
from leukolab.cli import data, tune
from leukolab.cli.table import COMMANDS
from leukolab.spec import load_study, study_names
from leukolab.stats import METRICS
from leukolab.study.search.trials import SAMPLERS

Leukolab = Callable[..., Any]
GROUPS = [name for name, listed in COMMANDS.items() if not listed.place]


def test_options_stand_in_sections(leukolab: Leukolab) -> None:
    text = leukolab("study", "run", "--help").out
    places = [text.index(f"\n{name}:\n") for name in ("Data", "Training", "Where it runs", "Output", "Options")]
    assert places == sorted(places)
    assert text.index("--card") < places[1] < text.index("--epochs") < places[2] < text.index("--dry-run")
    assert places[3] < text.index("--out ") < places[4] < text.index("--help")


@pytest.mark.parametrize("group", [[], *([name] for name in GROUPS)])
def test_a_group_ends_with_two_examples(leukolab: Leukolab, group: list[str]) -> None:
    *_, examples = leukolab(*group, "--help").out.partition("\nExamples:\n")
    lines = examples.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"  {' '.join(['leukolab', *group])} ") for line in lines)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_says_in_one_sentence_what_it_needs(leukolab: Leukolab, name: str) -> None:
    listed = COMMANDS[name]
    text = " ".join(leukolab(*name.split(), "--help").out.split())
    if listed.place:
        assert text.endswith(f"Needs leukolab[{listed.extra}].") == bool(listed.extra)
    assert listed.sentence.endswith(".")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("study tune", "--sampler [tpe|genetic]"),
        ("study tune", "--metric [accuracy|balanced_accuracy|"),
        ("data draw", "--layout [two_class|four_class]"),
    ],
)
def test_choices_are_shown(leukolab: Leukolab, command: str, shown: str) -> None:
    assert shown in " ".join(leukolab(*command.split(), "--help").out.split())


@pytest.mark.parametrize(("option", "group"), [("protocol", "protocols"), ("reading", "readings")])
def test_names_of_the_shipped_studies_are_shown(leukolab: Leukolab, option: str, group: str) -> None:
    """A study of one's own may have others."""
    text = " ".join(leukolab("study", "run", "--help").out.split())
    shown = text.partition(f"--{option} [")[2].partition("]")[0].split("|")
    names = {name for study in study_names() for name in getattr(load_study(study), group)}
    assert sorted(shown) == sorted({*names, "NAME"} | ({"both"} if group == "protocols" else set()))


def test_choices_are_those_of_their_owners() -> None:
    assert set(data.LAYOUTS) == set(LAYOUTS)
    assert tune.SAMPLERS == SAMPLERS
    assert set(tune.METRICS) == set(METRICS)
