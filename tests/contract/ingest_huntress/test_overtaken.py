"""Readings of counts that come too late, or know less, replace nothing that is better."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from chassis.errors import TransientError
from chassis.records import Record
from ingest_huntress.domain.snapshot import Day
from schemas.messages import CountsReceived
from support.counts import counting_settings
from support.huntress import organization, organizations
from support.memory_records import MemoryRecords

from .world import FIRST_DAY, World

ACME = 700101
MAPPED = {"company": str(ACME), "halo": 42}


def endpoints(units: int) -> dict[str, Any]:
    return organization(ACME, actual_usages={"edr": {"billable_agents_count": units}})


async def mapped(world: World, units: int) -> None:
    await world.use(counting_settings(MAPPED))
    await world.load(organizations=[endpoints(units)])


async def test_a_sync_that_waited_while_a_later_one_read_changes_nothing(world: World) -> None:
    await world.use(counting_settings(MAPPED, {"company": "700102", "halo": 43}))
    await world.load(organizations=[endpoints(19), organization(700102)])
    world.calls_left = 3  # who, the list and Acme; the other one has to wait
    older = await world.first_pass()
    await world.load(organizations=[endpoints(21), organization(700102)])
    await world.sync()
    kept = world.days()["2026-11-05"]
    world.last = older
    await world.resume()
    assert world.days()["2026-11-05"] == kept, "it has read 19, and 21 is newer"
    assert world.facts(CountsReceived)[-1].head.problem == "superseded"


async def test_an_overtaken_sync_says_that_it_was(world: World) -> None:
    await mapped(world, 19)
    await world.sync()
    older = world.last
    assert older is not None
    await world.sync()
    world.last = older
    await world.resume()
    said = world.facts(CountsReceived)[-1].head
    assert (said.revision, said.problem) == (1, "superseded")


async def test_killed_between_the_day_and_what_it_is_compared_with_it_ends_after_midnight(
    world: World,
) -> None:
    await mapped(world, 19)
    day = Day(day=FIRST_DAY.isoformat(), mode="detailed", at="", organizations=1, rows=())
    body = day.model_dump_json().encode()
    await MemoryRecords(world.shelf).insert(
        Record("msp", "snapshots", f"huntress/{FIRST_DAY}", 0, body)
    )
    world.clock.day += timedelta(days=1)
    fact = await world.sync(day=FIRST_DAY.isoformat())
    assert (fact.head.problem, fact.head.rows) == (None, 1)


async def test_a_quick_reading_replaces_no_detailed_one_of_its_day(world: World) -> None:
    await mapped(world, 19)
    await world.sync()
    quick = await world.sync(mode="quick")
    assert quick.rows[0].count == 21, "all endpoints, billable or not"
    [day] = world.days().values()
    assert (day.mode, day.rows[0].count) == ("detailed", 19)
    world.next_day()
    await world.sync(mode="quick")
    await world.sync()
    assert world.days()["2026-11-06"].mode == "detailed"


class Repeating(httpx.ASGITransport):
    """Answers the second page with the first one's rows, so many times."""

    def __init__(self, app: Any, times: int) -> None:
        super().__init__(app=app)
        self.times, self.first = times, b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if not request.url.path.endswith("/organizations"):
            return response
        raw = await response.aread()
        if "page_token" not in request.url.params:
            self.first = raw
        elif self.times:
            self.times -= 1
            return httpx.Response(200, content=self.first)
        return httpx.Response(response.status_code, content=raw)


async def test_a_list_that_repeated_itself_is_read_anew_when_the_job_comes_back(
    world: World,
) -> None:
    await world.use(counting_settings())
    await world.load(organizations=organizations(501))
    odd = httpx.AsyncClient(transport=Repeating(world.app, 2), base_url="http://sandbox")
    world.http, plain = odd, world.http
    with pytest.raises(TransientError, match="twice"):
        await world.sync()
    await world.resume()
    assert world.facts(CountsReceived)[-1].head.organizations == 501
    world.http = plain
    await odd.aclose()
