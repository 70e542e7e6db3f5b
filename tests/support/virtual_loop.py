"""An event loop whose time is counted, not passed: a wait is over at once, and in exact order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

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


def in_virtual_time[T](main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
