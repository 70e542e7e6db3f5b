"""A line to a vendor for tests: time passes only when somebody sleeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from chassis.http import Limits, Retries, open_http
from vendors.calls import Line


class StillClock:
    """Stands still but for sleeps, which take no time at all."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = datetime(2026, 11, 5, 6, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def today(self, timezone: str = "UTC") -> date:
        return self._now.astimezone(ZoneInfo(timezone)).date()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class TestLine:
    """A line, its clock, and what went over it."""

    __test__ = False

    def __init__(self, transport: httpx.AsyncBaseTransport, **limits: Any) -> None:
        self.clock = StillClock()
        self.taken = 0
        self.blocked: list[float] = []
        self.http = open_http(sandbox=True, transport=transport)
        self.line = Line(
            self.http,
            self.clock,
            call=self._call,
            blocked=self._blocked,
            retries=Retries(attempts=3, first_wait_s=1.0, wait_max_s=20.0, jitter=lambda: 1.0),
            limits=Limits(**limits),
        )

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        self.taken += 1
        yield

    async def _blocked(self, seconds: float) -> None:
        self.blocked.append(seconds)


TOKEN = {"access_token": "t1", "expires_in": 3600, "token_type": "Bearer", "scope": "all"}


class Scripted:
    """Answers a token, then one answer after the other; the last one stays."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.tokens = 0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            self.tokens += 1
            return httpx.Response(200, json=TOKEN | {"access_token": f"t{self.tokens}"})
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
