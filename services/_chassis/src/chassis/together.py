"""Store work of many records, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

AT_ONCE = 32
WHOLE_AT_ONCE = 16  # whole batches in memory, some of them large


async def together[T](work: Sequence[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> list[T]:
    """What each came to, in order; a few are under way at a time, so that the store commits them in
    groups. A failure ends it when those at hand have ended, and the first is raised."""
    found: dict[int, T] = {}
    failed: dict[int, BaseException] = {}
    waiting = iter(enumerate(work))

    async def work_off() -> None:
        for number, one in waiting:
            try:
                found[number] = await one
            except BaseException as error:  # noqa: BLE001 - raised below
                failed[number] = error
            if failed:
                return

    try:
        await asyncio.gather(*(work_off() for _ in range(min(at_once, len(work)))))
    finally:
        for _, never in waiting:
            never.close()
    if failed:
        raise failed[min(failed)]
    return [found[number] for number in range(len(work))]
