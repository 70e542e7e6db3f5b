"""API keys: shown once, kept as a hash, scoped, expiring.

    ck_<id>_<secret>     `id` finds the record, 256 bits of `secret` prove it

A secret of that size needs no slow hash: nobody can try them all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Table
from gateway.domain.access import Principal, Scope
from gateway.store import PLATFORM

_ID_BYTES, _SECRET_BYTES = 8, 32
_OF = "of"  # the tag that finds a tenant's keys
_TEXT = re.compile(r"ck_([0-9a-f]{16})_([0-9a-f]{64})")
INSTALLED = "environment"
OPERATOR_KEY = "CHARGELINE_OPERATOR_KEY"


class Key(BaseModel):
    """One key as kept. `tenant` None is an operator's."""

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str | None
    name: str
    scopes: frozenset[Scope]
    digest: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    owner: str = ""  # the person behind it, through however many keys

    @property
    def person(self) -> str:
        """Who answers for what is done with it."""
        return self.owner or self.created_by

    def stands(self, now: datetime) -> bool:
        """False once it was revoked or has expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class NewKey:
    """A key and its text, which is nowhere else and never shown again."""

    key: Key
    text: str


class ApiKeys:
    """The keys of all tenants, found by their own id before anybody knows the tenant."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._keys: Table[Key] = Table(outbox, "keys", Key)
        self._clock = clock
        self._random_bytes = random_bytes

    async def make(
        self,
        tenant: str | None,
        name: str,
        scopes: frozenset[Scope],
        by: str,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """A new key."""
        now = self._clock.now()
        if expires_at is not None and expires_at.astimezone(UTC) <= now:
            raise PermanentError("key-expired", "a key that has expired already opens nothing")
        number = self._random_bytes(_ID_BYTES).hex()
        secret = self._random_bytes(_SECRET_BYTES).hex()
        key = Key(
            id=number,
            tenant=tenant,
            name=name,
            scopes=scopes,
            digest=_digest(secret),
            created_at=now,
            created_by=by,
            expires_at=expires_at,
            owner=await self._person(by),
        )
        there = await self._keys.insert(PLATFORM, number, key, tags={_OF: tenant or PLATFORM})
        assert there, "64 random bits were not there before"
        return NewKey(key, f"ck_{number}_{secret}")

    async def install(self, number: str, secret: str) -> Key:
        """Keep an operator's key that the environment holds, so that there is a first one.

        A new one takes the place of the one that was installed before. One that was there already
        changes nothing: processes with an older environment do not bring theirs back.
        PermanentError `environment` for the id of another key.
        """
        key = Key(
            id=number,
            tenant=None,
            name="installed",
            scopes=frozenset({Scope.OPERATE}),
            digest=_digest(secret),
            created_at=self._clock.now(),
            created_by=INSTALLED,
        )
        before = [k for k in await self.of(None) if k.created_by == INSTALLED and k.id != number]
        if await self._keys.insert(PLATFORM, number, key, tags={_OF: PLATFORM}):
            for old in before:
                await self.revoke(None, old.id)
            return key
        there = await self._keys.get(PLATFORM, number)
        if there is None or not hmac.compare_digest(there.value.digest, key.digest):
            raise PermanentError("environment", f"{OPERATOR_KEY}: its id is another key's already")
        return there.value

    async def principal(self, text: str) -> Principal | None:
        """Whose key that is; None for one that never was, is not any more, or is not yet known."""
        kind, _, rest = text.partition("_")
        number, _, secret = rest.partition("_")
        if kind != "ck" or not number or not secret:
            return None
        stored = await self._keys.get(PLATFORM, number)
        # The same work whether it is there or not: the time taken tells nothing.
        digest = stored.value.digest if stored else _digest("")
        same = hmac.compare_digest(digest, _digest(secret))
        if stored is None or not same or not stored.value.stands(self._clock.now()):
            return None
        key = stored.value
        return Principal(
            name=f"key:{key.id}", tenant=key.tenant, scopes=key.scopes, person=key.person
        )

    async def _person(self, by: str) -> str:
        """A key that was made with a key belongs to the same person."""
        kind, _, number = by.partition(":")
        stored = await self._keys.get(PLATFORM, number) if kind == "key" else None
        return stored.value.person if stored else by

    async def of(self, tenant: str | None) -> list[Key]:
        """The tenant's keys, newest first; revoked ones too."""
        found = [s.value async for s in self._keys.every(PLATFORM, _OF, tenant or PLATFORM)]
        return sorted(found, key=lambda key: key.created_at, reverse=True)

    async def revoke(self, tenant: str | None, number: str) -> Key:
        """From now on it opens nothing. PermanentError `key-unknown` unless it is the tenant's."""
        while True:
            stored = await self._keys.get(PLATFORM, number)
            if stored is None or stored.value.tenant != tenant:
                raise PermanentError("key-unknown", f"there is no key {number}")
            if stored.value.revoked_at is not None:
                return stored.value
            revoked = stored.value.model_copy(update={"revoked_at": self._clock.now()})
            if await self._keys.replace(stored, revoked):
                return revoked


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def installable(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Id and secret of the operator's key that the environment holds; None if it holds none.

    PermanentError `environment` for a text that is no key.
    """
    text = environ.get(OPERATOR_KEY)
    if not text:
        return None
    found = _TEXT.fullmatch(text)
    if found is None:
        how = 'echo "ck_$(openssl rand -hex 8)_$(openssl rand -hex 32)" makes one'
        raise PermanentError("environment", f"{OPERATOR_KEY}: it is no key; {how}")
    return found[1], found[2]
