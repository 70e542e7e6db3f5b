"""The floor of a run is taken in the run's own moments, and is not charged to it."""

from __future__ import annotations

import time
from itertools import accumulate

import orjson
import pytest

from bench.floor import PAGE_LINES, FloorWithin, pages_of
from sandbox.generate import generate_large

WARMING_S, COUNTED_S = 0.002, 0.001


def test_one_page_warms_up_and_the_next_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that adds what each load is said to take."""
    within, ticks = FloorWithin([b"1", b"2"]), accumulate([0.0, WARMING_S, COUNTED_S] * 3)
    monkeypatch.setattr(time, "thread_time", lambda: next(ticks))
    for _ in range(3):
        within.take()
    assert within.s_per_line == pytest.approx(COUNTED_S / PAGE_LINES)
    assert within.own_s == pytest.approx(3 * (WARMING_S + COUNTED_S))


def test_whole_pages_are_loaded_while_something_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = pages_of(generate_large(2, 500))
    load, loaded = orjson.loads, list[int]()

    def noted(page: bytes) -> object:
        loaded.append(len(load(page)["content"]))
        return None

    monkeypatch.setattr(orjson, "loads", noted)
    with FloorWithin(pages) as within:
        while len(loaded) < 4:
            sum(range(1000))
    assert set(loaded) == {PAGE_LINES}
    assert len(loaded) % 2 == 0
    assert within.own_s > 0
