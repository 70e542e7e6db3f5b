"""The GET endpoints of the Pax8 partner API that a charge import may use."""

from collections.abc import Callable
from datetime import date

from sandbox.core import Call, Clock, Handler, Reply, Row, State, json_reply
from sandbox.generate import generate_large
from sandbox.pax8.answers import (
    RefusedError,
    day_asked,
    envelope,
    error_reply,
    filtered,
    in_order,
    page_asked,
    page_reply,
)

type Rows = Callable[[Call], list[Row]]

ADDRESS = ("city", "country", "stateOrProvince", "postalCode")
INVOICE_NUMBERS = ("total", "balance", "carriedBalance")


class Endpoints:
    def __init__(self, state: State, clock: Clock) -> None:
        self._state, self._clock = state, clock

    def by_template(self) -> dict[str, Handler]:
        """In the order of matching: a fixed path stands before the one with an id in its place."""
        usage = "/subscriptions/{id}/usage-summaries"
        return {
            "/companies": _listed(self._companies),
            "/companies/{id}": self._one("companies", "Company"),
            "/companies/{id}/contacts": _listed(self._contacts),
            "/products": _listed(self._products),
            "/products/{id}": self._one("products", "Product"),
            "/products/{id}/dependencies": _answered(self._dependencies),
            "/products/{id}/pricing": _answered(self._pricing),
            "/subscriptions": _listed(self._subscriptions),
            "/subscriptions/{id}": self._one("subscriptions", "Subscription"),
            "/subscriptions/{id}/history": _answered(self._history),
            usage: _listed(self._usage_summaries),
            "/usage-summaries/{id}": _answered(self._usage_summary),
            "/usage-summaries/{id}/usage-lines": _answered(self._usage_lines),
            "/invoices": _listed(self._invoices),
            "/invoices/draftItems": _listed(self._draft_items),
            "/invoices/{id}": self._one("invoices", "Invoice"),
            "/invoices/{id}/items": _answered(self._items),
            "/orders": _listed(self._orders),
            "/orders/{id}": _answered(self._order),
        }

    def _one(self, table: str, word: str) -> Handler:
        return _answered(lambda call: json_reply(self._known(call, table, word)))

    def _known(self, call: Call, table: str, word: str) -> Row:
        row = self._state.get(table, call.params["id"])
        if row is None:
            raise RefusedError(404, f"{word} does not exist")
        return row

    def _companies(self, call: Call) -> list[Row]:
        flags = ("selfServiceAllowed", "billOnBehalfOfEnabled", "orderApprovalRequired", "status")
        rows = filtered(call, self._state.rows("companies"), *flags)
        for name in ADDRESS:
            if (wanted := call.query.get(name)) is not None:
                rows = [row for row in rows if (row.get("address") or {}).get(name) == wanted]
        if call.query.get("sort", "").partition(",")[0] in ADDRESS:
            flat = [{**(row.get("address") or {}), "row": row} for row in rows]
            return [found["row"] for found in in_order(call, flat, *ADDRESS)]
        return in_order(call, rows, "name", *ADDRESS)

    def _contacts(self, call: Call) -> list[Row]:
        company = self._known(call, "companies", "Company")
        rows = self._state.rows("contacts")
        return [row for row in rows if row.get("companyId") == company["id"]]

    def _products(self, call: Call) -> list[Row]:
        rows = self._state.rows("products")
        if wanted := call.query.get("search", "").casefold():
            fields = ("name", "vendorName", "sku", "id")
            rows = [
                row
                for row in rows
                if any(wanted in str(row.get(name) or "").casefold() for name in fields)
            ]
        if vendor := call.query.get("vendorName", "").casefold():
            rows = [row for row in rows if str(row.get("vendorName")).casefold() == vendor]
        sortable = [row | {"vendor": row.get("vendorName")} for row in rows]
        # The description is only in the detail.
        hidden = {"vendor", "description"}
        return [
            {name: value for name, value in row.items() if name not in hidden}
            for row in in_order(call, sortable, "name", "vendor")
        ]

    def _dependencies(self, call: Call) -> Reply:
        product = self._known(call, "products", "Product")
        return json_reply(product.get("dependencies", {}))

    def _pricing(self, call: Call) -> Reply:
        product = self._known(call, "products", "Product")
        company = call.query.get("companyId")
        rows = [row for row in self._state.rows("pricing") if row.get("productId") == product["id"]]
        own = [row for row in rows if company and row.get("companyId") == company]
        general = [row for row in rows if not row.get("companyId")]
        return json_reply({"content": own or general})  # an envelope without page counters

    def _subscriptions(self, call: Call) -> list[Row]:
        company = call.query.get("companyId")
        if company and self._state.get("companies", company) is None:
            raise RefusedError(403, "The company belongs to another partner")
        names = ("status", "billingTerm", "companyId", "productId")
        rows = filtered(call, self._state.rows("subscriptions"), *names)
        dates = ("startDate", "endDate", "createdDate", "billingStart")
        return in_order(call, rows, "quantity", "price", *dates)

    def _history(self, call: Call) -> Reply:
        subscription = self._known(call, "subscriptions", "Subscription")
        rows = self._state.rows("history")
        return json_reply([row for row in rows if row.get("id") == subscription["id"]])

    def _usage_summaries(self, call: Call) -> list[Row]:
        subscription = self._known(call, "subscriptions", "Subscription")
        rows = self._state.rows("usage_summaries")
        own = [row for row in rows if row.get("subscriptionId") == subscription["id"]]
        found = filtered(call, own, "resourceGroup", "companyId")
        return in_order(call, found, "resourceGroup", "currentCharges", "partnerTotal")

    def _usage_summary(self, call: Call) -> Reply:
        wanted = call.params["id"]
        for row in self._state.rows("usage_summaries"):
            if row.get("id") == wanted:
                return json_reply(row)
        raise RefusedError(404, "Usage summary does not exist")

    def _usage_lines(self, call: Call) -> Reply:
        day = day_asked(call, "usageDate")
        if day is None:
            raise RefusedError(400, "usageDate is required")
        self._usage_summary(call)
        rows = self._state.rows("usage_lines")
        own = [row for row in rows if row.get("usageSummaryId") == call.params["id"]]
        found = [row for row in own if row.get("usageDate") == day]
        return json_reply({"content": filtered(call, found, "productId")})

    def _invoices(self, call: Call) -> list[Row]:
        days = [day_asked(call, name) for name in ("invoiceDateRangeStart", "invoiceDateRangeEnd")]
        first, last = days[0] or "", days[1] or "9999-12-31"
        day_asked(call, "invoiceDate")
        rows = [
            row
            for row in self._state.rows("invoices")
            if first <= str(row.get("invoiceDate", "")) <= last
        ]
        names = ("status", "invoiceDate", "dueDate", "companyId", *INVOICE_NUMBERS)
        sortable = ("invoiceDate", "dueDate", "status", "partnerName", *INVOICE_NUMBERS)
        return in_order(call, filtered(call, rows, *names), *sortable)

    def _items(self, call: Call) -> Reply:
        invoice = self._known(call, "invoices", "Invoice")
        large = self._state.get("_large", invoice["id"])
        if large is None:
            return page_reply(call, self._state.rows(f"items/{invoice['id']}"))
        number, size = page_asked(call)
        document = generate_large(large["clients"], large["lines_per_client"])
        content = document.page(number, size)
        return envelope(content, number=number, size=size, total=document.count)

    def _draft_items(self, call: Call) -> list[Row]:
        """A snapshot of this month or the next one, and never with arrears."""
        offset = call.query.get("monthOffset", "1")
        if offset not in {"0", "1"}:
            raise RefusedError(400, "monthOffset must be 0 or 1")
        if call.fault("draft_timeout"):
            raise RefusedError(408)
        month = _month(self._clock.today, int(offset))
        rows = filtered(call, self._state.rows("draft_items"), "companyId")
        return [
            row
            for row in rows
            if row.get("term") != "Arrears" and str(row.get("startPeriod", "")).startswith(month)
        ]

    def _orders(self, call: Call) -> list[Row]:
        return filtered(call, self._state.rows("orders"), "companyId")

    def _order(self, call: Call) -> Reply:
        wanted = call.params["id"]
        for row in self._state.rows("orders"):
            if row.get("id") == wanted:
                return json_reply(row)
        raise RefusedError(404, "Order does not exist")


def _listed(rows: Rows) -> Handler:
    return _answered(lambda call: page_reply(call, rows(call)))


def _answered(answer: Callable[[Call], Reply]) -> Handler:
    async def handler(call: Call) -> Reply:
        try:
            return answer(call)
        except RefusedError as refused:
            return error_reply(refused.status, call, refused.message)

    return handler


def _month(today: date, offset: int) -> str:
    months = today.year * 12 + today.month - 1 + offset
    return f"{months // 12:04}-{months % 12 + 1:02}"
