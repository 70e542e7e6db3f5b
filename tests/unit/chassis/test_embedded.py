"""The data folder: one owner, group commit, and a file that refuses loudly."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.delivery import DeliverySettings
from chassis.embedded import EmbeddedStore, ThreadExecutor, writer
from chassis.embedded.recent import Recent
from chassis.embedded.sqlite import FILE
from chassis.embedded.writer import InlineExecutor
from chassis.errors import PermanentError, TransientError
from chassis.service import Body
from support.embedded import QUICK, Sent, open_store, record, sent, service


async def test_a_folder_has_one_owner_and_others_read(tmp_path: Path) -> None:
    owner = open_store(tmp_path, "thread")
    await owner.records.insert(record("a"))
    with pytest.raises(PermanentError, match="data-folder-in-use"):
        open_store(tmp_path)
    reader = EmbeddedStore.open(tmp_path, read_only=True)
    assert await reader.records.get("msp", "things", "a") is not None
    for write in (reader.records.insert(record("b")), reader.bus.publish([sent(1)])):
        with pytest.raises(PermanentError, match="data-folder-in-use"):
            await write
    reader.close()
    owner.close()
    late = EmbeddedStore.open(tmp_path, read_only=True)
    assert await late.records.get("msp", "things", "a") is not None
    late.close()
    open_store(tmp_path).close()


async def test_what_is_committed_moves_into_the_file_when_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, "thread")
    before = (tmp_path / FILE).stat().st_size
    await store.records.insert(record("a", b"x" * 500_000))
    assert (tmp_path / FILE).stat().st_size == before, "a commit waits for no second copy"
    monkeypatch.setattr(writer, "_QUIET_S", 0.01)
    await store.records.insert(record("b"))
    async with asyncio.timeout(10):
        while (tmp_path / FILE).stat().st_size < before + 500_000:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.005)
    store.close()


async def test_writes_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path, "thread")
    done = await asyncio.gather(*(store.records.insert(record(f"{n}")) for n in range(400)))
    store.close()
    assert all(done)
    assert store.executor.commits < 100


async def test_a_write_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    store = open_store(tmp_path, "thread")
    bad = record("bad", b"x", tag=None)  # type: ignore[arg-type]
    results = await asyncio.gather(
        store.records.insert(record("a")),
        store.records.insert(bad),
        store.records.insert(record("b")),
        return_exceptions=True,
    )
    assert [isinstance(r, Exception) for r in results] == [False, True, False]
    assert await store.records.get("msp", "things", "bad") is None
    assert await store.records.get("msp", "things", "b") is not None
    store.close()


@pytest.mark.parametrize("end", ["awaited", "cancelled", "deleted"])
async def test_what_was_read_while_a_write_was_under_way_is_not_taken_for_stored(
    tmp_path: Path, end: str
) -> None:
    store, goes_on = open_store(tmp_path, "thread"), threading.Event()
    await store.records.insert(record("a", b"old"))
    store.executor.submit(lambda _: goes_on.wait())  # the writer is held up before ours
    if end == "deleted":
        write = asyncio.create_task(store.records.delete("msp", "things", "a"))
    else:
        new = replace(record("a", b"new"), version=1)
        write = asyncio.create_task(store.records.replace(new))
    await asyncio.sleep(0)
    if end == "cancelled":
        write.cancel()
        await asyncio.wait([write])
    before = await store.records.get("msp", "things", "a")
    goes_on.set()
    await store.records.insert(record("b"))  # the commit after it
    after = await store.records.get("msp", "things", "a")
    store.close()
    assert before is not None
    assert before.body == b"old"
    assert (after and (after.version, after.body)) == (None if end == "deleted" else (2, b"new"))


async def test_records_in_use_are_read_once_and_large_ones_are_not_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.records.insert(record("small", b"x", colour="red"))
    await store.records.insert(record("large", b"x" * 100_000))
    for key, again in (("small", True), ("large", False)):
        first = await store.records.get("msp", "things", key)
        assert (await store.records.get("msp", "things", key) is first) is again
    store.close()


def test_of_the_records_in_use_eight_megabytes_are_kept() -> None:
    recent, records = Recent(), [record(f"{n}", b"x" * 50_000) for n in range(200)]
    for each in records:
        recent.keep(each)
        recent.get(records[0].place)
    kept = [n for n, each in enumerate(records) if recent.get(each.place)]
    assert kept == [0, *range(200 - 165, 200)], "and of those the ones that were used last"


async def test_a_full_disk_is_waited_out(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.executor.write(lambda c: c.execute("PRAGMA max_page_count=20").fetchall())
    with pytest.raises(TransientError, match="store-away"):
        await store.records.insert(record("big", b"x" * 400_000))
    assert await store.records.get("msp", "things", "big") is None
    await store.executor.write(lambda c: c.execute("PRAGMA max_page_count=4000").fetchall())
    assert await store.records.insert(record("big", b"x" * 400_000))
    store.close()
    with pytest.raises(TransientError, match="store-away"):
        await store.records.insert(record("late"))


@pytest.mark.parametrize("damage", [b"no database at all" * 100, None])
async def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    store = open_store(tmp_path)
    for n in range(100):
        await store.records.insert(record(f"{n}", b"x" * 500, colour="red"))
    store.close()
    file = tmp_path / FILE
    whole = file.read_bytes()
    file.write_bytes(damage or whole[:8192] + b"\xff" * 8192 + whole[16384:])
    with pytest.raises(PermanentError, match="store-corrupt"):
        open_store(tmp_path)
    file.write_bytes(whole)
    open_store(tmp_path).close()


async def test_pruning_waits_for_every_group(tmp_path: Path) -> None:
    async def on_sent(head: Sent, body: Body) -> None:
        pass

    store = EmbeddedStore.open(tmp_path, executor=InlineExecutor(), settings=_keeping(0))
    store.bus.mount(service(on_sent, "one"))
    await store.bus.publish([sent(n, f"msp/{n}") for n in range(20)])
    assert await store.prune() == 0
    await store.start()
    await store.bus.idle()
    await store.stop()
    await store.bus.publish([sent(20)])
    assert await store.prune() == 20
    assert await store.prune() == 0
    store.close()


@pytest.mark.parametrize("executor", ["inline", "thread"])
async def test_how_far_a_group_is_costs_no_commit_of_its_own(tmp_path: Path, executor: str) -> None:
    seen: list[int] = []

    async def on_sent(head: Sent, body: Body) -> None:
        seen.append(head.number)

    async def delivered(last: str) -> list[int]:
        """What a new start delivers; `last` is how the process ends."""
        seen.clear()
        store = open_store(tmp_path, executor)
        store.bus.mount(service(on_sent))
        await store.bus.start()
        await store.bus.idle()
        before = store.executor.commits
        await store.bus.publish([sent(1), sent(2)])
        await store.bus.idle()
        assert store.executor.commits == before + 1
        if last == "another write":
            await store.records.insert(record(f"{before}-{len(seen)}"))
        if last == "stop":
            await store.bus.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        store.close()
        return list(seen)

    assert await delivered("crash") == [1, 2]
    assert await delivered("another write") == [1, 2, 1, 2]  # the crash forgot how far it was
    assert await delivered("stop") == [1, 2]
    assert await delivered("stop") == [1, 2]


async def test_where_nobody_minds_the_order_messages_are_handled_at_once(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)

    async def on_sent(head: Sent, body: Body) -> None:
        await both.wait()  # neither goes on before both were begun

    store = open_store(tmp_path, "thread")
    store.bus.mount(service(on_sent, side_by_side=True))
    await store.bus.publish([sent(1), sent(2)])
    await store.start()
    await asyncio.wait_for(store.idle(), 5)
    await store.stop()
    store.close()
    assert not both.broken


async def test_the_offset_does_not_pass_a_message_that_is_still_in_hand(tmp_path: Path) -> None:
    seen: list[int] = []
    all_seen = asyncio.Event()
    hangs = True

    async def on_sent(head: Sent, body: Body) -> None:
        seen.append(head.number)
        if len(seen) == 4:
            all_seen.set()
        if hangs and head.number == 1:
            await asyncio.Event().wait()

    store = open_store(tmp_path)
    store.bus.mount(service(on_sent, side_by_side=True))
    await store.bus.publish([sent(n) for n in range(4)])
    await store.start()
    await all_seen.wait()
    await store.records.insert(record("a"))  # the commit that offsets go with
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()  # a crash: nobody says goodbye
    store.close()
    assert seen == [0, 1, 2, 3]

    seen.clear()
    hangs = False
    store = open_store(tmp_path)
    store.bus.mount(service(on_sent, side_by_side=True))
    await store.start()
    await store.idle()
    await store.stop()
    store.close()
    assert seen == [1, 2, 3]


def _keeping(messages: int) -> DeliverySettings:
    return DeliverySettings(log_keep=messages)


async def test_a_publisher_that_is_cancelled_still_wakes_the_consumer(tmp_path: Path) -> None:
    seen: list[int] = []

    async def on_sent(head: Sent, body: Body) -> None:
        seen.append(head.number)

    store = EmbeddedStore.open(tmp_path, executor=ThreadExecutor(), settings=QUICK)
    store.bus.mount(service(on_sent))
    await store.start()
    await store.bus.idle()
    publishing = asyncio.create_task(store.bus.publish([sent(1)]))
    await asyncio.sleep(0)
    publishing.cancel()
    await store.records.insert(record("a"))  # the commit after it
    await store.bus.idle()
    await store.stop()
    store.close()
    assert seen == [1]
