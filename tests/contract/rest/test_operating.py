"""The REST API as whoever runs it sees it: probes, numbers, the first key, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import httpx
import pytest
from prometheus_client import generate_latest
from starlette.types import Receive, Scope, Send

from chassis.errors import PermanentError
from chassis.servers.front import Front
from chassis.servers.health_http import Health, serving
from gateway.keys import OPERATOR_KEY, installable
from support.rest import Door, bearer
from support.told import Numbers, counted

FIRST = (f"{'ab' * 8}", f"{'cd' * 32}")
SECOND = (f"{'12' * 8}", f"{'34' * 32}")


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    with counted() as told:
        yield told


async def knocks(door: Door, key: tuple[str, str]) -> int:
    text = f"ck_{key[0]}_{key[1]}"
    return (await door.http.get("/v1/tenants", headers=bearer(text))).status_code


async def test_the_key_of_the_environment_opens_the_platform_and_is_kept_as_a_hash(
    door: Door,
) -> None:
    assert await knocks(door, FIRST) == 401
    made = await door.api.keys.install(*FIRST)
    await door.api.keys.install(*FIRST)  # every process does, at each of its starts
    assert await knocks(door, FIRST) == 200
    assert FIRST[1] not in made.model_dump_json()


async def test_a_new_key_in_the_environment_ends_the_one_before_and_no_other(door: Door) -> None:
    await door.api.keys.install(*FIRST)
    await door.api.keys.install(*SECOND)
    assert (await knocks(door, FIRST), await knocks(door, SECOND)) == (401, 200)
    await door.api.keys.install(*FIRST)  # a process of before, once more
    assert (await knocks(door, FIRST), await knocks(door, SECOND)) == (401, 200)
    made = await door.http.get("/v1/tenants", headers=bearer(door.operator))
    assert made.status_code == 200, "what was made otherwise stands"


async def test_another_secret_under_a_known_id_is_refused(door: Door) -> None:
    await door.api.keys.install(*FIRST)
    with pytest.raises(PermanentError) as refused:
        await door.api.keys.install(FIRST[0], SECOND[1])
    assert refused.value.code == "environment"
    assert await knocks(door, FIRST) == 200


def test_without_the_variable_nothing_is_installed() -> None:
    assert installable({}) is None
    assert installable({OPERATOR_KEY: ""}) is None
    assert installable({OPERATOR_KEY: f"ck_{FIRST[0]}_{FIRST[1]}"}) == FIRST


async def test_requests_are_counted_by_the_routes_template(door: Door, numbers: Numbers) -> None:
    summit = await door.tenant("summit")
    for run in ("one", "two"):
        await summit("GET", f"/runs/{run}")
    await door.http.get("/v1/nothing/here")
    name = "chargeline_rest_requests_total"
    route = "/tenants/{tenant}/runs/{run}"
    assert numbers.value(name, method="GET", route=route, status="404") == 2
    assert numbers.value(name, method="GET", route="none", status="404") == 1
    took = "chargeline_rest_request_duration_seconds_count"
    assert numbers.value(took, method="GET", route=route) == 2
    assert b"summit" not in generate_latest(numbers.registry)


async def test_probes_are_answered_beside_the_api_and_say_why_not(door: Door) -> None:
    why: list[str] = []

    async def ready() -> Sequence[str]:
        return why

    async def alive() -> Sequence[str]:
        return ()

    front = Front(Health(alive, ready), lambda: door.app)
    async with serving(front, "127.0.0.1", 0) as port:
        root = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=root) as http:
            assert (await http.get("/readyz")).json() == {"status": "ok"}
            why.append("it stops")
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/v1/tenants")).json()["code"] == "not-signed-in"
            assert (await http.get("/metrics")).json()["code"] == "not-found"


async def test_a_request_in_hand_is_answered_before_the_port_is_closed() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})

    async with httpx.AsyncClient() as http:
        async with serving(slow, "127.0.0.1", 0, drain_s=10) as port:
            asked = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/"))
            await begun.wait()
            asyncio.get_running_loop().call_later(0.3, go_on.set)  # while it stops
        assert asked.done()
        assert (await asked).text == "whole"
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{port}/")
