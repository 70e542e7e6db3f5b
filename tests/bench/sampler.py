"""Where the CPU goes: a signal every two milliseconds of CPU, and the stage at work is named.

A thread that looked would see the loop mostly where it lets go of the interpreter.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from types import FrameType, TracebackType
from typing import Self

_EVERY_S = 0.002
_STAGES = {
    "chassis/embedded": "bus+store",
    "chassis/bodies": "bus+store",
    "ingest_pax8": "ingest",
    "normalizer": "normalizer",
    "lifecycle": "lifecycle",
    "poster_halo": "poster",
    "gateway": "gateway",
    "chassis": "chassis",
}


class Sampler:
    """Samples the thread that made it; the store's writer thread is measured by its own clock."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._seen: Counter[str] = Counter()
        self.spots: Counter[str] = Counter()
        self._writer: int | None = None
        self._main_s = self._writer_s = 0.0

    def __enter__(self) -> Self:
        self._writer = next(t.ident for t in threading.enumerate() if t.name == "store-writer")
        self._main_s, self._writer_s = self._clocks()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        main_s, writer_s = self._clocks()
        self._main_s, self._writer_s = main_s - self._main_s, writer_s - self._writer_s
        if where := os.environ.get("BENCH_SPOTS"):
            with open(where, "w") as file:
                file.write(f"main {self._main_s:.2f} s, writer {self._writer_s:.2f} s\n")
                file.writelines(f"{n:6d} {spot}\n" for spot, n in self.spots.most_common(150))

    def shares(self) -> dict[str, float]:
        """Each stage's part of the CPU of the run, summing to 1."""
        total_s = self._main_s + self._writer_s
        seen = sum(self._seen.values()) or 1
        shares = {s: n / seen * self._main_s / total_s for s, n in self._seen.items()}
        shares["bus+store"] = shares.get("bus+store", 0.0) + self._writer_s / total_s
        return dict(sorted(shares.items(), key=lambda pair: -pair[1]))

    def _clocks(self) -> tuple[float, float]:
        assert self._writer is not None, "the writer runs"
        return tuple(  # type: ignore[return-value]
            time.clock_gettime(time.pthread_getcpuclockid(t)) for t in (self._main, self._writer)
        )

    def _look(self, _: int, frame: FrameType | None) -> None:
        if frame is not None and "select" not in frame.f_code.co_name:
            self._seen[_stage(frame)] += 1
            self.spots[_spot(frame)] += 1


def _stage(frame: FrameType | None) -> str:
    """The innermost of our packages that is at work, or the libraries under nobody's name."""
    while frame is not None:
        path = frame.f_code.co_filename
        for part, stage in _STAGES.items():
            if f"src/{part}" in path:
                if stage != "chassis":
                    return stage
                break
        frame = frame.f_back
    return "loop and libraries"


def _spot(frame: FrameType | None) -> str:
    """The three innermost frames, for whoever looks for what to improve."""
    names: list[str] = []
    while frame is not None and len(names) < 4:
        path = frame.f_code.co_filename
        names.append(f"{'/'.join(path.split('/')[-2:])}:{frame.f_lineno}:{frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(names)
