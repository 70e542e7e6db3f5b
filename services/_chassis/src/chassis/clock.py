"""The clock: the only module that reads the wall clock. Everything else is handed one."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Instants are UTC; a day belongs to a time zone."""

    def now(self) -> datetime:
        """The instant, with UTC as its zone."""
        ...

    def today(self, timezone: str = "UTC") -> date:
        """The day in that IANA time zone."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...


class SystemClock:
    """The machine's clock; `today` may be fixed, for runs on another day."""

    def __init__(self, today: date | None = None) -> None:
        self._today = today

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self, timezone: str = "UTC") -> date:
        return self._today or datetime.now(ZoneInfo(timezone)).date()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LoopClock:
    """Time as the running event loop counts it, from `start` on: virtual on a simulated loop."""

    def __init__(self, start: datetime) -> None:
        self._start = start

    def now(self) -> datetime:
        return self._start + timedelta(seconds=asyncio.get_running_loop().time())

    def today(self, timezone: str = "UTC") -> date:
        return self.now().astimezone(ZoneInfo(timezone)).date()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
