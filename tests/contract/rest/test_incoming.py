"""Vendors' webhooks: known by address, name and password; a hint, whatever they say."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.domain.run import Run, Stage
from gateway.incoming import CALLS_MAX
from gateway.store import PLATFORM
from support.rest import ORIGIN, Asking, Door, open_door
from support.telling import MovedClock

INVOICE = {"webhookId": "w-1", "sentAt": "2026-11-05T06:00:00Z", "payloadData": {"id": "inv-1"}}
TICKET = {"id": "0b1c6f0e-0000-4000-8000-000000000001", "event": "invoice updated", "object_id": 7}


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def door(tmp_path: Path, clock: MovedClock) -> AsyncIterator[Door]:
    async with open_door(tmp_path, clock=clock) as opened:
        yield opened


async def made(owner: Asking, vendor: str = "pax8") -> dict[str, Any]:
    answer = await owner("POST", f"/incoming/{vendor}")
    assert answer.status_code == 201, answer.text
    address: dict[str, Any] = answer.json()
    return address


async def call(
    door: Door, address: dict[str, Any], body: Any = INVOICE, authorization: str | None = None
) -> httpx.Response:
    """As the vendor calls."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = address["authorization"] if authorization is None else authorization
    headers = {"Authorization": signed, "Content-Type": "application/json"}
    return await door.http.post(
        address["url"].removeprefix(ORIGIN), content=content, headers=headers
    )


async def listings(door: Door, tenant: str = "first") -> int:
    """How many times the source was asked for its documents."""
    return len(await door.api.gateway.schedules.occurrences(tenant))


async def test_what_the_vendor_is_given_is_shown_once(door: Door) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    assert address["url"].startswith(f"{ORIGIN}/v1/hooks/")
    name_and_password = f"{address['username']}:{address['password']}".encode()
    assert address["authorization"] == "Basic " + base64.b64encode(name_and_password).decode()
    secret = address["url"].rpartition("/")[2]
    [listed] = (await owner("GET", "/incoming")).json()["items"]
    log = (await owner("GET", "/audit")).text
    kept = await door.store.records.find(PLATFORM, "incoming", "of", "first")
    for shown in (json.dumps(listed), log, *(f"{r.key}{r.body!r}" for r in kept)):
        assert secret not in shown
        assert address["password"] not in shown


async def test_an_invoice_is_a_reason_to_ask_pax8_and_nothing_is_taken_from_it(door: Door) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    answer = await call(door, address)
    assert (answer.status_code, answer.json()) == (200, {"heard": True})
    [said] = await door.api.gateway.schedules.occurrences("first")
    assert (said.source, said.by) == ("pax8", "webhook")
    command = await door.store.records.find("first", "occurrences", "tenant", "first")
    assert b"inv-1" not in command[0].body


async def test_a_call_that_is_repeated_asks_once(door: Door, clock: MovedClock) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    for _ in range(3):
        assert (await call(door, address)).status_code == 200
        clock.move(hours=1)
    assert await listings(door) == 1
    await call(door, address, INVOICE | {"sentAt": "2026-11-05T07:00:00Z"})
    assert await listings(door) == 2, "another call is another reason"


async def test_the_vendors_own_name_for_a_call_tells_repetitions(door: Door) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    await call(door, address, {"id": "d-1", "attempt": 1})
    await call(door, address, {"id": "d-1", "attempt": 2})
    assert await listings(door) == 1


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1]", b'{"id": 5}', b'{"id": ""}', b"[" * 100_000, b"\xff\xfe"]
)
async def test_whatever_it_says_it_is_a_hint(door: Door, body: bytes) -> None:
    owner = await door.tenant("first")
    assert (await call(door, await made(owner), body)).status_code == 200
    assert await listings(door) == 1


async def test_who_does_not_know_all_of_it_is_told_what_everybody_is_told(door: Door) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    wrong = base64.b64encode(b"chargeline:wrong").decode()
    other = base64.b64encode(f"somebody:{address['password']}".encode()).decode()
    elsewhere = address | {"url": f"{ORIGIN}/v1/hooks/{'A' * 43}"}
    answers = [
        await call(door, address, authorization=given)
        for given in ("", f"Basic {wrong}", f"Basic {other}", "Basic ???", "Bearer x", "Basic Og==")
    ]
    answers += [await call(door, elsewhere), await call(door, elsewhere, b"x" * 300_000)]
    answers += [await door.http.post("/v1/nowhere", json=INVOICE)]
    told = [(a.status_code, a.json() | {"request": ""}, _headers(a)) for a in answers]
    assert all(one == told[-1] for one in told)
    assert told[-1][0] == 404
    assert await listings(door) == 0
    [listed] = (await owner("GET", "/incoming")).json()["items"]
    assert listed["refused_at"] is not None
    assert listed["heard_at"] is None


def _headers(answer: httpx.Response) -> dict[str, str]:
    own = ("x-request-id", "ratelimit-")
    return {k: v for k, v in answer.headers.items() if not k.startswith(own)}


