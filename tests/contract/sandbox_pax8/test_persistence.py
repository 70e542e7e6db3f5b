"""The sandbox as a place: its folder outlives it, its controls, and its socket."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import Sandbox
from sandbox.core import Clock, State, dumps, loads

from .conftest import Pax8
from .rows import CREDENTIALS, company, document


async def test_a_new_sandbox_on_the_same_folder_knows_what_was_answered(
    tmp_path: Path, only_pax8: Callable[..., Sandbox]
) -> None:
    before = Pax8(only_pax8(tmp_path))
    await before.sign_in()
    await before.load(companies=[company(1)], invoices=[document(3)])
    await before.spoil({"kind": "empty_500", "times": 3, "path": "/products"})
    await before.get("/products")
    seen = await before.state()

    # The first one is never closed, as a killed process never is.
    after = Pax8(only_pax8(tmp_path))
    assert await after.state() == seen
    after.http.headers.update(before.http.headers)
    assert (await after.get("/companies")).json()["page"]["totalElements"] == 1
    assert seen["faults"]["pending"][0]["times"] == 2


async def test_a_load_adds_and_a_replacing_load_starts_over(vendor: Pax8) -> None:
    await vendor.load(companies=[company(1)], invoices=[document(3)])
    await vendor.load(companies=[company(2)], invoices=[document(2)])
    entities = (await vendor.state())["entities"]
    assert [row["id"] for row in entities["companies"]] == [company(1)["id"], company(2)["id"]]
    assert len(entities["invoices"][0]["items"]) == 2, "an invoice comes with all its items"
    await vendor.load(replace=True, products=[{"id": "p-1"}])
    entities = (await vendor.state())["entities"]
    assert (entities["companies"], entities["invoices"]) == ([], [])


async def test_what_the_state_shows_can_be_loaded(
    vendor: Pax8, only_pax8: Callable[..., Sandbox]
) -> None:
    await vendor.load(companies=[company(1)], invoices=[document(3)], draft_items=[{"id": "d"}])
    entities = (await vendor.state())["entities"]
    other = Pax8(only_pax8())
    await other.load(**entities)
    assert (await other.state())["entities"] == entities


@pytest.mark.parametrize("payload", [{"clients": []}, {"companies": [{"name": "no id"}]}])
async def test_a_load_that_makes_no_sense_changes_nothing(
    vendor: Pax8, payload: dict[str, Any]
) -> None:
    await vendor.load(companies=[company(1)])
    answer = await vendor.http.post("/_sandbox/pax8/load?replace=true", json=payload)
    assert answer.status_code == 422
    assert len((await vendor.state())["entities"]["companies"]) == 1


async def test_calls_are_counted_by_method_and_template_until_reset(vendor: Pax8) -> None:
    await vendor.get("/invoices/1/items")
    await vendor.get("/invoices/2/items")
    calls = (await vendor.state())["calls"]
    assert calls == {"POST /token": 1, "GET /invoices/{id}/items": 2}
    await vendor.http.post("/_sandbox/pax8/reset_calls")
    assert (await vendor.state())["calls"] == {}


async def test_today_is_settable_and_kept(
    tmp_path: Path, only_pax8: Callable[..., Sandbox]
) -> None:
    first = Pax8(only_pax8(tmp_path))
    await first.http.post("/_sandbox/clock", json={"today": "2027-02-03"})
    again = Pax8(only_pax8(tmp_path))
    health = (await again.http.get("/_sandbox/health")).json()
    assert health == {"status": "ok", "vendors": ["pax8"], "today": "2027-02-03"}


def test_rows_keep_their_order_and_their_numerals(tmp_path: Path) -> None:
    state = State(tmp_path / "s.sqlite")
    for key in ("b", "a", "c"):
        state.put("t", key, {"n": loads("0.10"), "key": key})
    state.put("t", "b", {"n": loads("2.500"), "key": "b"})
    state.delete("t", "c")
    state.commit()
    again = State(tmp_path / "s.sqlite")
    assert again.keys("t") == ["b", "a"]
    assert dumps(again.rows("t")) == b'[{"n":2.500,"key":"b"},{"n":0.10,"key":"a"}]'
    again.close()
    state.close()


def test_a_clock_without_a_folder_has_a_fixed_day() -> None:
    assert Clock().today == Clock().today
    with pytest.raises(TypeError, match="JSON"):
        dumps({"day": Clock().today})


PROGRAM = """
import pathlib, sys
from sandbox import pax8
from sandbox.serve import serve
serve(0, pathlib.Path(sys.argv[1]), vendors={"pax8": pax8.build})
"""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A sandbox in a process of its own, killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("sandbox ready on http://"), line
        async with httpx.AsyncClient(base_url=line.split()[-1]) as http:
            yield http
    finally:
        process.kill()
        await process.communicate()


async def sign_in(http: httpx.AsyncClient) -> None:
    token = (await http.post("/pax8/v1/token", json=CREDENTIALS)).json()["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"


async def test_over_a_socket_a_lost_answer_is_a_transport_error_and_the_next_call_works(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as http:
        await sign_in(http)
        faults = [{"kind": "lost_answer"}, {"kind": "reset"}]
        assert (await http.post("/_sandbox/pax8/faults", json=faults)).status_code == 200
        for _ in faults:
            with pytest.raises(httpx.TransportError):
                await http.get("/pax8/v1/companies")
        assert (await http.get("/pax8/v1/companies")).status_code == 200
        fired = (await http.get("/_sandbox/pax8/state")).json()["faults"]["fired"]
        assert fired == {"lost_answer": 1, "reset": 1}


async def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    async with served(tmp_path) as http:
        await http.post("/_sandbox/pax8/load", json={"companies": [company(1)]})
        await sign_in(http)
        signed_in = http.headers["Authorization"]
    async with served(tmp_path) as http:
        http.headers["Authorization"] = signed_in
        assert (await http.get("/pax8/v1/companies")).json()["content"] == [company(1)]


async def test_a_lost_answer_leaves_its_change_behind_and_a_reset_does_not(vendor: Pax8) -> None:
    """The token endpoint is the one place of Pax8 that changes anything: it numbers its tokens."""
    await vendor.spoil(
        {"kind": "lost_answer", "path": "/token"}, {"kind": "reset", "path": "/token"}
    )
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await vendor.sign_in()
    token = (await vendor.sign_in()).json()["access_token"]
    assert token.endswith("-3"), "1 signed in, 2 was lost, the reset made none"
