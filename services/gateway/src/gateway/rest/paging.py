"""Lists by the page: an opaque cursor says where to go on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from chassis.errors import PermanentError

Limit = Annotated[int, Query(ge=1, le=200, description="Rows of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="`next` of the page before; without it the first")
]


class Page[T](BaseModel):
    """Some rows. `next` is the cursor of the page after it, null on the last one."""

    items: list[T]
    next: str | None = None


def after(cursor: str | None) -> str:
    """The key that a cursor stands for."""
    if cursor is None:
        return ""
    try:
        return base64.urlsafe_b64decode(cursor.encode("ascii")).decode()
    except (binascii.Error, ValueError):
        raise PermanentError("cursor-unknown", "this is no cursor of an earlier page") from None


def page[T](found: Sequence[T], keys: Sequence[str], limit: int) -> Page[T]:
    """`found` was read with one row more than `limit`, so that the last page knows that it is."""
    more = len(found) > limit
    following = base64.urlsafe_b64encode(keys[limit - 1].encode()).decode() if more else None
    return Page(items=list(found[:limit]), next=following)


def page_of[T](
    rows: Sequence[T], key: Callable[[T], str], cursor: str | None, limit: int
) -> Page[T]:
    """A page of rows that are all at hand; one that the cursor names may be gone meanwhile."""
    start = 0
    if cursor is not None:
        named = after(cursor)
        start = next((n + 1 for n, row in enumerate(rows) if key(row) == named), -1)
        if start < 0:
            raise PermanentError("cursor-unknown", "the list has changed: begin again")
    found = rows[start : start + limit + 1]
    return page(found, [key(row) for row in found], limit)
