"""Reading a Huntress list whole: page by page along its tokens, every row once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from chassis.errors import TransientError
from vendors import json
from vendors.huntress.models import Numbered

PAGE_SIZE = 500
PAGES_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Page[M: Numbered]:
    """One answer and its rows; `next_token` None: it was the last page."""

    raw: bytes
    rows: tuple[M, ...]
    next_token: str | None


def page_of[M: Numbered](raw: bytes, key: str, model: type[M]) -> Page[M]:
    """ValueError when it is no page. The address of a next page is never followed, only its token.

    Keys that older instances add (page numbers, totals) are ignored.
    """
    answer = json.loads(raw)
    rows = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"no list {key} in the answer")
    pagination = answer.get("pagination") or {}
    token, address = pagination.get("next_page_token"), pagination.get("next_page_url")
    if not token and address:
        raise ValueError("a next page is announced without its token")
    return Page(raw, tuple(map(model.model_validate, rows)), str(token) if token else None)


def wrapped(raw: bytes, key: str) -> dict[str, Any]:
    """The object under its singular name; ValueError when it is not there."""
    answer = json.loads(raw)
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise ValueError(f"no {key} in the answer")
    return found


async def whole_list[M: Numbered](
    fetch: Callable[[str | None], Awaitable[Page[M]]], about: str
) -> list[M]:
    """Every row once. A list that repeats itself is read once more, then it is a failure."""
    found = await _walked(fetch, about)
    if isinstance(found, str):
        found = await _walked(fetch, about)
    if isinstance(found, str):
        raise TransientError("list-incomplete", f"{about}: {found}, twice")
    return found


async def _walked[M: Numbered](
    fetch: Callable[[str | None], Awaitable[Page[M]]], about: str
) -> list[M] | str:
    """Every row once; a text says what was wrong."""
    rows: dict[int, M] = {}
    tokens: set[str] = set()
    token: str | None = None
    for _ in range(PAGES_MAX):
        page = await fetch(token)
        for row in page.rows:
            if row.id in rows:
                return f"{row.id} came twice"
            rows[row.id] = row
        token = page.next_token
        if token is None:
            return list(rows.values())
        if token in tokens:
            return "the pages go round in a circle"
        tokens.add(token)
    raise TransientError("list-incomplete", f"{about}: more than {PAGES_MAX} pages")
