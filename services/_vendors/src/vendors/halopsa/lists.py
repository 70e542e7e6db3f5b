"""Reading a HaloPSA list whole: its envelope, its pages, and the proof that nothing is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.errors import TransientError
from vendors import json
from vendors.calls import side_by_side

PAGE_SIZE = 100
PAGES_MAX = 5_000

type Row = dict[str, Any]

# The key of the rows in the envelope, by route. The others answer a bare array.
KEYS: Mapping[str, str] = {
    "Client": "clients",
    "Site": "sites",
    "Supplier": "suppliers",
    "Item": "items",
    "Invoice": "invoices",
    "RecurringInvoice": "invoices",
    "IntegrationError": "errors",
    "SoftwareLicence": "licences",
}


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer; `count` None: it does not say how many there are in all."""

    rows: list[Row]
    count: int | None
    size: int


def page_of(body: bytes, route: str) -> Page:
    """A bare list, else the known key, else the only list; ValueError when that is not clear."""
    answer = json.loads(body)
    count, size = None, PAGE_SIZE
    rows: Any = answer
    if isinstance(answer, dict):
        lists = [name for name, value in answer.items() if isinstance(value, list)]
        key = KEYS.get(route, "")
        if key not in lists:
            if len(lists) != 1:
                raise ValueError(f"{len(lists)} lists in the answer of {route}")
            key = lists[0]
        rows = answer[key]
        count = _whole(answer.get("record_count"))
        size = min(PAGE_SIZE, _whole(answer.get("page_size")) or PAGE_SIZE)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"no list of records in the answer of {route}")
    return Page(rows, count, size)


type Fetch = Callable[[int, int], Awaitable[Page]]  # number from 1, size


async def whole_list(fetch: Fetch, about: str) -> list[Row]:
    """Every row once. A list found incomplete is read once more, then it is a failure."""
    found = await _counted_list(fetch, about)
    if isinstance(found, str):
        found = await _counted_list(fetch, about)
    if isinstance(found, str):
        raise TransientError("list-incomplete", f"{about}: {found}, twice")
    return found


async def _counted_list(fetch: Fetch, about: str) -> list[Row] | str:
    """Every row once; a text says what was missing."""
    first = await fetch(1, PAGE_SIZE)
    if first.count is None:
        return await _until_it_ends(fetch, first, about)
    pages = [first]
    if len(first.rows) < first.count:
        last = min(PAGES_MAX, -(-first.count // first.size))
        rest = (fetch(number, first.size) for number in range(2, last + 1))
        pages += await side_by_side(rest)
    rows = {row.get("id"): row for page in pages for row in page.rows}
    counts = {page.count for page in pages}
    if counts == {len(rows)}:
        return list(rows.values())
    promised = ", ".join(sorted(map(str, counts)))
    return f"{len(rows)} different rows were read and {promised} were promised"


async def _until_it_ends(fetch: Fetch, page: Page, about: str) -> list[Row]:
    """A list that does not count its rows: until a page is short, or repeats what is known."""
    rows: dict[Any, Row] = {}
    for number in range(2, PAGES_MAX):
        known = len(rows)
        rows |= {row.get("id"): row for row in page.rows}
        if len(page.rows) != page.size or len(rows) == known:
            return list(rows.values())
        page = await fetch(number, page.size)
    raise TransientError("list-incomplete", f"{about}: more than {PAGES_MAX} pages")


def _whole(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
