"""Addresses that vendors call: a secret in the path, and a name and password with it.

    POST {origin}/v1/hooks/{secret}        Authorization: Basic …

Whoever knows both may say that there is something new, and no more than that. Kept are hashes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError
from chassis.outbox import Outbox
from chassis.table import Table
from gateway.store import PLATFORM

VENDORS = ("pax8", "halopsa")
USER = "chargeline"
CALLS_MAX, WINDOW = 60, timedelta(minutes=1)  # of one address, in each process
_REST = timedelta(minutes=5)
_HEARD_EVERY = timedelta(minutes=1)  # not a write a call
_SECRET_BYTES = 32


class Hook(BaseModel):
    """One vendor's address at one tenant. `heard_at`: when it was called last, to the minute.

    `acted_at` is kept for what is not to be done at every call.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    vendor: str
    password: str  # its hash
    made_at: datetime
    made_by: str
    heard_at: datetime | None = None
    refused_at: datetime | None = None  # called with another name or password
    acted_at: datetime | None = None

    def rested(self, now: datetime) -> bool:
        """False when it was acted upon a moment ago."""
        return self.acted_at is None or now - self.acted_at >= _REST

    def called(self, now: datetime, *, right: bool) -> Hook:
        """What is to be kept of a call; the same while nothing is worth a write."""
        if not right:
            return self._seen("refused_at", now)
        heard = self._seen("heard_at", now)
        return heard.model_copy(update={"acted_at": now}) if self.rested(now) else heard

    def _seen(self, field: str, now: datetime) -> Hook:
        last: datetime | None = getattr(self, field)
        seen = last is not None and now - last < _HEARD_EVERY
        return self if seen else self.model_copy(update={field: now})


@dataclass(frozen=True)
class NewHook:
    """What the vendor is to be given; it is nowhere else and never shown again."""

    hook: Hook
    secret: str
    password: str

    @property
    def authorization(self) -> str:
        """The header's value, for a vendor that asks for one."""
        return "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()


class Incoming:
    """The addresses of all tenants, found by the hash of their secret."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        random_text: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._hooks: Table[Hook] = Table(outbox, "incoming", Hook)
        self._clock = clock
        self._random_text = random_text
        self._calls: dict[str, deque[datetime]] = {}

    async def make(self, tenant: str, vendor: str, by: str) -> NewHook:
        """A new address in place of the one that was there, which is unknown from now on."""
        if vendor not in VENDORS:
            raise PermanentError("vendor-unknown", f"{vendor} calls nobody: {', '.join(VENDORS)}")
        secret, password = self._random_text(_SECRET_BYTES), self._random_text(_SECRET_BYTES)
        now = self._clock.now()
        hook = Hook(tenant=tenant, vendor=vendor, password=_hash(password), made_at=now, made_by=by)
        tags = {"of": tenant, "place": f"{tenant}:{vendor}"}
        await self._hooks.insert(PLATFORM, _hash(secret), hook, tags=tags)
        await self._drop(tenant, vendor, but=_hash(secret))
        return NewHook(hook, secret, password)

    async def of(self, tenant: str) -> list[Hook]:
        """By vendor."""
        found = [stored.value async for stored in self._hooks.every(PLATFORM, "of", tenant)]
        return sorted(found, key=lambda hook: hook.vendor)

    async def forget(self, tenant: str, vendor: str) -> None:
        """The address is unknown from now on; PermanentError `hook-unknown` if there is none."""
        if not await self._drop(tenant, vendor):
            raise PermanentError("hook-unknown", f"{vendor} has no address here")

    async def called(self, secret: str, authorization: str) -> Hook | None:
        """Whose address that is, as it stood before this call; None unless both are right."""
        key = _hash(secret)
        stored = await self._hooks.get(PLATFORM, key)
        # The same work whether it is there or not: the time taken tells nothing.
        password = stored.value.password if stored else _hash("")
        same = hmac.compare_digest(password, _hash(_password_in(authorization)))
        if stored is None:
            return None
        self._pace(key)
        kept = stored.value.called(self._clock.now(), right=same)
        if kept != stored.value:
            await self._hooks.replace(stored, kept)
        return stored.value if same else None

    def _pace(self, key: str) -> None:
        """TransientError `too-many-calls` for an address that is called all the time."""
        now = self._clock.now()
        calls = self._calls.setdefault(key, deque(maxlen=CALLS_MAX))
        if len(calls) == CALLS_MAX and now - calls[0] < WINDOW:
            left_s = (calls[0] + WINDOW - now).total_seconds()
            raise TransientError("too-many-calls", "later, please", retry_after_s=left_s)
        calls.append(now)

    async def _drop(self, tenant: str, vendor: str, but: str = "") -> int:
        place = f"{tenant}:{vendor}"
        found = [s async for s in self._hooks.every(PLATFORM, "place", place) if s.key != but]
        for stored in found:
            await self._hooks.delete(PLATFORM, stored.key)
        return len(found)


def _password_in(authorization: str) -> str:
    """What follows our name in a Basic header; empty for any other, which is nobody's password."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password if hmac.compare_digest(name.encode(), USER.encode()) else ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
