"""Who may sign up: whoever was invited to a tenant, or whose e-mail has a subscription."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Table
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

    async def use(self, token: str, email: str) -> Invitation:
        """Use it up. PermanentError `invitation-unknown` for one that is not this e-mail's."""
        stored = await self._table.get(PLATFORM, _digest(token))
        now = self._clock.now()
        if (
            stored is None
            or stored.value.email != normal(email)
            or stored.value.used_at is not None
            or now - stored.value.made_at >= STANDS
        ):
            raise PermanentError(
                "invitation-unknown", "this invitation is not for this e-mail, or was used"
            )
        if not await self._table.replace(stored, stored.value.model_copy(update={"used_at": now})):
            raise PermanentError("invitation-unknown", "this invitation was used just now")
        return stored.value

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
