from __future__ import annotations

import threading
import time

import pytest

from leukolab.base.threads import ahead, reader_count


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_and_few_are_ahead(threads: int) -> None:
    begun: list[int] = []
    makers: set[int] = set()
    starts: list[int] = []

    def make(number: int) -> int:
        begun.append(number)
        makers.add(threading.get_ident())
        time.sleep(0.002 * (number % 3))
        return number * number

    results = ahead(make, range(30), threads, start=lambda: starts.append(threading.get_ident()))
    for number, result in enumerate(results):
        assert result == number * number
        assert len(begun) <= number + 1 + threads
    assert threading.get_ident() not in makers
    assert makers <= set(starts)
    assert len(set(starts)) == len(starts) <= threads
    assert len(begun) == 30


def test_what_fails_ahead_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 // (3 - number), range(5)))


def test_what_waits_is_not_begun_once_nobody_takes_it() -> None:
    begun: list[int] = []
    results = ahead(lambda number: begun.append(number) or time.sleep(0.02), range(100), 1, 20)
    next(results)
    results.close()
    assert len(begun) < 20


def test_there_is_a_reader() -> None:
    assert 1 <= reader_count() <= 8
