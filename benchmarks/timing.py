"""Work timed in turn in one process, round by round: what disturbs a round disturbs all that is compared in it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Work = Callable[[], int]
"""Does a piece of work; how many images it was."""


@dataclass(frozen=True)
class Timed:
    """What one kind of work reached.

    Attributes:
        rounds: images a second of each round.
        cpu_ms: processor time of one image in milliseconds, all threads, the least of the rounds.
    """

    rounds: tuple[float, ...]
    cpu_ms: float

    @property
    def best(self) -> float:
        """Images a second of the best round."""
        return max(self.rounds)

    @property
    def median(self) -> float:
        """Images a second of the middle round."""
        return statistics.median(self.rounds)


def in_turn(
    works: Mapping[str, Work], rounds: int, seconds: float, wait: Callable[[], None] = lambda: None
) -> dict[str, Timed]:
    """Time every work in every round, each for about `seconds` and once at least, after one run to warm up.

    Args:
        works: name to work.
        rounds: one at least.
        seconds: of a work in a round.
        wait: returns when the device has done all it was given.
    """
    for work in works.values():
        work()
    speeds: dict[str, list[float]] = {name: [] for name in works}
    cpu_ms = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            wait()
            started, cpu, images = time.perf_counter(), time.process_time(), 0
            while not images or time.perf_counter() - started < seconds:
                images += work()
            wait()
            speeds[name].append(images / (time.perf_counter() - started))
            cpu_ms[name] = min(cpu_ms[name], (time.process_time() - cpu) / images * 1e3)
    return {name: Timed(tuple(speeds[name]), cpu_ms[name]) for name in works}


def share(part: Timed, whole: Timed) -> float:
    """Speed of `part` as a share of `whole`: the middle one of their rounds' ratios."""
    return statistics.median(ours / theirs for ours, theirs in zip(part.rounds, whole.rounds, strict=True))
