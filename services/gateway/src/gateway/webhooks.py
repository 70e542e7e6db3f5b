"""A tenant's endpoints: addresses that are told of its billing events, and what signs for them.

The secret of an endpoint (`whsec_…`) is sealed in the vault. For a day after a new one was made
both sign, so that the receiver can change over without missing a delivery.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Table
from chassis.vault import Vault
from gateway.domain.webhooks import Endpoint
from gateway.sending import Sender

ENDPOINTS_MAX = 20
OVERLAP = timedelta(days=1)
_A_MOMENT = timedelta(seconds=1)  # so late may another process hear of an endpoint
_OF = {"of": "all"}
_ID_BYTES, _SECRET_BYTES = 8, 32


class Webhooks:
    """The endpoints of all tenants."""

    def __init__(
        self,
        outbox: Outbox,
        vault: Vault,
        clock: Clock,
        sender: Sender,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._endpoints: Table[Endpoint] = Table(outbox, "webhooks", Endpoint)
        self._vault = vault
        self._clock = clock
        self._sender = sender
        self._random_bytes = random_bytes
        self._seen: dict[str, tuple[datetime | None, list[Endpoint]]] = {}

    def check(self, url: str) -> None:
        """PermanentError `webhook-address` for what can be told from the address alone."""
        self._sender.check(url)

    async def make(
        self, tenant: str, url: str, types: Sequence[str], by: str, *, enabled: bool
    ) -> tuple[Endpoint, str]:
        """A new endpoint and its secret, which is nowhere else and never shown again."""
        self.check(url)
        if await self._endpoints.count(tenant, "of", "all") >= ENDPOINTS_MAX:
            raise PermanentError("webhooks-many", f"a tenant has at most {ENDPOINTS_MAX} webhooks")
        endpoint = Endpoint(
            id=f"webhook_{self._random_bytes(_ID_BYTES).hex()}",
            url=url,
            types=tuple(types),
            enabled=enabled,
            made_at=self._clock.now(),
            made_by=by,
        )
        secret = self._new_secret()
        await self._vault.put(tenant, endpoint.id, {"secret": SecretStr(secret)})
        there = await self._endpoints.insert(tenant, endpoint.id, endpoint, tags=_OF)
        self._seen.pop(tenant, None)
        assert there, "64 random bits were not there before"
        return endpoint, secret

    async def wanting(self, tenant: str, kind: str) -> list[Endpoint]:
        """Those that want an event of that type, as of a moment ago: there are many events."""
        at, found = self._seen.get(tenant, (None, []))
        if at is None or not at <= self._clock.now() < at + _A_MOMENT:
            at, found = self._clock.now(), await self.all(tenant)
            self._seen[tenant] = at, found
        return [endpoint for endpoint in found if endpoint.wants(kind)]

    async def all(self, tenant: str) -> list[Endpoint]:
        """By the time they were made."""
        found = [stored.value async for stored in self._endpoints.every(tenant, "of", "all")]
        return sorted(found, key=lambda e: (e.made_at, e.id))

    async def find(self, tenant: str, endpoint: str) -> Endpoint | None:
        """The endpoint, if it stands."""
        stored = await self._endpoints.get(tenant, endpoint)
        return stored.value if stored else None

    async def get(self, tenant: str, endpoint: str) -> Endpoint:
        """PermanentError `webhook-unknown` if there is none."""
        found = await self.find(tenant, endpoint)
        if found is None:
            raise _unknown(endpoint)
        return found

    async def change(
        self, tenant: str, endpoint: str, url: str, types: Sequence[str], *, enabled: bool
    ) -> Endpoint:
        """In place of what was said of it; its secret stays."""
        self.check(url)
        new = {"url": url, "types": tuple(types), "enabled": enabled, "disabled": ""}
        return await self._changed(tenant, endpoint, new)

    async def disable(self, tenant: str, endpoint: str, why: str) -> None:
        """Nothing is sent there until a person says otherwise."""
        await self._changed(tenant, endpoint, {"enabled": False, "disabled": why})

    async def forget(self, tenant: str, endpoint: str) -> None:
        """It is gone, and so is its secret."""
        await self.get(tenant, endpoint)
        await self._endpoints.delete(tenant, endpoint)
        self._seen.pop(tenant, None)
        await self._vault.forget(tenant, endpoint)

    async def rotate(self, tenant: str, endpoint: str) -> tuple[str, datetime]:
        """A new secret, shown this once; until when the old one signs beside it."""
        await self.get(tenant, endpoint)
        sealed = await self._vault.get(tenant, endpoint)
        until = self._clock.now() + OVERLAP
        secret = self._new_secret()
        fields = {"secret": SecretStr(secret), "until": SecretStr(until.isoformat())}
        if sealed is not None:
            fields["before"] = sealed["secret"]
        await self._vault.put(tenant, endpoint, fields)
        return secret, until

    async def signing(self, tenant: str, endpoint: str) -> list[SecretStr]:
        """What signs now, the newest first. Open it where it is used, and keep it nowhere."""
        sealed = await self._vault.get(tenant, endpoint)
        if sealed is None:
            raise _unknown(endpoint)
        found = [sealed["secret"]]
        if "before" in sealed:
            until = datetime.fromisoformat(sealed["until"].get_secret_value())
            found += [sealed["before"]] if self._clock.now() < until else []
        return found

    def _new_secret(self) -> str:
        return "whsec_" + base64.b64encode(self._random_bytes(_SECRET_BYTES)).decode()

    async def _changed(self, tenant: str, endpoint: str, new: dict[str, object]) -> Endpoint:
        while (stored := await self._endpoints.get(tenant, endpoint)) is not None:
            changed = stored.value.model_copy(update=new)
            if await self._endpoints.replace(stored, changed):
                self._seen.pop(tenant, None)
                return changed
        raise _unknown(endpoint)


def _unknown(endpoint: str) -> PermanentError:
    return PermanentError("webhook-unknown", f"there is no webhook {endpoint}")
