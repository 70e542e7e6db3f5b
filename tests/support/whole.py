"""The whole system in one process against in-memory sandboxes, in virtual time."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from chargeline.system import Options, System
from chassis.clock import LoopClock
from chassis.http import Retries
from chassis.job_settings import RunnerSettings
from chassis.vault import Keys
from gateway.domain.run import Run
from sandbox.app import Sandbox, build_app
from sandbox.core import dumps, loads
from schemas.settings import Settings
from schemas.statement import Difference, Statement
from support.stores import open_store, servers_for

TENANT, PAX8 = "msp", "pax8"
SANDBOX = "http://sandbox"
TODAY = date(2026, 11, 5)
KEYS = Keys((bytes(range(32)),))
ACCOUNTS = ("pax8", "halopsa")


@dataclass
class Vendors:
    """Both sandboxes, as their controls show them."""

    app: Sandbox = field(default_factory=lambda: build_app(None, today=TODAY))

    async def load(self, vendor: str, payload: dict[str, Any], *, replace: bool = False) -> None:
        suffix = "?replace=true" if replace else ""
        answer = await self._post(f"/_sandbox/{vendor}/load{suffix}", payload)
        assert answer.status_code == 200, answer.text

    async def fault(self, vendor: str, **fault: Any) -> None:
        answer = await self._post(f"/_sandbox/{vendor}/faults", fault)
        assert answer.status_code == 200, answer.text

    async def state(self, vendor: str) -> dict[str, Any]:
        async with self._client() as client:
            found = loads((await client.get(f"/_sandbox/{vendor}/state")).content)
        assert isinstance(found, dict)
        return found

    async def _post(self, path: str, payload: Any) -> httpx.Response:
        async with self._client() as client:
            return await client.post(path, content=dumps(payload))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=SANDBOX)


@dataclass
class Ran:
    """A run that ended, or waits for a person."""

    run: Run
    statement: Statement

    def unexplained(self, currency: str = "USD") -> Decimal | None:
        return self.statement.currencies[currency].price.unexplained

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.statement.unexplained_lines


@dataclass
class Whole:
    """One data folder, and the system that owns it while `running`."""

    folder: Path
    vendors: Vendors = field(default_factory=Vendors)
    transport: httpx.AsyncBaseTransport | None = None  # in place of the sandboxes' own
    runner: RunnerSettings = field(default_factory=lambda: RunnerSettings(take_over=True))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[System]:
        clock = LoopClock(datetime.combine(TODAY, datetime.min.time(), UTC))
        store = open_store(self.folder, clock)
        options = Options(
            sandbox=SANDBOX,
            transport=self.transport or httpx.ASGITransport(app=self.vendors.app),
            clock=clock,
            runner=self.runner,
            retries=Retries(attempts=2, first_wait_s=0.1, jitter=lambda: 0.5),
            seed=1,
            keys=KEYS,
            servers=servers_for(self.folder),
        )
        async with System(store, options, KEYS, self.folder) as system:
            yield system

    async def set_up(
        self, system: System, settings: dict[str, Any], *, client_id: str = "id"
    ) -> None:
        """The settings file in force, with credentials for both vendors sealed."""
        read = settings_of(settings)
        await system.gateway.runs.change_settings(TENANT, lambda _: read)
        for vendor in ACCOUNTS:
            await system.seal(TENANT, vendor, client_id, "secret")

    async def documents(self, system: System) -> list[str]:
        """What Pax8 lists, oldest first."""
        revision = await system.gateway.runs.list_documents(TENANT, PAX8)

        async def listed() -> bool:
            return (await system.gateway.queries.tenant(TENANT)).listed >= revision

        await system.wait_for(listed)
        tenant = await system.gateway.queries.tenant(TENANT)
        assert tenant.problem is None, tenant.text
        return [entry.document for entry in tenant.documents]

    async def bill(self, system: System, document: str) -> Ran:
        """One run over the document, everything approved that can be."""
        run = await system.gateway.runs.start(
            TENANT, PAX8, document, approve_items=True, approve_plans=True
        )
        return await self.ended(system, run)

    async def again(self, system: System, run: str) -> Ran:
        """The same run once more, under today's settings."""
        await system.gateway.runs.again(TENANT, run, approve_items=True, approve_plans=True)
        return await self.ended(system, run)

    async def ended(self, system: System, run: str) -> Ran:
        async def over() -> bool:
            return not await system.gateway.queries.waiting(TENANT, run)

        await system.wait_for(over)
        queries = system.gateway.queries
        return Ran(await queries.run(TENANT, run), await queries.statement(TENANT, run))

    async def holds(self, system: System, ran: Ran) -> list[str]:
        """Every sentence a person reads about what is held or refused in the run."""
        views = await system.gateway.queries.batches(TENANT, ran.run.run)
        found = [view.text for view in views if view.code]
        return found + [hold.text for view in views for hold in view.holds]


def settings_of(settings: dict[str, Any]) -> Settings:
    """As the settings file says, without the credentials."""
    read = copy.deepcopy(settings)
    for vendor in ACCOUNTS:
        for secret in ("client_id", "client_secret"):
            read.get(vendor, {}).pop(secret, None)
    return Settings.model_validate(read)


def posted_by_line(state: dict[str, Any], stamp: str = "comment_2") -> dict[str, list[Decimal]]:
    """Unit price times quantity of every line of ours that the sandbox holds, by our line id."""
    found: dict[str, list[Decimal]] = {}
    for invoice in _invoices(state["entities"]):
        for line in invoice["lines"]:
            words = str(line.get(stamp) or "").split()
            if words and words[0].startswith("line_"):
                money = Decimal(str(line["qty_order"])) * Decimal(str(line["unit_price"]))
                found.setdefault(words[0], []).append(money.quantize(Decimal("0.01")))
    return found


def _invoices(entities: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name in ("invoices", "recurring_invoices"):
        for invoice in entities.get(name, ()):
            if not invoice.get("voided"):
                yield invoice
