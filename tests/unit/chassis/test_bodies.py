"""Bodies come back as they were put, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.bodies import PART_BYTES, Bodies
from chassis.embedded import EmbeddedStore
from chassis.errors import PermanentError
from schemas import frame
from support.embedded import Sent, open_store
from support.memory_records import MemoryRecords
from support.virtual_loop import in_virtual_time

HEAD = Sent(tenant="msp", run="run", revision=1, settings="s")
NOISE = Random(1).randbytes(PART_BYTES * 2 + 100)  # does not compress: three parts


@settings(max_examples=20)
@given(st.binary(max_size=2000), st.integers(1, 60))
def test_any_body_comes_back(piece: bytes, times: int) -> None:
    async def there_and_back(folder: str) -> bytes:
        store = open_store(Path(folder))
        ref = await store.bodies.put("msp", piece * times)
        body = await store.bodies.get("msp", ref)
        store.close()
        return body

    with TemporaryDirectory() as folder:
        assert in_virtual_time(there_and_back(folder)) == piece * times


async def test_a_body_of_several_parts_is_stored_once(system: EmbeddedStore) -> None:
    ref = await system.bodies.put("msp", NOISE)
    assert await system.bodies.put("msp", NOISE) == ref
    assert await system.bodies.get("msp", ref) == NOISE
    with pytest.raises(PermanentError, match="body-missing"):
        await system.bodies.get("other", ref)


async def test_a_damaged_body_is_never_handed_out(system: EmbeddedStore) -> None:
    ref = await system.bodies.put("msp", NOISE)
    key = f"{ref.digest}-00002"
    part = await system.records.get("msp", "bodies", key)
    assert part is not None
    await system.records.replace(replace(part, body=part.body[:-1] + b"?"))
    with pytest.raises(PermanentError, match="body-damaged"):
        await system.bodies.get("msp", ref)
    await system.records.delete("msp", "bodies", key)
    with pytest.raises(PermanentError, match="body-damaged"):
        await system.bodies.get("msp", ref)


async def test_a_small_body_stays_plain_on_this_machine_and_is_verified_all_the_same(
    system: EmbeddedStore,
) -> None:
    ref = await system.bodies.put("msp", b"[1]")
    part = await system.records.get("msp", "bodies", f"{ref.digest}-00000")
    assert part is not None
    assert part.body == b"[1]"
    await system.records.replace(replace(part, body=b"[2]"))
    with pytest.raises(PermanentError, match="body-damaged"):
        await system.bodies.get("msp", ref)


async def test_over_a_network_a_body_travels_small() -> None:
    records = MemoryRecords()
    records.is_local = False  # type: ignore[misc] # of this one
    bodies = Bodies(records)
    ref = await bodies.put("msp", b"x" * 10_000)
    part = await records.get("msp", "bodies", f"{ref.digest}-00000")
    assert part is not None
    assert len(part.body) < 100
    assert await bodies.get("msp", ref) == b"x" * 10_000


async def test_only_a_large_body_leaves_the_message(system: EmbeddedStore) -> None:
    small = await system.bodies.message(HEAD, "msp/a", b"x" * frame.INLINE_LIMIT_BYTES)
    assert len(frame.decode(small.value)[1]) == frame.INLINE_LIMIT_BYTES
    body = b"x" * (frame.INLINE_LIMIT_BYTES + 1)
    large = await system.bodies.message(HEAD, "msp/a", body)
    head, rest = frame.decode(large.value)
    ref = Sent.model_validate_json(head).body
    assert rest == b""
    assert ref is not None
    assert await Bodies(system.records).get("msp", ref) == body


async def test_a_head_that_grew_too_large_is_refused(system: EmbeddedStore) -> None:
    with pytest.raises(PermanentError, match="head-too-large"):
        await system.bodies.message(HEAD.model_copy(update={"document": "d" * 4096}), "msp")
