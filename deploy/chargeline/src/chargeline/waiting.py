"""A command waits for what the services say, but never for what can not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chargeline.session import TENANT
from chargeline.system import System
from chassis.errors import PermanentError, TransientError
from chassis.job_state import Job

_PATIENCE_S = 900.0  # without any change: longer than the longest wait for a vendor's window
_AFTER_FAILURE_S = 10.0


async def until(
    system: System,
    reached: Callable[[], Awaitable[bool]],
    look: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Wait for it; a job that fails for good meanwhile ends the command with its reason."""
    known = {job.id for job in await system.jobs.failed(TENANT)}
    quiet_s, failed_s, seen = 0.0, 0.0, -1
    pause_s = 0.05
    looks = 0
    fresh: list[Job] = []
    while not await reached():
        if look is not None and looks % 4 == 0:
            await look()
        looks += 1
        await system.options.clock.sleep(pause_s)
        calls = sum(system.connections.calls.values())
        quiet_s = quiet_s + pause_s if calls == seen else 0.0
        seen = calls
        if looks % 20 == 0:
            fresh = [job for job in await system.jobs.failed(TENANT) if job.id not in known]
        failed_s = failed_s + pause_s if fresh else 0.0
        if failed_s > _AFTER_FAILURE_S and fresh[0].head.failure is not None:
            failure = fresh[0].head.failure
            raise PermanentError(failure.code, failure.text)
        if quiet_s > _PATIENCE_S:
            raise TransientError(
                "no-progress",
                "nothing has moved for 15 minutes: `chargeline jobs` and"
                " `chargeline parked list` show what waits; the work goes on where it stopped",
            )
