"""What every store promises (`chassis.records.Records`)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chassis.errors import PermanentError
from chassis.records import Message, Record, Records
from support.embedded import record


async def bodies(records: Records, count: int) -> list[bytes | None]:
    """What stands under the first numbers."""
    found = [await records.get("msp", "things", f"{n}") for n in range(count)]
    return [one.body if one else None for one in found]


async def test_what_is_inserted_is_read_back_whole(records: Records) -> None:
    messages = (Message("t", "k", b"1\x00\n2", {"h": "v"}), Message("t", "k", b""))
    stored = replace(record("a", b"\x00\xff", colour="red"), outgoing=messages)
    assert await records.insert(stored)
    assert await records.get("msp", "things", "a") == replace(stored, version=1)


async def test_an_insert_never_overwrites(records: Records) -> None:
    assert await records.insert(record("a", b"first", colour="red"))
    assert not await records.insert(record("a", b"second", colour="blue"))
    found = await records.get("msp", "things", "a")
    assert found is not None
    assert found.body == b"first"
    assert await records.count("msp", "things", "colour", "blue") == 0


async def test_inserts_in_order_end_before_the_first_that_was_there(records: Records) -> None:
    several = [record(f"{n}", b"new") for n in range(5)]
    assert await records.insert_in_order(several[:2]) == 2
    await records.insert(record("4", b"old"))
    assert await records.insert_in_order(several[1:]) == 0, "the first was there"
    assert await records.insert_in_order([*several[2:], record("5")]) == 2
    assert await bodies(records, 6) == [b"new", b"new", b"new", b"new", b"old", None]
    assert await records.insert_in_order([]) == 0


async def test_of_concurrent_inserts_in_order_each_place_is_taken_once(records: Records) -> None:
    """Two that begin at the same place: one adds them all, the other none."""
    mine, yours = ([record(f"{n}", who) for n in range(20)] for who in (b"mine", b"yours"))
    added = await asyncio.gather(records.insert_in_order(mine), records.insert_in_order(yours))
    assert sorted(added) == [0, 20]
    assert await bodies(records, 20) == [b"mine" if added[0] else b"yours"] * 20


async def test_those_with_any_of_some_values_are_found_by_key(records: Records) -> None:
    for number, colour in enumerate(("red", "green", "blue", "red", "white")):
        await records.insert(record(f"{number}", colour=colour))
        await records.insert(Record("other", "things", f"{number}", 0, b"", {"colour": colour}))

    async def found(*colours: str, limit: int = 100) -> list[str]:
        some = await records.find_any("msp", "things", "colour", colours, limit=limit)
        return [r.key for r in some]

    assert await found("red", "blue", "black") == ["0", "2", "3"]
    assert await found("red", "blue", limit=2) == ["0", "2"]
    assert await found() == []


async def test_a_replace_needs_the_version_that_is_stored(records: Records) -> None:
    await records.insert(record("a", b"one"))
    assert await records.replace(replace(record("a", b"two"), version=1))
    assert not await records.replace(replace(record("a", b"three"), version=1))
    assert not await records.replace(replace(record("none", b"x"), version=1))
    found = await records.get("msp", "things", "a")
    assert found is not None
    assert (found.version, found.body) == (2, b"two")


async def test_of_concurrent_replaces_one_wins(records: Records) -> None:
    await records.insert(record("a"))
    tries = [replace(record("a", b"%d" % n), version=1) for n in range(20)]
    won = await asyncio.gather(*(records.replace(r) for r in tries))
    assert won.count(True) == 1
    found = await records.get("msp", "things", "a")
    assert found is not None
    assert found.body == tries[won.index(True)].body


async def test_of_concurrent_inserts_one_wins(records: Records) -> None:
    won = await asyncio.gather(*(records.insert(record("a", b"%d" % n)) for n in range(20)))
    assert won.count(True) == 1


async def test_a_replace_moves_tags_and_messages(records: Records) -> None:
    old = replace(record("a", colour="red", size="xl"), outgoing=(Message("t", "k", b"1"),))
    await records.insert(old)
    assert len(await records.with_outgoing()) == 1
    await records.replace(replace(record("a", colour="blue"), version=1))
    assert await records.find("msp", "things", "colour", "red") == []
    assert await records.count("msp", "things", "size", "xl") == 0
    assert [r.key for r in await records.find("msp", "things", "colour", "blue")] == ["a"]
    assert await records.with_outgoing() == []


async def test_messages_are_cleared_and_the_version_stays(records: Records) -> None:
    await records.insert(replace(record("a", colour="red"), outgoing=(Message("t", "k", b"1"),)))
    held = await records.get("msp", "things", "a")
    assert held is not None
    await records.clear(held)
    await records.clear(held)  # as somebody does who did not hear that it was done
    assert await records.with_outgoing() == []
    stored = await records.get("msp", "things", "a")
    assert stored == replace(record("a", colour="red"), version=1)
    assert await records.replace(replace(stored, body=b"two")), "who read it before may replace it"


async def test_messages_of_a_later_write_are_not_cleared(records: Records) -> None:
    await records.insert(replace(record("a"), outgoing=(Message("t", "k", b"1"),)))
    held = await records.get("msp", "things", "a")
    assert held is not None
    later = replace(record("a"), version=1, outgoing=(Message("t", "k", b"2"),))
    assert await records.replace(later)
    await records.clear(held)
    [left] = await records.with_outgoing()
    assert left.outgoing == later.outgoing
    await records.clear(replace(held, key="none"))


async def test_a_tag_that_stays_is_found_before_and_after(records: Records) -> None:
    await records.insert(record("a", colour="red", size="xl"))
    await records.replace(replace(record("a", colour="blue", size="xl"), version=1))
    await records.replace(replace(record("a", colour="blue", size="xl"), version=2))
    for tag, value in (("colour", "blue"), ("size", "xl")):
        assert [r.key for r in await records.find("msp", "things", tag, value)] == ["a"]
    assert await records.count("msp", "things", "colour", "red") == 0


async def test_what_is_deleted_is_found_nowhere(records: Records) -> None:
    await records.insert(replace(record("a", colour="red"), outgoing=(Message("t", "k", b"1"),)))
    assert await records.delete("msp", "things", "a")
    assert not await records.delete("msp", "things", "a")
    assert await records.get("msp", "things", "a") is None
    assert await records.count("msp", "things", "colour", "red") == 0
    assert await records.with_outgoing() == []
    assert await records.insert(record("a"))
    again = await records.get("msp", "things", "a")
    assert again is not None
    assert again.outgoing == ()


async def test_find_pages_by_key(records: Records) -> None:
    for key in ("c", "a", "e", "b", "d"):
        await records.insert(record(key, colour="red" if key != "d" else "blue"))
    first = await records.find("msp", "things", "colour", "red", limit=2)
    rest = await records.find("msp", "things", "colour", "red", after=first[-1].key)
    assert [r.key for r in first + rest] == ["a", "b", "c", "e"]
    assert await records.count("msp", "things", "colour", "red") == 4


async def test_tenants_never_meet(records: Records) -> None:
    await records.insert(record("a", b"mine", colour="red"))
    other = Record("other", "things", "a", 0, b"theirs", {"colour": "red"})
    assert await records.insert(other)
    assert await records.find("msp", "things", "colour", "red") == [
        replace(record("a", b"mine", colour="red"), version=1)
    ]
    assert await records.count("other", "things", "colour", "red") == 1
    assert await records.delete("other", "things", "a")
    assert await records.get("msp", "things", "a") is not None


async def test_a_sweep_goes_through_all_tenants_from_its_cursor_on(records: Records) -> None:
    for tenant, key in (("b", "1"), ("a", "2"), ("a", "1"), ("ab", "0")):
        await records.insert(Record(tenant, "things", key, 0, b"", {"state": "open"}))
    seen: list[tuple[str, str]] = []
    after = ""
    while page := await records.sweep("things", "state", "open", after=after, limit=1):
        seen.append((page[0].tenant, page[0].key))
        after = f"{page[0].tenant}/{page[0].key}"
    assert seen == [("a", "1"), ("a", "2"), ("ab", "0"), ("b", "1")]


async def test_tenants_and_keys_are_in_the_order_of_their_bytes(records: Records) -> None:
    tenants = ("a", "a b", "a-b", "a.b", "aa", "A", "ä")
    keys = ("", "!", "0", "Z", "a", "a\tb", "a/b", "é", "🙂")
    for tenant in reversed(tenants):
        for key in keys:
            await records.insert(Record(tenant, "things", key, 0, b"", {"state": "open"}))
    everything = await records.sweep("things", "state", "open")
    seen = [(r.tenant.encode(), r.key.encode()) for r in everything]
    assert seen == sorted((t.encode(), k.encode()) for t in tenants for k in keys)
    of_one = await records.find("a", "things", "state", "open", after="0")
    assert [r.key for r in of_one] == ["Z", "a", "a\tb", "a/b", "é", "🙂"]
    assert await records.count("a", "things", "state", "open") == len(of_one) + 3


async def test_tags_and_headers_may_hold_any_text(records: Records) -> None:
    headers = {"a.b": "1", "$c": "2", "": "3", "d e": "="}
    stored = replace(
        record("a", formula="x=y=z", empty="", dotted="$a.b"),
        outgoing=(Message("t", "k", b"v", headers),),
    )
    await records.insert(stored)
    assert await records.get("msp", "things", "a") == replace(stored, version=1)
    assert len(await records.find("msp", "things", "formula", "x=y=z")) == 1
    assert await records.count("msp", "things", "formula", "x") == 0
    assert await records.count("msp", "things", "empty", "") == 1


async def test_a_long_list_is_found_in_one_call(records: Records) -> None:
    """Longer than what a server sends at once."""
    for number in range(250):
        await records.insert(record(f"{number:03}", b"x" * 100, colour="red"))
    found = await records.find("msp", "things", "colour", "red", limit=240)
    assert [r.key for r in found] == [f"{number:03}" for number in range(240)]


async def test_what_is_held_is_shown_up_to_the_limit(records: Records) -> None:
    message = (Message("t", "k", b"1"),)
    for number in range(5):
        await records.insert(replace(record(f"{number}"), outgoing=message))
    assert len(await records.with_outgoing(limit=3)) == 3
    for number in range(5):
        await records.replace(replace(record(f"{number}"), version=1))
    assert await records.with_outgoing(limit=3) == []


async def test_what_is_only_added_to_is_neither_changed_nor_deleted(records: Records) -> None:
    entry = Record("msp", "audit", "000000000001", 0, b"as it was", {"of": "log"})
    assert await records.insert(entry)
    with pytest.raises(PermanentError, match="append-only"):
        await records.replace(replace(entry, version=1, body=b"edited"))
    with pytest.raises(PermanentError, match="append-only"):
        await records.delete("msp", "audit", "000000000001")
    found = await records.get("msp", "audit", "000000000001")
    assert found is not None
    assert found.body == b"as it was"
