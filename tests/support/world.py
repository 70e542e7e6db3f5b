"""An MSP with both vendors' sandboxes, told what to do in a bookkeeper's words."""

from __future__ import annotations

import copy
import json
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from chargeline.system import Options, System
from chassis.clock import LoopClock
from chassis.http import Retries
from chassis.service import Service
from chassis.vault import Keys
from gateway.domain.run import Run, Stage
from gateway.queries import BatchView
from gateway.store import Store
from oracle import Verdict, judge, standing_gaps
from sandbox.generate import Month
from schemas.statement import Statement
from support import small
from support.sandboxes import Sandboxes
from support.stores import open_store, servers_for
from support.whole import ACCOUNTS, PAX8, SANDBOX, TENANT, TODAY, Ran, settings_of

KEYS = Keys((bytes(range(32)),))
APPROVED = {"approve_items": True, "approve_plans": True}


class World(Sandboxes):
    """`async with World(folder) as w:` is the whole system, set up; `w.bill(document)` is a run.

    Without payloads it is the small MSP. The data folder outlives `restart`, the sandboxes too.
    """

    def __init__(
        self,
        folder: Path,
        pax8: dict[str, Any] | None = None,
        halopsa: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        today: date = TODAY,
    ) -> None:
        self.folder = folder
        super().__init__(pax8, halopsa, today)
        self.settings = small.settings() if settings is None else settings
        self.expect_unexplained = False  # a story in which HaloPSA kept something else
        self.listener: Service | None = None  # hears what the services say, beside them
        self.system: System
        self._stack = AsyncExitStack()

    @classmethod
    def of(cls, folder: Path, month: Month, *, resolved: bool = True, **policy: Any) -> Self:
        """A generated month; `resolved`: a person has answered the planted holds before."""
        settings = month.resolved_settings() if resolved else month.settings
        settings = settings | {"policy": settings["policy"] | policy}
        return cls(folder, month.pax8, month.halopsa, settings)

    async def __aenter__(self) -> Self:
        await self.vendors.load("pax8", self.pax8)
        await self.vendors.load("halopsa", self.loaded)
        await self._open()
        await self._set_up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """A story that ends well leaves no message behind and no cent unaccounted for."""
        try:
            if kind is None:
                await self.assert_whole()
        finally:
            await self._stack.aclose()

    async def restart(self, today: date | None = None) -> None:
        """The process ends and another one goes on with the folder, perhaps on another day."""
        await self._stack.aclose()
        if today is not None:
            self.app.clock.set(today)
        await self._open()

    async def change(self, settings: dict[str, Any]) -> None:
        """The settings file in force; matches that a rule has made stay."""
        self.settings = settings
        wanted = settings_of(settings)
        known = {(row.source, row.company, row.subscription) for row in wanted.client}

        def change(now: Any) -> Any:
            kept = tuple(
                row
                for row in now.client
                if row.evidence in ("external id", "exact name")
                and (row.source, row.company, row.subscription) not in known
            )
            return wanted.model_copy(update={"client": (*wanted.client, *kept)})

        await self.system.gateway.runs.change_settings(TENANT, change)

    async def close(self) -> None:
        """The process ends; the folder may be copied."""
        await self._stack.aclose()

    async def lose_the_folder(self, new: Path) -> None:
        """A new folder, set up as the first one was; both vendors are as they are."""
        await self.close()
        self.folder = new
        await self._open()
        await self._set_up()

    async def read_drafts(self) -> None:
        """What Pax8 expects to bill, stored as a preview."""
        revision = await self.system.gateway.runs.read_drafts(TENANT, PAX8, 1)

        async def read() -> bool:
            return (await self.system.gateway.queries.tenant(TENANT)).drafted >= revision

        await self.system.wait_for(read)

    async def documents(self) -> list[str]:
        """What Pax8 lists, oldest first."""
        revision = await self.system.gateway.runs.list_documents(TENANT, PAX8)

        async def listed() -> bool:
            return (await self.system.gateway.queries.tenant(TENANT)).listed >= revision

        await self.system.wait_for(listed)
        tenant = await self.system.gateway.queries.tenant(TENANT)
        assert tenant.problem is None, tenant.text
        return [
            one.document for one in sorted(tenant.documents, key=lambda d: (d.date, d.document))
        ]

    async def bill(self, document: str | None = None, **choices: Any) -> Ran:
        """A new run over the document (the newest), everything approved unless chosen otherwise."""
        document = document or (await self.documents())[-1]
        run = await self.system.gateway.runs.start(TENANT, PAX8, document, **(choices or APPROVED))
        return await self.ended(run)

    async def start(self, document: str) -> str:
        """A run that nobody waits for; its id."""
        return await self.system.gateway.runs.start(TENANT, PAX8, document, **APPROVED)

    async def again(self, ran: Ran, **choices: Any) -> Ran:
        """The same run once more, under the settings of the day."""
        await self.system.gateway.runs.again(TENANT, ran.run.run, **(choices or APPROVED))
        return await self.ended(ran.run.run)

    async def approve_items(self, ran: Ran) -> Ran:
        """A person has the proposed items made."""
        await self.system.gateway.runs.approve_items(TENANT, ran.run.run)
        return await self.ended(ran.run.run)

    async def approve(self, ran: Ran, *only: str) -> Ran:
        """A person has the planned batches applied."""
        await self.system.gateway.runs.approve(TENANT, ran.run.run, only)
        return await self.ended(ran.run.run)

    async def undo(self, ran: Ran, *only: str) -> Ran:
        """What the run has posted is taken back."""
        revision, plans = await self.system.gateway.runs.undo(TENANT, ran.run.run, only)

        async def answered() -> bool:
            return await self.system.gateway.queries.undone(TENANT, ran.run.run, revision, plans)

        await self.system.wait_for(answered)
        return await self.ended(ran.run.run)

    async def refused_undo(self, ran: Ran) -> str | None:
        """The code with which the last undo of the run's first refused batch was answered."""
        store = Store(self.system.store.records, self.system.store.outbox)
        found = await store.batches(TENANT, ran.run.run)
        return next((p.undo_refused.code for p in found if p.undo_refused is not None), None)

    async def ended(self, run: str) -> Ran:
        async def over() -> bool:
            return not await self.system.gateway.queries.waiting(TENANT, run)

        await self.system.wait_for(over)
        queries = self.system.gateway.queries
        return Ran(await queries.run(TENANT, run), await queries.statement(TENANT, run))

    async def statement(self, ran: Ran) -> Statement:
        return await self.system.gateway.queries.statement(TENANT, ran.run.run)

    async def batches(self, ran: Ran) -> list[BatchView]:
        return await self.system.gateway.queries.batches(TENANT, ran.run.run)

    async def newest_run(self) -> Ran:
        """The run that was started last."""
        run = (await self.system.gateway.queries.runs(TENANT))[-1]
        return await self.ended(run.run)

    async def newest_batches(self) -> list[BatchView]:
        return await self.batches(await self.newest_run())

    async def batch_of(self, ran: Ran, client: int) -> BatchView:
        """The run's one batch of the client."""
        [found] = [v for v in await self.batches(ran) if v.bill_to == f"client:{client}"]
        return found

    async def judged(self) -> Verdict:
        """Line by line, by code that knows the load and HaloPSA's state only."""
        load = {"pax8": self.pax8, "halopsa": self.loaded, "person": self.edits}
        return judge(load, self.settings, await self.halo_state())

    async def assert_charged_is_posted(self) -> None:
        """Every line of the load stands once, to the cent, where it must; nothing else does."""
        verdict = await self.judged()
        assert not verdict.faults, str(verdict)

    async def assert_whole(self) -> None:
        """Nothing is parked, the newest run of every document accounts for every cent, and what
        they have posted is what stands at HaloPSA."""
        parked = await self.system.store.parking.list(TENANT)
        assert not parked, parked
        queries = self.system.gateway.queries
        newest = {run.document: run for run in await queries.runs(TENANT)}
        await self._assert_posted_stands(list(newest.values()))
        for run in newest.values():
            if run.stage is not Stage.ENDED or self.expect_unexplained:
                continue
            statement = await queries.statement(TENANT, run.run)
            assert statement.complete, f"{run.document} has ended, and a batch has not"
            for currency, sides in statement.currencies.items():
                for side in (sides.price, sides.cost):
                    assert side.unexplained == 0, f"{currency}: {side}"

    async def _assert_posted_stands(self, runs: list[Run]) -> None:
        if self.expect_unexplained or any(run.stage is not Stage.ENDED for run in runs):
            return
        shown = [await self.system.gateway.queries.statement(TENANT, run.run) for run in runs]
        gaps = standing_gaps(await self.halo_state(), [as_json(one) for one in shown])
        assert not gaps, gaps

    async def _set_up(self) -> None:
        await self.change(self.settings)
        for vendor in ACCOUNTS:
            await self.system.seal(TENANT, vendor, "id", "secret")

    async def _open(self) -> None:
        midday = datetime.combine(self.app.clock.today, time(12), UTC)
        clock = LoopClock(midday)
        store = open_store(self.folder, clock)
        options = Options(
            sandbox=SANDBOX,
            transport=httpx.ASGITransport(app=self.app),
            clock=clock,
            retries=Retries(attempts=2, first_wait_s=0.1, jitter=lambda: 0.5),
            seed=1,
            keys=KEYS,
            servers=servers_for(self.folder),
        )
        self._stack = AsyncExitStack()
        system = System(store, options, KEYS, self.folder)
        if self.listener is not None:
            store.bus.mount(self.listener)
        self.system = await self._stack.enter_async_context(system)


def changed(settings: dict[str, Any], **policy: Any) -> dict[str, Any]:
    """The settings with other values in the global policy."""
    return copy.deepcopy(settings) | {"policy": settings.get("policy", {}) | policy}


def as_json(statement: Statement) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement.model_dump_json())
    return found
