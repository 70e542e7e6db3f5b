"""The commands about schedules, each an async function with an exit code and a document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from chargeline import shown
from chargeline.desks import acting
from chargeline.report import DONE
from chargeline.session import Where
from chassis.errors import PermanentError
from gateway.domain.schedule import next_due
from gateway.schedules import Occurrence
from schemas.count_settings import Schedule
from schemas.settings import Scheduled, Settings

type Answer = tuple[int, dict[str, Any] | None]

SOURCES: tuple[Scheduled, ...] = get_args(Scheduled)


async def show(where: Where, *, as_json: bool) -> Answer:
    """Each source's schedule, its next due instant and the last one that was said."""
    async with acting(where, running=False) as desk:
        settings = await desk.queries.settings(desk.tenant)
        said = await desk.occurrences()
        now = desk.clock.now()
    rows = [_row(source, settings, said, now) for source in SOURCES]
    if as_json:
        zone = settings.tenant.timezone
        return DONE, {"schema": "chargeline.schedules.v1", "timezone": zone, "schedules": rows}
    for row in rows:
        state = "[green]on[/]" if row["enabled"] else "[dim]off[/]"
        when = f"month, on day {row['day']}" if row["every"] == "month" else "day"
        rests = f", from day {row['from_day']} on" if row["from_day"] > 1 else ""
        shown.out.print(f"{row['source']:9} {state}  every {when} at {row['at']}{rests}")
        due, last = row["next"] or "never", row["last"]
        shown.out.print(f"          [dim]next {due}; last {last['due'] if last else 'none'}[/]")
    return DONE, None


async def change(where: Where, source: str, changes: dict[str, Any]) -> Answer:
    """A new version of the settings; PermanentError `schedule-refused` with the reason."""
    if source not in SOURCES:
        known = ", ".join(SOURCES)
        raise PermanentError("schedule-refused", f"nothing of {source} is scheduled, but {known}")

    def changed(settings: Settings) -> Settings:
        before = settings.schedule.get(source)
        told = before.model_dump() if before is not None else {}
        try:
            schedule = Schedule.model_validate(told | changes)
        except ValidationError as error:
            first = error.errors()[0]
            named = " ".join(str(part) for part in first["loc"])
            says = str(first["msg"]).removeprefix("Value error, ")
            text = f"{named}: {says}" if named else says
            raise PermanentError("schedule-refused", text) from None
        return settings.model_copy(update={"schedule": settings.schedule | {source: schedule}})

    async with acting(where, running=False) as desk:
        settings = await desk.runs.change_settings(desk.tenant, changed)
        row = _row(source, settings, [], desk.clock.now())
    due = row["next"]
    says = f"next {due}, if `chargeline up` runs then" if due else "it is switched off"
    shown.err.print(f"{source}: {says}", markup=False)
    return DONE, None


def _row(
    source: Scheduled, settings: Settings, said: list[Occurrence], now: datetime
) -> dict[str, Any]:
    schedule = settings.schedule.get(source, Schedule())
    zone = settings.tenant.timezone
    due = next_due(schedule, zone, now)
    last = next((one for one in reversed(said) if one.source == source), None)
    return {
        "source": source,
        **schedule.model_dump(),
        "next": _local(due, zone) if due else None,
        "last": {"due": _local(last.due, zone), "missed": last.missed, "run_id": last.run}
        if last
        else None,
    }


def _local(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
