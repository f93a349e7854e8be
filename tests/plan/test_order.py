from __future__ import annotations

import pytest

from leukolab.base.files import write_text
from leukolab.plan import Place, Task, wanted
from leukolab.plan.order import Frontier


def task(key: str, *after: str, makes: str | None = None) -> Task:
    return Task(key, key, "toy", {}, after, (), (makes or f"run/{key}",))


def keys(tasks: list[Task]) -> list[str]:
    return [one.key for one in tasks]


def make(place: Place, *artefacts: str) -> None:
    for artefact in artefacts:
        write_text(place.find(artefact), "x")


def test_tasks_come_after_those_they_wait_for_else_as_given(place: Place) -> None:
    assert keys(wanted([task("d", "c"), task("a"), task("c", "b", "elsewhere"), task("b")], place)) == list("abcd")


def test_done_tasks_are_left_out(place: Place) -> None:
    make(place, "run/a", "run/b")
    assert keys(wanted([task("a"), task("b", "a"), task("c", "b")], place)) == ["c"]


def test_a_task_is_done_when_all_that_it_makes_is_there(place: Place) -> None:
    two = Task("a", "a", "toy", {}, makes=("run/a", "run/b"))
    make(place, "run/a")
    assert keys(wanted([two], place)) == ["a"]
    make(place, "run/b")
    assert wanted([two], place) == []


def test_what_was_deleted_from_home_is_made_again_only_for_tasks_that_are_left(place: Place) -> None:
    plan = [task("f", makes="home/f"), task("g", makes="home/g"), task("a", "f"), task("b", "g")]
    make(place, "run/a")
    assert keys(wanted(plan, place)) == ["g", "b"]


def test_what_is_missing_from_the_run_folder_is_made_again_with_what_it_needs(place: Place) -> None:
    plan = [task("f", makes="home/f"), task("a", "f"), task("end", "a")]
    make(place, "run/end")
    assert keys(wanted(plan, place)) == ["f", "a"]


def test_a_plan_without_an_order_is_a_bug(place: Place) -> None:
    with pytest.raises(ValueError, match="circle: a, b"):
        wanted([task("a", "b"), task("b", "a"), task("c")], place)
    with pytest.raises(ValueError, match="two tasks have the key a"):
        wanted([task("a"), task("a")], place)


def test_a_task_may_start_when_those_before_it_finished() -> None:
    frontier = Frontier([task("a"), task("b", "a"), task("c")])
    first, second = frontier.take(), frontier.take()
    assert first is not None
    assert second is not None
    assert (first.key, second.key, frontier.take()) == ("a", "c", None)
    frontier.put_back(second)
    frontier.finish("a")
    assert [one.key for one in iter(frontier.take, None)] == ["c", "b"]
