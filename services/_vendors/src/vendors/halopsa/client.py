"""The HaloPSA API as far as billing needs it: lists read whole, records written one a request.

After a write, read back: HaloPSA drops unknown and read-only fields without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel

from chassis.errors import PermanentError
from vendors import json
from vendors.calls import Calls, Line, Params, Request
from vendors.halopsa import errors, models
from vendors.halopsa.auth import HaloCredentials
from vendors.halopsa.documents import HaloInvoice, invoice_of, written_id
from vendors.halopsa.licences import (
    ALL_LICENCES,
    HaloLicence,
    HaloLicenceChange,
    body_of_licences,
    written_licences,
)
from vendors.halopsa.lists import Page, Row, page_of, whole_list
from vendors.tokens import Tokens

BY_ID: Params = {"order": "id", "orderdesc": False}
WITH_LINES: Params = {"includelines": True, "includeinvoices": True, "includecredits": True}


class Halo:
    """One tenant's HaloPSA. Pages are fetched side by side, at most `in_flight` at once."""

    def __init__(
        self,
        base_url: str,
        credentials: HaloCredentials,
        line: Line,
        *,
        tokens: Tokens | None = None,
        in_flight: int = 4,
    ) -> None:
        base = base_url.rstrip("/")
        self._api = f"{base}/api"
        self._gate = asyncio.Semaphore(in_flight)
        self._calls = Calls(
            "halopsa",
            line,
            token_request=lambda: credentials.request(base),
            statuses={"token": errors.TOKEN, "read": errors.READ, "write": errors.WRITE},
            tokens=tokens,
        )

    # Plain records

    async def clients(self, *, include_inactive: bool = True) -> list[models.HaloClient]:
        """All clients, inactive ones too unless told otherwise."""
        asked: Params = {**BY_ID, "includeactive": True, "includeinactive": include_inactive}
        return _typed(models.HaloClient, await self._rows("Client", asked))

    async def items(self, *, include_inactive: bool = False) -> list[models.HaloItem]:
        """The products that are open; closed ones too when asked for."""
        asked: Params = {**BY_ID, "includeactive": True, "includeinactive": include_inactive}
        return _typed(models.HaloItem, await self._rows("Item", asked))

    async def asset_groups(self) -> list[models.HaloAssetGroup]:
        """The product groups."""
        return _typed(models.HaloAssetGroup, await self._rows("AssetGroup"))

    async def taxes(self) -> list[models.HaloTax]:
        """The tax codes."""
        return _typed(models.HaloTax, await self._rows("Tax"))

    async def currencies(self) -> list[models.HaloCurrency]:
        """The currencies; an invoice carries the id, not the ISO code."""
        return _typed(models.HaloCurrency, await self._rows("Currency"))

    async def lookups(self, lookup_id: int) -> list[models.HaloLookup]:
        """The values of one list. HaloPSA may ignore the filter, so rows are checked here."""
        rows = _typed(models.HaloLookup, await self._rows("Lookup", {"lookupid": lookup_id}))
        return [row for row in rows if row.lookupid in (None, lookup_id)]

    async def suppliers(self) -> list[models.HaloSupplier]:
        """The suppliers."""
        return _typed(models.HaloSupplier, await self._rows("Supplier", BY_ID))

    async def xero_details(self) -> list[models.HaloXeroDetails]:
        """The Xero organisations that HaloPSA is connected to."""
        rows = await self._rows("XeroDetails", {"connectedonly": True})
        return _typed(models.HaloXeroDetails, rows)

    async def xero_accounts(self) -> list[models.HaloXeroAccount]:
        """Xero's accounts as HaloPSA passes them on; its query is undocumented, so none is sent."""
        return await self._read("IntegrationData/Get/Xero", {}, models.xero_accounts_in)

    async def integration_errors(self) -> list[models.HaloIntegrationError]:
        """What did not reach the accounts package, and why."""
        rows = await self._rows("IntegrationError", BY_ID)
        return _typed(models.HaloIntegrationError, rows)

    async def licences(self, client_id: int | None = None) -> list[HaloLicence]:
        """All software licences, inactive ones too; of one client when told."""
        asked = ALL_LICENCES if client_id is None else {**ALL_LICENCES, "client_id": client_id}
        rows = _typed(HaloLicence, await self._rows("SoftwareLicence", asked))
        return [row for row in rows if client_id in (None, row.client_id)]

    async def licence_changes(self, licence_id: int) -> list[HaloLicenceChange]:
        """Who changed a licence, from what to what; instances without the route have nothing."""
        asked: Params = {"licence_id": licence_id, "order": "id", "orderdesc": False}
        rows = _typed(HaloLicenceChange, await self._rows("LicenceChange", asked))
        return [row for row in rows if row.licence_id in (None, licence_id)]

    async def control(self) -> dict[str, Any]:
        """The tenant's settings, as they are; reading them needs a right of its own."""
        found = await self._read("Control", {}, json.loads)
        return found if isinstance(found, dict) else {}

    async def auth_info(self) -> models.HaloAuthInfo:
        """Where this host says one signs in; needs no sign-in."""
        request = Request("GET", f"{self._api}/authinfo", "asking HaloPSA where to sign in")
        return models.HaloAuthInfo.model_validate(_record(await self._calls.open(request)))

    async def sample(self, route: str) -> list[Row]:
        """One record of a route, or all there is: shows whether it may be read."""
        if route == "Control":
            return [await self.control()]
        return (await self._page(route, {}, 1, 1)).rows

    async def scope(self) -> str:
        """Signs in; the scopes that the token says it has."""
        return await self._calls.scope()

    # Invoices

    async def invoices(self, since: date, search: str = "") -> list[HaloInvoice]:
        """All invoices dated on or after that day, with lines, whatever their status.

        `search` is loose, over several fields: the caller compares what comes.
        """
        start = since.isoformat()
        # Tenants know one spelling of the window or the other, or none: every row is checked.
        window = {"datesearch": "invoice_date", "startdate": start, "start_date": start}
        narrowed = {"search": search} if search else {}
        rows = await self._rows("Invoice", {**BY_ID, **WITH_LINES, **window, **narrowed})
        found = [HaloInvoice(row) for row in rows]
        return [one for one in found if one.invoice_date is None or one.invoice_date >= since]

    async def newest_invoices(
        self, ids: set[int], max_pages: int, size: int = 100
    ) -> list[HaloInvoice]:
        """Those of the ids that are met, with lines, newest id first, in pages of `size`.

        Ends when all were seen, the list ends, or `max_pages` were read: an id that is not
        returned was not met, which is no proof that it is gone.
        """
        met: dict[int, HaloInvoice] = {}
        seen: set[int] = set()
        asked: Params = {**WITH_LINES, "order": "id", "orderdesc": True}
        for number in range(1, max_pages + 1):
            if len(met) == len(ids):
                break
            page = await self._page("Invoice", asked, number, size)
            fresh = [one for one in map(HaloInvoice, page.rows) if one.id not in seen]
            met |= {one.id: one for one in fresh if one.id in ids}
            seen |= {one.id for one in fresh}
            if not fresh or page.count is None or len(seen) >= page.count:
                break
        return list(met.values())

    async def recurring_invoices(self) -> list[HaloInvoice]:
        """All recurring invoices, with lines."""
        rows = await self._rows("RecurringInvoice", {**BY_ID, "includelines": True})
        return [HaloInvoice(row) for row in rows]

    async def invoice(self, invoice_id: int) -> HaloInvoice | None:
        """One invoice in full; None when HaloPSA does not have it."""
        return await self._detail("Invoice", invoice_id)

    async def recurring_invoice(self, invoice_id: int) -> HaloInvoice | None:
        """One recurring invoice in full, by its negative id; None when it is gone."""
        return await self._detail("RecurringInvoice", invoice_id)

    # Writes

    async def create_invoice(self, body: Mapping[str, Any]) -> int:
        """Creates an invoice; its id. What it looks like is for a read to say."""
        assert "id" not in body, "an id would make it an update"
        return await self._post("Invoice", [body], written_id)

    async def update_invoice(self, body: Mapping[str, Any]) -> HaloInvoice:
        """Updates the header of `id`. `lines`, when given, replace the whole set."""
        assert body.get("id"), "without an id it would create one"
        return await self._post("Invoice", [body], _invoice)

    async def update_invoice_lines(self, lines: Sequence[Mapping[str, Any]] | json.Written) -> None:
        """Edits (with `id`) or adds (without) lines of the one invoice `ihid`, in one request."""
        await self._post("Invoice/updatelines", lines, json.loads)

    async def update_recurring_invoice(self, body: Mapping[str, Any]) -> HaloInvoice:
        """Updates a recurring invoice by its negative id; `lines` replace the whole set."""
        assert body.get("id"), "without an id it would create one"
        return await self._post("RecurringInvoice", [body], _invoice)

    async def create_recurring_invoice(self, body: Mapping[str, Any]) -> HaloInvoice:
        """Creates a recurring invoice; its id is negative. Read back what it looks like."""
        assert "id" not in body, "an id would make it an update"
        return await self._post("RecurringInvoice", [body], _invoice)

    async def void_invoice(self, invoice_id: int) -> None:
        """Voids an invoice; instances older than 2025 answer halopsa-missing."""
        await self._post(f"Invoice/{invoice_id}/void", {}, json.loads)

    async def delete_invoice(self, invoice_id: int) -> None:
        """Deletes an invoice; if it was synced, in Xero too."""
        path = f"Invoice/{invoice_id}"
        request = Request("DELETE", f"{self._api}/{path}", f"deleting HaloPSA {path}")
        await _named("DELETE", path, self._calls.write(request, lambda _: None))

    async def create_item(self, body: Mapping[str, Any]) -> int:
        """Creates a product; its id."""
        assert "id" not in body, "an id would make it an update"
        return await self._post("Item", [body], written_id)

    async def create_asset_group(self, body: Mapping[str, Any]) -> int:
        """Creates a product group; its id."""
        assert "id" not in body, "an id would make it an update"
        return await self._post("AssetGroup", [body], written_id)

    async def write_licences(self, rows: Sequence[Mapping[str, Any]]) -> list[HaloLicence]:
        """Changes (with `id`) or creates (without) licences in one request; what it answered.

        Nothing says that the rows are all written or none, nor which one a fault is about: after
        an UnknownOutcome read them back. Send only what is to change, usually `id` and `count`.
        """
        return await self._post("SoftwareLicence", body_of_licences(rows), written_licences)

    # One request each

    async def _rows(self, route: str, params: Params | None = None) -> list[Row]:
        async def fetch(number: int, size: int) -> Page:
            return await self._page(route, params or {}, number, size)

        return await whole_list(fetch, f"listing HaloPSA {route}")

    async def _page(self, route: str, params: Params, number: int, size: int) -> Page:
        asked: Params = {**params, "pageinate": True, "page_size": size, "page_no": number}
        async with self._gate:
            return await self._read(route, asked, lambda body: page_of(body, route))

    async def _detail(self, route: str, number: int) -> HaloInvoice | None:
        try:
            return await self._read(f"{route}/{number}", {"includedetails": True}, _invoice)
        except PermanentError as refused:
            if refused.code == "halopsa-missing":
                return None
            raise

    async def _read[T](self, path: str, params: Params, parse: Callable[[bytes], T]) -> T:
        request = Request("GET", f"{self._api}/{path}", f"reading HaloPSA {path}", params)
        return await _named("GET", path, self._calls.read_as(request, parse))

    async def _post[T](self, path: str, body: Any, parse: Callable[[bytes], T]) -> T:
        request = Request(
            "POST", f"{self._api}/{path}", f"writing HaloPSA {path}", content=json.dumps(body)
        )
        return await _named("POST", path, self._calls.write(request, parse))


async def _named[T](method: str, path: str, answer: Awaitable[T]) -> T:
    """A refusal for want of a right names the right.

    HaloPSA also answers 401 to the read of one record, with a good token, when the agent lacks the
    right to its module, although the list works.
    """
    try:
        return await answer
    except PermanentError as refused:
        on_one_record = method == "GET" and "/" in path and refused.code == "halopsa-token-refused"
        if not on_one_record and refused.code != "halopsa-right-missing":
            raise
        text = f"missing right {errors.right(method, path)}: {refused.text}"
        raise PermanentError("halopsa-right-missing", text) from refused


def _typed[M: BaseModel](model: type[M], rows: list[Row]) -> list[M]:
    return [model.model_validate(row) for row in rows]


def _record(body: bytes) -> Any:
    answer = json.loads(body)
    return answer if isinstance(answer, dict) else {}


def _invoice(body: bytes) -> HaloInvoice:
    return invoice_of(json.loads(body))
