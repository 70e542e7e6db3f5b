"""An event loop whose time is counted, not passed: a wait is over at once, and in exact order."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from support.stores import HASTE, on_servers

START = datetime(2026, 3, 1, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing is ready; waiting for nothing at all is an error."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(_NoWaiting(self))

    def time(self) -> float:
        return self.seconds


class _NoWaiting(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits, and nothing will ever happen")
            self._loop.seconds += max(timeout, 0.0)
        return ready


class HastyLoop(asyncio.SelectorEventLoop):
    """Seconds for minutes: a real loop, on which time passes `HASTE` times as fast.

    Against real servers time can not jump: they count it themselves.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        super().__init__(_Hasty())

    def time(self) -> float:
        return (time.monotonic() - self._began) * HASTE


class _Hasty(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / HASTE)


def in_virtual_time[T](main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own: in counted time, or against servers in a hurry."""
    loop = HastyLoop if on_servers() else VirtualLoop
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)
