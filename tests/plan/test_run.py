"""What holds wherever a plan runs: in this process, and in others."""

from __future__ import annotations

import os
import re

import pytest
from toys import WORK, toy

from leukolab.base.errors import ImageError, LeukolabError, SpecError
from leukolab.base.files import write_text
from leukolab.plan import Place, Task, held, hold, read_events, run_plan, status

TARGETS = ("local", "local:2")


def events(place: Place, event: str) -> list[str]:
    return [one.key for one in read_events(place.run) if one.event == event]


def out(place: Place, key: str) -> str:
    return (place.run / "out" / key).read_text()


@pytest.mark.parametrize("on", TARGETS)
def test_a_plan_runs_in_its_order(place: Place, said: list[str], on: str) -> None:
    plan = [toy("c", ("a", "b"), reads=["a", "b"]), toy("a"), toy("b", ("a",), reads=["a"])]
    run_plan(plan, place, WORK, on)
    assert out(place, "c") == "c(a)(b(a))"
    assert events(place, "finished") == ["a", "b", "c"]
    assert status(plan, place).done == 3
    assert not held(place.run)


@pytest.mark.parametrize("on", TARGETS)
def test_the_driver_hears_every_line_and_how_far_it_is(place: Place, said: list[str], on: str) -> None:
    run_plan([toy("a"), toy("b", ("a",))], place, WORK, on)
    assert re.fullmatch(r"toy a: at a in \d+", said[0])
    assert re.fullmatch(r"toy a: done in \d s \(1 of 2, about \d s left\)", said[1])
    assert re.fullmatch(r"toy b: done in \d s \(2 of 2\)", said[3])
    notes = [event.note for event in read_events(place.run) if event.event == "progress"]
    assert [f"toy a: {notes[0]}", f"toy b: {notes[1]}"] == [said[0], said[2]]


def test_one_worker_is_this_process(place: Place, said: list[str]) -> None:
    run_plan([toy("a")], place, WORK, "local:1")
    assert said[0] == f"toy a: at a in {os.getpid()}"


@pytest.mark.parametrize("on", TARGETS)
def test_done_tasks_are_never_redone(place: Place, said: list[str], on: str) -> None:
    write_text(place.run / "out" / "a", "old")
    plan = [toy("a"), toy("b", ("a",), reads=["a"])]
    run_plan(plan, place, WORK, on)
    assert out(place, "b") == "b(old)"
    assert events(place, "started") == ["b"]
    del said[:]
    run_plan(plan, place, WORK, on)
    assert events(place, "started") == ["b"]
    assert said == []


@pytest.mark.parametrize("on", TARGETS)
def test_a_sentence_reaches_the_driver_as_it_is_and_what_was_done_is_kept(
    place: Place, said: list[str], on: str
) -> None:
    plan = [toy("a"), toy("b", ("a",), fail="sentence"), toy("c", ("b",))]
    with pytest.raises(ImageError) as caught:
        run_plan(plan, place, WORK, on)
    assert str(caught.value) == "a sentence"
    found = status(plan, place)
    assert [row.state for row in found.rows] == ["done", "failed", "left"]
    assert found.rows[1].note == "ImageError"
    run_plan([toy("a"), toy("b", ("a",)), toy("c", ("b",))], place, WORK, on)
    assert events(place, "started") == ["a", "b", "b", "c"]


@pytest.mark.parametrize(("how", "kind"), [("odd", LeukolabError), ("bug", KeyError)])
@pytest.mark.parametrize("on", TARGETS)
def test_any_error_of_a_task_ends_the_plan(
    place: Place, said: list[str], on: str, how: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        run_plan([toy("a", fail=how), toy("b")], place, WORK, on)
    assert not held(place.run)


@pytest.mark.parametrize("on", TARGETS)
def test_work_that_does_not_make_what_it_should_is_a_bug(place: Place, said: list[str], on: str) -> None:
    with pytest.raises(RuntimeError, match=r"toy (.): ended without making run/out/\1"):
        run_plan([toy("a"), toy("b")], place, "toys:nothing", on)


def test_a_task_that_makes_nothing_runs_each_time(place: Place, said: list[str]) -> None:
    for _ in range(2):
        run_plan([Task("a", "a", "toy", {})], place, "toys:nothing", "local")
    assert events(place, "finished") == ["a", "a"]


def test_an_unknown_target_is_refused_before_anything_is_made(place: Place, said: list[str]) -> None:
    with pytest.raises(SpecError, match="got 'slurm'"):
        run_plan([toy("a")], place, WORK, "slurm")
    assert not place.run.exists()


def test_a_plan_runs_in_a_folder_that_its_caller_holds(place: Place, said: list[str]) -> None:
    with hold(place.run):
        run_plan([toy("a")], place, WORK, "local")
    assert out(place, "a") == "a"


def test_an_empty_plan_is_done(place: Place, said: list[str]) -> None:
    run_plan([], place, WORK, "local:2")
    assert said == []
