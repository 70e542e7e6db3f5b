"""Writes: once a key, never over somebody else's change, each with its entry in the audit log."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chassis.embedded.sqlite import FILE
from support.rest import Door


async def test_a_write_sent_twice_under_one_key_is_done_once(door: Door) -> None:
    owner = await door.tenant("first")
    run, headers = {"document": "inv-1"}, {"Idempotency-Key": "november"}
    one = await owner("POST", "/runs", json=run, headers=headers)
    two = await owner("POST", "/runs", json=run, headers=headers)
    assert one.status_code == two.status_code == 202
    assert one.json() == two.json()
    assert "Idempotency-Replayed" not in one.headers
    assert two.headers["Idempotency-Replayed"] == "true"
    assert len((await owner("GET", "/runs")).json()["items"]) == 1


async def test_the_key_of_another_request_is_refused(door: Door) -> None:
    owner = await door.tenant("first")
    headers = {"Idempotency-Key": "november"}
    await owner("POST", "/runs", json={"document": "inv-1"}, headers=headers)
    other = await owner("POST", "/runs", json={"document": "inv-2"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_refused_write_leaves_its_key_free(door: Door) -> None:
    owner = await door.tenant("first")
    headers = {"Idempotency-Key": "november"}
    assert (await owner("POST", "/runs", json={}, headers=headers)).status_code == 422
    made = await owner("POST", "/runs", json={"document": "inv-1"}, headers=headers)
    assert made.status_code == 202


async def test_two_tenants_may_use_one_key(door: Door) -> None:
    first, second = await door.tenant("first"), await door.tenant("second")
    headers = {"Idempotency-Key": "november"}
    for owner in (first, second):
        made = await owner("POST", "/runs", json={"document": "inv-1"}, headers=headers)
        assert "Idempotency-Replayed" not in made.headers


async def test_a_change_over_somebody_elses_is_refused(door: Door) -> None:
    owner = await door.tenant("first")
    read = await owner("GET", "/settings")
    change = {"policy": {"drop_zero": True}}
    headers = {"If-Match": read.headers["ETag"]}
    mine = await owner("PATCH", "/settings", json=change, headers=headers)
    assert mine.status_code == 200
    theirs = await owner(
        "PATCH", "/settings", json={"policy": {"drop_zero": False}}, headers=headers
    )
    assert (theirs.status_code, theirs.json()["code"]) == (412, "settings-changed")
    now = await owner("GET", "/settings")
    assert now.json()["policy"]["drop_zero"] is True
    assert now.headers["ETag"] == mine.headers["ETag"] != read.headers["ETag"]


async def test_a_change_of_nothing_read_is_refused(door: Door) -> None:
    owner = await door.tenant("first")
    answer = await owner("PATCH", "/settings", json={"policy": {"drop_zero": True}})
    assert (answer.status_code, answer.json()["code"]) == (428, "if-match-missing")


async def test_of_many_changes_at_once_none_is_lost(door: Door) -> None:
    owner = await door.tenant("first")

    async def mapped(number: int) -> int:
        row = {"company": f"company-{number}", "halo": number}
        return (await owner("PUT", "/mappings/clients", json=row)).status_code

    assert await asyncio.gather(*(mapped(n) for n in range(1, 13))) == [200] * 12
    rows = (await owner("GET", "/mappings/clients")).json()["items"]
    assert {row["halo"] for row in rows} == set(range(1, 13))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"policy": {"drop_zer": True}}, "policy.drop_zer"),
        ({"schedule": {"pax8": {"every": "month"}}}, "schedule.pax8"),
        ({"halopsa": {"in_flight": "many"}}, "halopsa.in_flight"),
    ],
)
async def test_what_the_settings_do_not_know_is_named(
    door: Door, change: dict[str, object], named: str
) -> None:
    owner = await door.tenant("first")
    read = await owner("GET", "/settings")
    headers = {"If-Match": read.headers["ETag"]}
    answer = await owner("PATCH", "/settings", json=change, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
    assert named in answer.json()["detail"]


async def test_every_change_is_in_the_log_with_what_stood_before(door: Door) -> None:
    owner = await door.tenant("first")
    read = await owner("GET", "/settings")
    headers = {"If-Match": read.headers["ETag"], "X-Request-Id": "asked-by-a-test"}
    await owner("PATCH", "/settings", json={"policy": {"drop_zero": True}}, headers=headers)
    log = (await owner("GET", "/audit")).json()["items"]
    assert [entry["action"] for entry in log] == ["tenant-made", "settings-changed"]
    last = log[-1]
    assert last["before"] == {"policy": {"drop_zero": None}}
    assert last["after"] == {"policy": {"drop_zero": True}}
    assert last["request"] == "asked-by-a-test"
    assert last["by"].startswith("key:")


async def test_an_entry_that_was_edited_is_found(door: Door, tmp_path: Path) -> None:
    """In the file itself: the store changes none (see contract/store)."""
    owner = await door.tenant("first")
    for number in (1, 2, 3):
        await owner("PUT", "/mappings/clients", json={"company": f"c{number}", "halo": number})
    assert (await owner("GET", "/audit/proof")).json()["broken_at"] is None
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        edited = file.execute(
            "UPDATE records SET body = CAST(replace(body, ?, ?) AS BLOB)"
            " WHERE collection = 'audit' AND tenant = 'first' AND key = '000000000002'",
            ('"halo":1', '"halo":9'),
        )
        assert edited.rowcount == 1
    told = (await owner("GET", "/audit/proof")).json()
    assert told["broken_at"] == 3, "the one after it no longer follows"


async def test_a_log_that_was_cut_short_no_longer_ends_as_it_did(
    door: Door, tmp_path: Path
) -> None:
    owner = await door.tenant("first")
    for number in (1, 2, 3):
        await owner("PUT", "/mappings/clients", json={"company": f"c{number}", "halo": number})
    noted = (await owner("GET", "/audit/proof")).json()
    assert noted["entries"] == 4
    assert (await owner("GET", "/audit/proof")).json() == noted
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        for table in ("records", "tags"):
            file.execute(f"DELETE FROM {table} WHERE collection = 'audit' AND key = '000000000004'")
    cut = (await owner("GET", "/audit/proof")).json()
    assert cut["broken_at"] is None, "what is left follows"
    assert (cut["entries"], cut["last"]) != (noted["entries"], noted["last"])


async def test_many_changes_at_once_are_one_chain(door: Door) -> None:
    await door.tenant("first")
    audit = door.api.audit
    await asyncio.gather(*(audit.add("first", "test", f"act-{n}") for n in range(20)))
    assert await audit.broken("first") is None
    assert len(await audit.page("first", "", 100)) == 21
