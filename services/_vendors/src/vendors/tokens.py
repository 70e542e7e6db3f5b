"""The access token of one connection: fetched once, renewed early, shared by all who call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.errors import TransientError
from vendors import json

EARLY_S = 90.0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, the scopes it says it has, and when to stop using it."""

    value: str
    scope: str
    until: datetime


class Tokens:
    """Keep one per connection: clients made for the same connection may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    async def current(
        self, fetch: Callable[[], Awaitable[bytes]], *, refused: str | None = None
    ) -> Token:
        """The token in force. `refused` is one that was just turned away and must be replaced."""
        async with self._lock:
            token = self._token
            if token is None or token.value == refused or self._clock.now() >= token.until:
                self._token = None
                token = self._token = self._read(await fetch())
            return token

    def _read(self, body: bytes) -> Token:
        try:
            answer: Any = json.loads(body)
            value, scope = answer["access_token"], str(answer.get("scope") or "")
            lasts_s = float(answer.get("expires_in") or 3600)
        except (ValueError, TypeError, KeyError, AttributeError):
            value, scope, lasts_s = None, "", 0.0
        if not isinstance(value, str) or not value:
            raise TransientError("token-unreadable", "the token endpoint did not answer a token")
        early_s = min(EARLY_S, lasts_s / 10)
        until = self._clock.now() + timedelta(seconds=lasts_s - early_s)
        return Token(value, scope, until)
