"""People: who they are, how they prove it, and their role at each tenant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Stored, Table
from gateway.domain.access import Role
from gateway.store import PLATFORM
from schemas.ids import derive_id

_ALL, _AT = "all", "at"


class Passkey(BaseModel):
    """One public key of a person's device; `sign_count` shows a copied one."""

    model_config = ConfigDict(frozen=True)

    id: str  # base64url
    public_key: str  # base64url
    sign_count: int
    name: str
    made_at: datetime


class Person(BaseModel):
    """One account. What proves it is kept as hashes, public keys, and a sealed seed elsewhere."""

    model_config = ConfigDict(frozen=True)

    id: str
    email: str
    name: str = ""
    password: str | None = None
    totp: bool = False  # the seed is sealed in the vault
    totp_step: int = 0  # the last step that was used: a code opens once
    recovery: frozenset[str] = frozenset()  # digests of codes not used yet
    passkeys: tuple[Passkey, ...] = ()
    logins: tuple[str, ...] = ()  # "provider subject" of other firms' sign-in
    roles: dict[str, Role] = {}
    made_at: datetime

    @property
    def second_factor(self) -> bool:
        """A password alone opens nothing."""
        return self.totp or bool(self.passkeys)


class People:
    """All accounts, found by e-mail, by tenant, by passkey and by another firm's sign-in."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[Person] = Table(outbox, "users", Person)
        self._names: Table[_Named] = Table(outbox, "user-names", _Named)
        self._clock = clock

    async def make(self, email: str, name: str) -> Person:
        """A new account. PermanentError `email-taken` when there is one."""
        known = normal(email)
        number = person_id(known)
        person = Person(id=number, email=known, name=name, made_at=self._clock.now())
        if not await self._table.insert(PLATFORM, number, person, tags=_tags(person)):
            raise email_taken()
        return person

    async def by_email(self, email: str) -> Person | None:
        """The account, or None."""
        return await self.get(person_id(email))

    async def get(self, number: str) -> Person | None:
        """The account, or None."""
        stored = await self._table.get(PLATFORM, number)
        return stored.value if stored else None

    async def by_name(self, kind: str, name: str) -> Person | None:
        """The account that a passkey (`passkey`) or another firm's sign-in (`login`) leads to."""
        named = await self._names.get(PLATFORM, _name(kind, name))
        return await self.get(named.value.person) if named else None

    async def name(self, person: str, kind: str, name: str) -> None:
        """Have it lead to that account. PermanentError `already-used` when it leads to another."""
        key = _name(kind, name)
        if await self._names.insert(PLATFORM, key, _Named(person=person)):
            return
        there = await self._names.get(PLATFORM, key)
        if there is None or there.value.person != person:
            raise PermanentError("already-used", "it belongs to another account")

    async def change(self, number: str, change: Callable[[Person], Person]) -> Person:
        """Apply the change to whatever stands, until nobody came between."""
        while True:
            stored = await self._stored(number)
            new = change(stored.value)
            if new == stored.value or await self._table.replace(stored, new, tags=_tags(new)):
                return new

    async def not_the_last_owner(self, tenant: str, person: str) -> None:
        """PermanentError `last-owner` when nobody else there is one."""
        people = await self.at(tenant)
        if not any(p.roles[tenant] == "owner" and p.id != person for p in people):
            text = "a tenant has an owner: make somebody else one first"
            raise PermanentError("last-owner", text)

    async def at(self, tenant: str) -> list[Person]:
        """Everybody with a role there, by e-mail."""
        found = [s.value async for s in self._table.every(PLATFORM, _AT + tenant, "")]
        return sorted(found, key=lambda person: person.email)

    async def _stored(self, number: str) -> Stored[Person]:
        stored = await self._table.get(PLATFORM, number)
        if stored is None:
            raise PermanentError("person-unknown", "there is no such account")
        return stored


def person_id(email: str) -> str:
    """The id of the account with that e-mail, whether there is one or not."""
    return derive_id("user", normal(email))


def email_taken() -> PermanentError:
    """The refusal of a second account."""
    return PermanentError("email-taken", "there is an account with this e-mail: sign in")


class _Named(BaseModel):
    person: str


def normal(email: str) -> str:
    """One spelling of an e-mail; the part before the @ is left as it is but for its case."""
    return email.strip().lower()


def _name(kind: str, name: str) -> str:
    return f"{kind}:{hashlib.sha256(name.encode()).hexdigest()}"


def _tags(person: Person) -> dict[str, str]:
    """A tag a tenant: the people of one are found without reading those of others."""
    return {_ALL: _ALL} | {_AT + tenant: "" for tenant in person.roles}
