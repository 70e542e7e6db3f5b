"""Devices that a person has signed in with before: their tries are counted apart.

A device opens nothing. It is known by a secret in a cookie of its own that outlives the session.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.table import Table
from gateway.store import PLATFORM

KNOWN_FOR = timedelta(days=180)
_SECRET_BYTES = 32


class _Device(BaseModel):
    model_config = ConfigDict(frozen=True)

    person: str
    made_at: datetime


class Devices:
    """Known devices by the hash of their secret."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[_Device] = Table(outbox, "devices", _Device)
        self._clock = clock

    async def remember(self, person: str) -> str:
        """A new device of a person who has given both factors on it; its secret."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        device = _Device(person=person, made_at=self._clock.now())
        await self._table.insert(PLATFORM, _digest(secret), device, tags={"of": person})
        return secret

    async def knows(self, secret: str | None, person: str) -> bool:
        """True for a device of that very person."""
        stored = await self._table.get(PLATFORM, _digest(secret)) if secret else None
        if stored is None or stored.value.person != person:
            return False
        return self._clock.now() - stored.value.made_at < KNOWN_FOR

    async def counted_as(self, secret: str | None, person: str, account: str) -> str:
        """Under what name tries are counted: the device's own, else everybody's for the account."""
        known = await self.knows(secret, person)
        return f"device {_digest(secret)}" if known and secret else account


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
