"""A command waits for what the services say, but never for what can not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chargeline.desk import Desk, FailedJob
from chassis.errors import PermanentError, TransientError

_PATIENCE_S = 900.0  # without any change: longer than the longest wait for a vendor's window
_AFTER_FAILURE_S = 10.0
_EACH = 4  # looks of the caller for one at what shows progress
_JOBS_S = 1.0  # between two looks at the jobs that failed

# What a look saw: while it changes, something moves.
type Look = Callable[[], Awaitable[object]]


async def until(
    desk: Desk, reached: Callable[[], Awaitable[bool]], look: Look | None = None
) -> None:
    """Wait for it; a job that fails for good meanwhile ends the command with its reason."""
    known = {job.id for job in await desk.waits.failed()}
    quiet_s, failed_s, asked_s = 0.0, 0.0, 0.0
    looks = 0
    seen: object = None
    saw: object = None
    fresh: list[FailedJob] = []
    while not await reached():
        if look is not None and looks % _EACH == 0:
            saw = await look()
        looks += 1
        await desk.clock.sleep(desk.look_s)
        now = (sum(desk.calls.values()), saw)
        quiet_s = quiet_s + desk.look_s if now == seen else 0.0
        seen = now
        asked_s += desk.look_s
        if asked_s >= _JOBS_S:
            asked_s = 0.0
            fresh = [job for job in await desk.waits.failed() if job.id not in known]
        failed_s = failed_s + desk.look_s if fresh else 0.0
        if failed_s > _AFTER_FAILURE_S:
            raise PermanentError(fresh[0].code, fresh[0].text)
        if quiet_s > _PATIENCE_S:
            raise TransientError(
                "no-progress",
                "nothing has moved for 15 minutes: `chargeline jobs` and"
                " `chargeline parked list` show what waits; the work goes on where it stopped",
            )
