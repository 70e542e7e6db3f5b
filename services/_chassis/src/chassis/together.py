"""Store work of many records, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

AT_ONCE = 16


async def together[T](work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What each came to, in order; a few are under way at a time, so that the store commits them in
    groups. A failure ends it when those at hand have ended, and the first is raised."""
    found: list[T] = []
    begun = 0
    try:
        while begun < len(work):
            some = work[begun : begun + AT_ONCE]
            begun += len(some)
            for result in await asyncio.gather(*some, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
                found.append(result)
    finally:
        for never in work[begun:]:
            never.close()
    return found
