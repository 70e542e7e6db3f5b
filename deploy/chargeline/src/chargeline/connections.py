"""Opens a tenant's vendor accounts: credentials from the vault, one token and one budget each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.http import Retries
from chassis.limits import Budgets, CallLimits
from chassis.service import JobRun
from chassis.vault import Vault
from schemas.settings import Settings
from vendors.calls import unlimited
from vendors.halopsa import Halo, HaloCredentials, Line, halo_url
from vendors.pax8 import Pax8, Pax8Credentials
from vendors.tokens import Tokens

PAX8, HALOPSA = "pax8", "halopsa"
_SOURCE_JOBS = ("IngestDocument", "ListDocuments", "ReadDrafts")


@dataclass
class Connections:
    """`sandbox` is the root address of the vendor sandboxes, or None for the real vendors.

    The connection's id comes from the settings alone, so a sandbox that moves to another port stays
    the same destination.
    """

    vault: Vault
    http: httpx.AsyncClient
    clock: Clock
    sandbox: str | None = None
    retries: Retries = field(default_factory=Retries)
    budgets: Budgets | None = None
    calls: Counter[str] = field(default_factory=Counter)  # sent by this process, by vendor
    _tokens: dict[tuple[str, str, str], Tokens] = field(default_factory=dict)

    async def open_pax8(self, run: JobRun, settings: Settings) -> Pax8:
        """The tenant's Pax8 account, under the call budget of the job's connection."""
        return await self.pax8(run.tenant, settings, self._budgeted(run, settings))

    async def open_halo(self, run: JobRun, settings: Settings) -> Halo:
        """The tenant's HaloPSA account, under the call budget of the job's connection."""
        return await self.halo(run.tenant, settings, self._budgeted(run, settings))

    async def pax8(self, tenant: str, settings: Settings, line: Line | None = None) -> Pax8:
        """The tenant's Pax8 account, outside jobs."""
        client_id, secret = await self._credentials(tenant, PAX8)
        base = f"{self.sandbox}/pax8" if self.sandbox else settings.pax8.url
        return Pax8(
            base,
            Pax8Credentials(client_id, secret),
            line or self._line(PAX8),
            tokens=self._token(tenant, base, client_id),
            in_flight=settings.pax8.in_flight,
        )

    async def halo(self, tenant: str, settings: Settings, line: Line | None = None) -> Halo:
        """The tenant's HaloPSA account, outside jobs."""
        client_id, secret = await self._credentials(tenant, HALOPSA)
        base = f"{self.sandbox}/halopsa" if self.sandbox else halo_url(settings.halopsa.url)
        return Halo(
            base,
            HaloCredentials(client_id, secret, tenant=settings.halopsa.tenant),
            line or self._line(HALOPSA),
            tokens=self._token(tenant, base, client_id),
            in_flight=settings.halopsa.in_flight,
        )

    async def _credentials(self, tenant: str, vendor: str) -> tuple[str, SecretStr]:
        sealed = await self.vault.get(tenant, vendor)
        if sealed is None:
            raise PermanentError(
                f"{vendor}-credentials-missing",
                f"no credentials for {vendor}: set client_id and client_secret under [{vendor}] of"
                f" the settings file, or CHARGELINE_{vendor.upper()}_CLIENT_ID and _CLIENT_SECRET",
            )
        return sealed["client_id"].get_secret_value(), sealed["client_secret"]

    def _budgeted(self, run: JobRun, settings: Settings) -> Line:
        vendor = PAX8 if run.kind in _SOURCE_JOBS else HALOPSA
        if self.budgets is None:
            return self._line(vendor)
        halo = settings.halopsa
        limits = (
            CallLimits(settings.pax8.calls_per_minute, 60.0, in_flight=settings.pax8.in_flight)
            if vendor == PAX8
            else CallLimits(halo.calls_per_window, halo.window_s, in_flight=halo.in_flight)
        )
        budget = self.budgets.of(run.tenant, run.connection, limits)
        take = self._counted(vendor, budget.take)
        return Line(self.http, self.clock, take=take, blocked=budget.block, retries=self.retries)

    def _line(self, vendor: str) -> Line:
        take = self._counted(vendor, unlimited)
        return Line(self.http, self.clock, take=take, retries=self.retries)

    def _counted(
        self, vendor: str, take: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        async def taken() -> None:
            await take()
            self.calls[vendor] += 1

        return taken

    def _token(self, tenant: str, base: str, client_id: str) -> Tokens:
        return self._tokens.setdefault((tenant, base, client_id), Tokens(self.clock))