async def test_a_new_address_takes_the_place_of_the_old_one(door: Door) -> None:
    owner = await door.tenant("first")
    old, new = await made(owner), await made(owner)
    assert (await call(door, old)).status_code == 404
    assert (await call(door, new)).status_code == 200
    assert (await owner("DELETE", "/incoming/pax8")).status_code == 204
    assert (await call(door, new)).status_code == 404
    gone = await owner("DELETE", "/incoming/pax8")
    assert (gone.status_code, gone.json()["code"]) == (404, "hook-unknown")


async def test_an_address_is_one_tenants_and_one_vendors(door: Door) -> None:
    first, second = await door.tenant("first"), await door.tenant("second")
    address, other = await made(first), await made(second)
    crossed = await call(door, address, authorization=other["authorization"])
    assert crossed.status_code == 404
    assert (await call(door, other)).status_code == 200
    assert (await listings(door), await listings(door, "second")) == (0, 1)
    unknown = await first("POST", "/incoming/huntress")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "vendor-unknown")


async def test_a_call_that_is_too_large_is_refused(door: Door) -> None:
    owner = await door.tenant("first")
    answer = await call(door, await made(owner), b"x" * (256 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert await listings(door) == 0


async def test_an_address_that_is_called_all_the_time_is_told_to_wait(
    door: Door, clock: MovedClock
) -> None:
    owner = await door.tenant("first")
    address = await made(owner)
    for _ in range(CALLS_MAX):
        assert (await call(door, address)).status_code == 200
    answer = await call(door, address)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-calls")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    clock.move(seconds=61)
    assert (await call(door, address)).status_code == 200


async def kept_run(door: Door, document: str, stage: Stage, revision: int = 1) -> str:
    run = Run(
        run=f"run-{document}-{revision}",
        tenant="first",
        source="pax8",
        document=document,
        revision=revision,
        settings=await door.api.gateway.runs._store.change_settings("first", lambda s: s),
        connection="c",
        stage=stage,
        selection=("order:PO-7",),
    )
    runs = door.api.gateway.runs._store.runs
    assert await runs.insert("first", run.run, run, tags={"tenant": "first"})
    return run.run


async def stages(door: Door) -> dict[str, str]:
    found = await door.api.gateway.queries.runs_page("first", "", 100)
    return {run.run: run.stage.value for run in found}


async def test_what_waits_for_approval_is_planned_on_what_halopsa_has_now(
    door: Door, clock: MovedClock
) -> None:
    owner = await door.tenant("first")
    address = await made(owner, "halopsa")
    old = await kept_run(door, "inv-1", Stage.PLANNED)
    waits = await kept_run(door, "inv-1", Stage.PLANNED, revision=2)
    ended = await kept_run(door, "inv-2", Stage.ENDED)
    assert (await call(door, address, TICKET)).status_code == 200
    assert await stages(door) == {old: "planned", waits: "reading", ended: "ended"}
    third = await kept_run(door, "inv-3", Stage.PLANNED)
    await call(door, address, TICKET | {"id": "another"})
    assert (await stages(door))[third] == "planned", "not at every call of a busy hour"
    clock.move(minutes=5)
    await call(door, address, TICKET | {"id": "one more"})
    assert (await stages(door))[third] == "reading"


async def test_r13_a_person_plans_another_selection_and_nobody_else_does(
    door: Door,
) -> None:
    owner = await door.tenant("first")
    waits = await kept_run(door, "inv-1", Stage.PLANNED)
    address = await made(owner, "halopsa")
    selected = {}
    assert (await call(door, address, TICKET)).status_code == 200
    selected["a hint"] = await selection(owner, waits)
    await owner("POST", f"/runs/{waits}/retry")
    selected["a retry"] = await selection(owner, waits)
    await owner("POST", f"/runs/{waits}/again", json={"products": ["SKU-1"], "types": ["seat"]})
    selected["a person"] = await selection(owner, waits)
    await owner("POST", f"/runs/{waits}/again")
    selected["all of it"] = await selection(owner, waits)
    assert selected == {
        "a hint": ["order:PO-7"],
        "a retry": ["order:PO-7"],
        "a person": ["product:SKU-1", "type:seat"],
        "all of it": [],
    }
    refused = await owner("POST", f"/runs/{waits}/again", json={"order": ["PO-7"]})
    assert refused.status_code == 422, "a misspelt group would hold everything"


async def selection(owner: Asking, run: str) -> list[str]:
    found: list[str] = (await owner("GET", f"/runs/{run}")).json()["selection"]
    return found


async def test_nothing_is_planned_while_a_run_is_applied(door: Door) -> None:
    owner = await door.tenant("first")
    address = await made(owner, "halopsa")
    waits = await kept_run(door, "inv-1", Stage.PLANNED)
    await kept_run(door, "inv-2", Stage.APPLYING)
    assert (await call(door, address, TICKET)).status_code == 200
    assert (await stages(door))[waits] == "planned"
