"""The Pax8 partner API: invoices, their items, and the catalogues around them. All of it is read.

Lists are read whole: every page, side by side, and only a complete list is returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from chassis.errors import TransientError
from vendors.calls import Calls, Line, Params, Request, side_by_side
from vendors.pax8 import errors
from vendors.pax8.auth import Pax8Credentials
from vendors.pax8.models import (
    Company,
    InvoiceHeader,
    PageCounters,
    Product,
    Subscription,
    count_page,
    parse_rows,
)
from vendors.tokens import Tokens

PAX8_URL = "https://api.pax8.com"
PAGE_SIZE = 200  # the vendor's maximum
PAGES_MAX = 5_000

# Counters, number of rows, and whatever else somebody reads of a page. ValueError: it is no page.
type Look[R] = Callable[[bytes], tuple[PageCounters, int, R]]
type Listed = InvoiceHeader | Company | Product | Subscription


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page exactly as read, and its counters."""

    raw: bytes
    number: int
    total_pages: int
    total_elements: int
    rows: int


class Pax8:
    """One partner's account. Pages are fetched side by side, at most `in_flight` at once."""

    def __init__(
        self,
        base_url: str,
        credentials: Pax8Credentials,
        line: Line,
        *,
        tokens: Tokens | None = None,
        in_flight: int = 6,
    ) -> None:
        base = base_url.rstrip("/")
        self._root = f"{base}/v1"
        self._gate = asyncio.Semaphore(in_flight)
        self._calls = Calls(
            "pax8",
            line,
            token_request=lambda: credentials.request(base),
            statuses={"token": errors.TOKEN, "read": errors.READ},
            tokens=tokens,
        )

    async def invoices(
        self, since: date | None = None, until: date | None = None
    ) -> list[InvoiceHeader]:
        """The invoices dated in that range, both days in it; oldest first."""
        params: dict[str, str | int | bool] = {"sort": "invoiceDate,asc"}
        if since:
            params["invoiceDateRangeStart"] = since.isoformat()
        if until:
            params["invoiceDateRangeEnd"] = until.isoformat()
        return await self._all("/invoices", params, InvoiceHeader)

    async def item_page(self, invoice_id: str, number: int, size: int = PAGE_SIZE) -> RawPage:
        """One page of an invoice's items, counted from 0."""
        about = f"reading items of Pax8 invoice {invoice_id}, page {number + 1}"
        return await self._raw(f"/invoices/{invoice_id}/items", {}, number, size, about)

    async def item_page_as[R](
        self, invoice_id: str, number: int, look: Look[R]
    ) -> tuple[RawPage, R]:
        """The same page, and what `look` read of it in the same go."""
        about = f"reading items of Pax8 invoice {invoice_id}, page {number + 1}"
        path = f"/invoices/{invoice_id}/items"
        return await self._looked_at(path, {}, (number, PAGE_SIZE), look, about)

    async def draft_page(
        self, number: int, month_offset: int = 1, size: int = PAGE_SIZE
    ) -> RawPage:
        """One page of the draft of this month (0) or the next (1): no arrears, a preview only."""
        about = f"reading Pax8 draft items, page {number + 1}"
        params = {"monthOffset": month_offset}
        return await self._raw("/invoices/draftItems", params, number, size, about)

    async def companies(self) -> list[Company]:
        """All end customers, inactive ones too."""
        return await self._all("/companies", {"sort": "name"}, Company)

    async def products(
        self, vendor_name: str | None = None, search: str | None = None
    ) -> list[Product]:
        """The catalogue, or the part of it that is asked for."""
        params: dict[str, str | int | bool] = {"sort": "name"}
        if vendor_name:
            params["vendorName"] = vendor_name
        if search:
            params["search"] = search
        return await self._all("/products", params, Product)

    async def subscriptions(self) -> list[Subscription]:
        """All subscriptions, whatever their status."""
        return await self._all("/subscriptions", {"sort": "createdDate"}, Subscription)

    async def sample(self, path: str) -> RawPage:
        """One row of a list: shows whether it may be read."""
        return await self._raw(path, {}, 0, 1, f"reading Pax8 {path}")

    async def newest_invoice_id(self) -> str | None:
        """The id of the newest invoice, if there is one."""
        page = await self._raw("/invoices", {"sort": "invoiceDate,desc"}, 0, 1, "reading invoices")
        return next((row.id for row in parse_rows(page.raw, InvoiceHeader)), None)

    async def scope(self) -> str:
        """Signs in; the scopes of the token, if it names any."""
        return await self._calls.scope()

    async def _raw(self, path: str, params: Params, number: int, size: int, about: str) -> RawPage:
        def look(raw: bytes) -> tuple[PageCounters, int, None]:
            return *count_page(raw), None

        page, _ = await self._looked_at(path, params, (number, size), look, about)
        return page

    async def _looked_at[R](
        self, path: str, params: Params, place: tuple[int, int], look: Look[R], about: str
    ) -> tuple[RawPage, R]:
        number, size = place
        request = Request("GET", self._root + path, about, {**params, "page": number, "size": size})

        def parse(raw: bytes) -> tuple[RawPage, R]:
            page, rows, seen = look(raw)
            _must_be_the_page(page, rows, number, size, about)
            # A vendor that ignores the size sends all rows at once, as page 0 of several.
            pages = 1 if number == 0 and rows == page.total_elements else page.total_pages
            return RawPage(raw, number, pages, page.total_elements, rows), seen

        async with self._gate:
            return await self._calls.read_as(request, parse)

    async def _all[M: Listed](self, path: str, params: Params, model: type[M]) -> list[M]:
        """Every row once. A list that changes while it is read is read again, once."""
        about = f"listing Pax8 {path.strip('/')}"
        found = await self._once(path, params, model, about)
        if isinstance(found, str):
            found = await self._once(path, params, model, about)
        if isinstance(found, str):
            raise TransientError("list-incomplete", f"{about}: {found}, twice")
        return found

    async def _once[M: Listed](
        self, path: str, params: Params, model: type[M], about: str
    ) -> list[M] | str:
        """Every row once; a text says what was missing."""
        first = await self._raw(path, params, 0, PAGE_SIZE, about)
        last = min(PAGES_MAX, first.total_pages)
        rest = (self._raw(path, params, number, PAGE_SIZE, about) for number in range(1, last))
        pages = [first, *await side_by_side(rest)]
        rows = {row.id: row for page in pages for row in parse_rows(page.raw, model)}
        totals = {page.total_elements for page in pages}
        if totals == {len(rows)} and len(rows) == sum(page.rows for page in pages):
            return list(rows.values())
        promised = ", ".join(str(total) for total in sorted(totals))
        return f"{len(rows)} different rows were read and {promised} were promised"


def _must_be_the_page(page: PageCounters, rows: int, number: int, size: int, about: str) -> None:
    if page.number != number:
        text = f"{about}: page {page.number} came instead of {number}"
        raise TransientError("list-incomplete", text)
    if rows > size and not (number == 0 and rows == page.total_elements):
        text = f"{about}: {rows} rows came on a page of {size}"
        raise TransientError("list-incomplete", text)
