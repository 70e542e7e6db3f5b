"""What the figures are compared with, and the normalizer's stage by itself."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import harmonic_mean
from types import TracebackType
from typing import Self

import orjson

from chassis.embedded.sqlite import FILE
from normalizer.handlers import normalize
from sandbox.generate import Large
from schemas import frame
from schemas.messages import ChargesReceived
from schemas.settings import Settings

ROUNDS = 7
PAGE_LINES = 200
_LINES_MAX = 20_000
_EVERY_S = 0.01  # of CPU


def least_s(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """CPU seconds of the quickest round: noise only ever adds."""
    taken = []
    for _ in range(rounds):
        began_s = time.process_time()
        work()
        taken.append(time.process_time() - began_s)
    return min(taken)


def pages_of(large: Large) -> Sequence[bytes]:
    """The first full Pax8 answers, as they are read: enough not to lie in a cache."""
    return list(islice(large.pages(), min(large.count, _LINES_MAX) // PAGE_LINES))


def floor_s_per_line(pages: Sequence[bytes]) -> float:
    """`orjson.loads` of Pax8's answers by itself, in a loop, at its best."""

    def load_all() -> None:
        for page in pages:
            orjson.loads(page)

    return least_s(load_all) / (len(pages) * PAGE_LINES)


class FloorWithin:
    """`orjson.loads` of Pax8's answers, measured throughout a run by its own thread.

    A core gives one and the same program half of its speed from one second to the next, depending
    on its neighbours. A loop that looks for its best moment finds one, a run takes what it gets:
    so the floor is taken here in the same moments, every 10 ms of CPU. One page is loaded first, so
    that code and memory are as warm as in that loop; the next one counts. `own_s` is the CPU that
    all of it takes, which is not the run's.
    """

    def __init__(self, pages: Sequence[bytes]) -> None:
        self._pages = cycle(pages)
        self._taken_s: list[float] = []
        self.own_s = 0.0

    @property
    def s_per_line(self) -> float:
        """CPU seconds. Looks come by CPU time, so it is the speeds that are averaged."""
        return harmonic_mean(self._taken_s) / PAGE_LINES

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, lambda *_: self.take())
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def take(self) -> None:
        """A look: two pages."""
        began_s = time.thread_time()
        orjson.loads(next(self._pages))
        warm_s = time.thread_time()
        orjson.loads(next(self._pages))
        ended_s = time.thread_time()
        self._taken_s.append(ended_s - warm_s)
        self.own_s += ended_s - began_s


def normalizer_s_per_line(folder: Path) -> float:
    """Decode, decide, ids, encode: over the batches that the run has left in the log."""
    with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as store:
        values = [
            row[0]
            for row in store.execute("SELECT value FROM log WHERE topic = 'charges.received.v1'")
        ]
    heads = [ChargesReceived.model_validate_json(frame.decode(v)[0]) for v in values]
    inline = [(h, frame.decode(v)[1]) for h, v in zip(heads, values, strict=True) if not h.body]
    assert inline, "the run has left batches in the log"
    settings = Settings()

    def normalize_all() -> None:
        for head, body in inline:
            normalize(head, body, settings)

    return least_s(normalize_all) / sum(h.lines for h, _ in inline)
