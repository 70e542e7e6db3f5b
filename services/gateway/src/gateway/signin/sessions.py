"""Sessions: an opaque secret in a cookie, its hash in the store.

A session begins when a password was right, and opens nothing until the second factor was too; then
it gets a new secret. It ends when it was not used for a while, after a day, or when it is revoked.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.table import Stored, Table
from gateway.store import PLATFORM

IDLE, ABSOLUTE, HALF_OPEN = timedelta(hours=1), timedelta(hours=12), timedelta(minutes=10)
_SEEN_EVERY = timedelta(minutes=1)  # not a write a request
_OF = "of"
_SECRET_BYTES = 32


class Session(BaseModel):
    """One device's session. `challenge` is what a passkey or another firm has to answer."""

    model_config = ConfigDict(frozen=True)

    id: str  # the hash of its secret
    person: str | None
    state: Literal["asked", "password", "open"]
    made_at: datetime
    seen_at: datetime
    device: str = ""
    address: str = ""
    challenge: str = ""

    def stands(self, now: datetime) -> bool:
        """False once it was idle too long, or is too old."""
        if self.state != "open":
            return now - self.made_at < HALF_OPEN
        return now - self.seen_at < IDLE and now - self.made_at < ABSOLUTE


class Sessions:
    """All sessions, found by the hash of their secret."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        random_text: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._table: Table[Session] = Table(outbox, "sessions", Session)
        self._clock = clock
        self._random_text = random_text

    async def begin(
        self,
        person: str | None,
        state: Literal["asked", "password", "open"],
        device: str,
        address: str,
        challenge: str = "",
    ) -> tuple[Session, str]:
        """A new session and its secret, which goes into the cookie."""
        secret = self._random_text(_SECRET_BYTES)
        now = self._clock.now()
        session = Session(
            id=_digest(secret),
            person=person,
            state=state,
            made_at=now,
            seen_at=now,
            device=device[:200],
            address=address,
            challenge=challenge,
        )
        await self._table.insert(PLATFORM, session.id, session, tags={_OF: person or ""})
        return session, secret

    async def get(self, secret: str, *, seen: bool = True) -> Session | None:
        """The session, if it stands. One that does not is gone. `seen`: somebody uses it now."""
        stored = await self._table.get(PLATFORM, _digest(secret))
        if stored is None:
            return None
        now = self._clock.now()
        if not stored.value.stands(now):
            await self._table.delete(PLATFORM, stored.key)
            return None
        if seen and now - stored.value.seen_at > _SEEN_EVERY:
            used = stored.value.model_copy(update={"seen_at": now})
            await self._table.replace(stored, used)
            return used
        return stored.value

    async def opened(self, session: Session, person: str) -> tuple[Session, str]:
        """It opens under a new secret: whoever had planted the old one has nothing."""
        await self.revoke(session.id)
        return await self.begin(person, "open", session.device, session.address)

    async def change(self, session: Session, **update: object) -> Session:
        """Something the sign-in has come to: a challenge given."""
        stored = await self._stored(session)
        changed = stored.value.model_copy(update=update)
        await self._table.replace(stored, changed)
        return changed

    async def of(self, person: str) -> list[Session]:
        """The person's open sessions, the last one used first."""
        now = self._clock.now()
        found = [s.value async for s in self._table.every(PLATFORM, _OF, person)]
        standing = [s for s in found if s.state == "open" and s.stands(now)]
        return sorted(standing, key=lambda s: s.seen_at, reverse=True)

    async def revoke(self, number: str) -> bool:
        """It opens nothing from now on. True if there was one."""
        return await self._table.delete(PLATFORM, number)

    async def revoke_all(self, person: str, but: str = "") -> int:
        """All of a person's sessions, but that one; how many."""
        found = [s async for s in self._table.every(PLATFORM, _OF, person) if s.key != but]
        for stored in found:
            await self.revoke(stored.key)
        return len(found)

    async def _stored(self, session: Session) -> Stored[Session]:
        stored = await self._table.get(PLATFORM, session.id)
        assert stored is not None, "it was read a moment ago"
        return stored


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
