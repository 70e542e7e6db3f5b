"""What traces and numbers say of a call: method and path, without ids and without the query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import httpx

from chassis.telemetry import metrics, span, tracing

_TOO_MANY = 429
_WORD = re.compile(r"v\d+|[A-Za-z]+\d?|[A-Za-z._-]+")


@contextmanager
def observed(vendor: str, method: str, url: str) -> Iterator[None]:
    """A span and the time of one call."""
    with (
        metrics.timed(metrics.CALL, vendor=vendor, method=method),
        span(f"{method} {vendor}", vendor=vendor, method=method, path=templated(url)),
    ):
        yield


def count_call(vendor: str, method: str, status: int | None) -> None:
    """One call by its answer; None: there was none."""
    tracing.told(status=status or 0)
    told = "none" if status is None else "429" if status == _TOO_MANY else f"{status // 100}xx"
    metrics.add(metrics.CALLS, vendor=vendor, method=method, status=told)


def count_wait(vendor: str, status: int) -> None:
    """The vendor wants the call later."""
    why = "429" if status == _TOO_MANY else f"{status // 100}xx"
    metrics.add(metrics.VENDOR_WAITS, vendor=vendor, why=why)


@lru_cache(maxsize=1024)
def templated(url: str) -> str:
    """The path with `{id}` for whatever is no word: ids and names belong to tenants."""
    try:
        path = httpx.URL(url).path
    except httpx.InvalidURL:
        return "?"
    parts = [p if not p or _WORD.fullmatch(p) else "{id}" for p in path.split("/")]
    return "/".join(parts)
