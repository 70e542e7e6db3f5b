"""Opens a tenant's vendor accounts: credentials from the vault, one token and one budget each."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.http import Retries
from chassis.limits import Budgets, CallLimits
from chassis.service import JobRun
from chassis.vault import Vault
from schemas.ids import derive_id
from schemas.settings import Settings
from vendors.calls import unlimited
from vendors.halopsa import Halo, HaloCredentials, Line, halo_url
from vendors.halopsa.models import HaloAuthInfo
from vendors.huntress import Huntress, HuntressCredentials
from vendors.huntress.errors import WINDOW_S
from vendors.pax8 import Pax8, Pax8Credentials
from vendors.tokens import Tokens

PAX8, HALOPSA, HUNTRESS = "pax8", "halopsa", "huntress"
_RESERVE_OF = 50
_WINDOW_AND_A_BIT_S = WINDOW_S + 5.0  # its window is waited out: it is shorter than the lease


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
        limits = self._limits(PAX8, settings)
        return await self._pax8(
            run.tenant, settings, self._line(limits, run.tenant, run.connection)
        )

    async def open_halo(self, run: JobRun, settings: Settings) -> Halo:
        """The tenant's HaloPSA account, under the call budget of the job's connection."""
        limits = self._limits(HALOPSA, settings)
        return await self._halo(
            run.tenant, settings, self._line(limits, run.tenant, run.connection)
        )

    async def open_huntress(self, run: JobRun, settings: Settings) -> Huntress:
        """The tenant's Huntress account, under the call budget of the job's connection."""
        line = self._line(self._limits(HUNTRESS, settings), run.tenant, run.connection)
        # Huntress asks for waits as long as its window, which are no reason to start over.
        patient = replace(line.retries, wait_max_s=max(line.retries.wait_max_s, WINDOW_S))
        return await self._huntress(run.tenant, settings, replace(line, retries=patient))

    async def pax8(self, tenant: str, settings: Settings) -> Pax8:
        """The tenant's Pax8 account for a short call outside jobs: it may use the reserve."""
        return await self._pax8(tenant, settings, self._outside(PAX8, tenant, settings))

    async def halo(self, tenant: str, settings: Settings) -> Halo:
        """The tenant's HaloPSA account for a short call outside jobs: it may use the reserve."""
        return await self._halo(tenant, settings, self._outside(HALOPSA, tenant, settings))

    async def huntress(self, tenant: str, settings: Settings) -> Huntress:
        """The tenant's Huntress account for a short call outside jobs: it may use the reserve."""
        return await self._huntress(tenant, settings, self._outside(HUNTRESS, tenant, settings))

    async def halo_sign_in(self, tenant: str, settings: Settings) -> HaloAuthInfo:
        """Where the host of the settings says that one signs in; needs no credentials."""
        line = self._outside(HALOPSA, tenant, settings)
        base = f"{self.sandbox}/halopsa" if self.sandbox else halo_url(settings.halopsa.url)
        return await Halo(base, HaloCredentials("", SecretStr("")), line).auth_info()

    def credentials_for(
        self, vendor: str, settings: Settings, client_id: SecretStr, client_secret: SecretStr
    ) -> dict[str, SecretStr]:
        """What to seal: with the address that they are for, so that no other ever gets them."""
        fields = {"client_id": client_id, "client_secret": client_secret}
        address = "" if self.sandbox else self._base(vendor, settings)
        return fields | {"address": SecretStr(address)} if address else fields

    def _base(self, vendor: str, settings: Settings) -> str:
        """Where the vendor answers; empty for a HaloPSA that has no address yet."""
        if self.sandbox:
            return f"{self.sandbox}/{vendor}"
        if vendor == HALOPSA:
            return halo_url(settings.halopsa.url) if settings.halopsa.url else ""
        return settings.pax8.url if vendor == PAX8 else settings.huntress.url

    async def _pax8(self, tenant: str, settings: Settings, line: Line) -> Pax8:
        base = self._base(PAX8, settings)
        client_id, secret = await self._credentials(tenant, PAX8, base)
        return Pax8(
            base,
            Pax8Credentials(client_id, secret),
            line,
            tokens=self._token(tenant, base, client_id),
            in_flight=settings.pax8.in_flight,
        )

    async def _halo(self, tenant: str, settings: Settings, line: Line) -> Halo:
        base = self._base(HALOPSA, settings) or halo_url("")
        client_id, secret = await self._credentials(tenant, HALOPSA, base)
        return Halo(
            base,
            HaloCredentials(client_id, secret, tenant=settings.halopsa.tenant),
            line,
            tokens=self._token(tenant, base, client_id),
            in_flight=settings.halopsa.in_flight,
        )

    async def _huntress(self, tenant: str, settings: Settings, line: Line) -> Huntress:
        base = self._base(HUNTRESS, settings)
        public_key, secret = await self._credentials(tenant, HUNTRESS, base)
        return Huntress(
            base,
            HuntressCredentials(public_key, secret),
            line,
            in_flight=settings.huntress.in_flight,
        )

    async def _credentials(self, tenant: str, vendor: str, base: str) -> tuple[str, SecretStr]:
        """Whoever may change an address gets nobody's credentials sent there by that."""
        sealed = await self.vault.get(tenant, vendor)
        if sealed is None:
            raise PermanentError(
                f"{vendor}-credentials-missing",
                f"no credentials for {vendor}: set client_id and client_secret under [{vendor}] of"
                f" the settings file, or CHARGELINE_{vendor.upper()}_CLIENT_ID and _CLIENT_SECRET",
            )
        address = sealed["address"].get_secret_value() if "address" in sealed else base
        if address != base and self.sandbox is None:
            raise PermanentError(
                "credentials-elsewhere",
                f"the credentials for {vendor} were entered for {address}, and the settings say"
                f" {base} now: enter them again",
            )
        return sealed["client_id"].get_secret_value(), sealed["client_secret"]

    def _limits(self, vendor: str, settings: Settings) -> CallLimits:
        """The numbers of the settings; a fiftieth of them is kept for calls outside jobs."""
        calls, window_s = {
            PAX8: (settings.pax8.calls_per_minute, 60.0),
            HALOPSA: (settings.halopsa.calls_per_window, settings.halopsa.window_s),
            HUNTRESS: (settings.huntress.calls_per_minute, WINDOW_S),
        }[vendor]
        limits = CallLimits(calls, window_s, reserve=calls // _RESERVE_OF, vendor=vendor)
        return replace(limits, patience_s=_WINDOW_AND_A_BIT_S) if vendor == HUNTRESS else limits

    def _outside(self, vendor: str, tenant: str, settings: Settings) -> Line:
        urls = {
            PAX8: settings.pax8.url,
            HALOPSA: settings.halopsa.url,
            HUNTRESS: settings.huntress.url,
        }
        limits = self._limits(vendor, settings).outside_jobs()
        return self._line(limits, tenant, derive_id("connection", tenant, vendor, urls[vendor]))

    def _line(self, limits: CallLimits, tenant: str, connection: str) -> Line:
        if self.budgets is None:
            call = self._counted(limits.vendor, unlimited)
            return Line(self.http, self.clock, call=call, retries=self.retries)
        budget = self.budgets.of(tenant, connection, limits)
        call = self._counted(limits.vendor, budget.call)
        return Line(self.http, self.clock, call=call, blocked=budget.block, retries=self.retries)

    def _counted(
        self, vendor: str, call: Callable[[], AbstractAsyncContextManager[None]]
    ) -> Callable[[], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def counted() -> AsyncIterator[None]:
            async with call():
                self.calls[vendor] += 1
                yield

        return counted

    def _token(self, tenant: str, base: str, client_id: str) -> Tokens:
        return self._tokens.setdefault((tenant, base, client_id), Tokens(self.clock))
