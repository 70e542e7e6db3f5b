"""Who may sign up: whoever was invited to a tenant, or whose e-mail has a subscription."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Stored, Table
from gateway.domain.access import Role
from gateway.signin.people import normal
from gateway.store import PLATFORM

STANDS = timedelta(days=7)
_OF = "of"


class Invitation(BaseModel):
    """To one e-mail, for one role at one tenant; it is used once."""

    model_config = ConfigDict(frozen=True)

    id: str
    email: str
    tenant: str
    role: Role
    made_at: datetime
    made_by: str
    used_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """False once it was used, or is a week old."""
        return self.used_at is None and now - self.made_at < STANDS


class Subscription(BaseModel):
    """Whether an e-mail may use the platform."""

    model_config = ConfigDict(frozen=True)

    email: str
    active: bool


class Invitations:
    """Invitations by the hash of their token, subscriptions by e-mail."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[Invitation] = Table(outbox, "invitations", Invitation)
        self._subscriptions: Table[Subscription] = Table(outbox, "subscriptions", Subscription)
        self._clock = clock

    async def make(self, tenant: str, email: str, role: Role, by: str) -> tuple[Invitation, str]:
        """An invitation and its token, which is sent to that e-mail and shown once."""
        token = secrets.token_urlsafe(32)
        invitation = Invitation(
            id=_digest(token),
            email=normal(email),
            tenant=tenant,
            role=role,
            made_at=self._clock.now(),
            made_by=by,
        )
        await self._table.insert(PLATFORM, invitation.id, invitation, tags={_OF: tenant})
        return invitation, token

    async def get(self, token: str, email: str) -> Invitation:
        """What it invites to. PermanentError `invitation-unknown` for none of this e-mail's."""
        return (await self._standing(token, email)).value

    async def use(self, token: str, email: str) -> Invitation:
        """Use it up. PermanentError `invitation-unknown` for one that is not this e-mail's."""
        stored = await self._standing(token, email)
        now = self._clock.now()
        if not await self._table.replace(stored, stored.value.model_copy(update={"used_at": now})):
            raise PermanentError("invitation-unknown", "this invitation was used just now")
        return stored.value

    async def open_at(self, tenant: str) -> list[Invitation]:
        """Those that still lead there, the newest first."""
        now = self._clock.now()
        found = [s.value async for s in self._table.every(PLATFORM, _OF, tenant)]
        standing = [one for one in found if one.stands(now)]
        return sorted(standing, key=lambda one: one.made_at, reverse=True)

    async def take_back(self, tenant: str, number: str) -> Invitation:
        """It leads nowhere from now on. PermanentError `invitation-unknown` for another's."""
        found = await self._table.get(PLATFORM, number)
        if found is None or found.value.tenant != tenant:
            raise PermanentError("invitation-unknown", "there is no such invitation")
        await self._table.delete(PLATFORM, number)
        return found.value

    async def _standing(self, token: str, email: str) -> Stored[Invitation]:
        stored = await self._table.get(PLATFORM, _digest(token))
        theirs = stored is not None and stored.value.email == normal(email)
        if stored is None or not theirs or not stored.value.stands(self._clock.now()):
            raise PermanentError(
                "invitation-unknown", "this invitation is not for this e-mail, or was used"
            )
        return stored

    async def subscribe(self, email: str, *, active: bool) -> Subscription:
        """An e-mail's subscription, as the operator's billing has it."""
        known = normal(email)
        subscription = Subscription(email=known, active=active)
        while not await self._subscriptions.insert(PLATFORM, known, subscription):
            there = await self._subscriptions.get(PLATFORM, known)
            if there is not None and await self._subscriptions.replace(there, subscription):
                break
        return subscription

    async def subscribed(self, email: str) -> bool | None:
        """True or false as was said; None when nothing was said of it."""
        stored = await self._subscriptions.get(PLATFORM, normal(email))
        return stored.value.active if stored else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
