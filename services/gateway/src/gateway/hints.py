"""What a vendor's webhook sets going: an ordinary read. What it says is never taken for true."""

from __future__ import annotations

from chassis.clock import Clock
from gateway.domain.run import Run, Stage
from gateway.incoming import Hook
from gateway.runs import Runs
from gateway.schedules import Schedules
from gateway.store import PAX8, Store


class Hints:
    """One reaction a vendor. Each may come twice, and late."""

    def __init__(self, store: Store, runs: Runs, schedules: Schedules, clock: Clock) -> None:
        self._store = store
        self._runs = runs
        self._schedules = schedules
        self._clock = clock

    async def take(self, hook: Hook, delivery: str) -> None:
        """`delivery` is the same when the vendor repeats itself."""
        if hook.vendor == PAX8:
            await self._schedules.hinted(hook.tenant, PAX8, delivery)
        elif hook.rested(self._clock.now()):
            await self._plan_anew(hook.tenant)

    async def _plan_anew(self, tenant: str) -> None:
        """Something moved at the destination: what waits for approval is planned on what is there.

        Not while something is being applied, which moves it, too. What is approved is compared
        with the destination in any case, so a hint that is passed over costs nobody money.
        """
        newest: dict[tuple[str, str], Run] = {}
        async for stored in self._store.runs.every(tenant, "tenant", tenant):
            run = stored.value
            if run.stage is Stage.APPLYING:
                return
            before = newest.get((run.source, run.document))
            if before is None or before.revision < run.revision:
                newest[run.source, run.document] = run
        for run in newest.values():
            if run.stage is Stage.PLANNED and not run.approved and not run.first_approvals:
                # Whoever had it planned counts as the planner of what comes of it, too.
                await self._runs.again(tenant, run.run, selection=None, planned_by=run.planned_by)
