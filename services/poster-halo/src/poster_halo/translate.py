"""HaloPSA's words and ours: invoices as documents, operations as bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from poster_halo.domain.amounts import Amounts
from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import Document, OurLine, Raw
from poster_halo.domain.shape import Batch, Operation
from poster_halo.domain.sold import Sold
from poster_halo.domain.stamps import is_stamp
from schemas.accounts import HaloAccount
from schemas.money import minor_unit
from vendors.halopsa import HaloInvoice
from vendors.json import Written, loads, string

NOISE = Decimal("0.005")  # net_amount is binary floating point: it is compared to the cent

# What a line's quantity, price, cost and net come to, by the cent of its currency.
_Met = dict[tuple[Any, ...], Amounts]


@dataclass(frozen=True, slots=True)
class Reader:
    """How this tenant's invoices are read: where the stamp is, which currency has which cent."""

    stamp_field: str
    cents: Mapping[int, Decimal]
    met: _Met = field(default_factory=dict)  # lines show the same amounts over and over

    @classmethod
    def of(cls, account: HaloAccount, currencies: Mapping[str, int]) -> Reader:
        """From the settings and HaloPSA's list of currencies."""
        return cls(account.stamp_field, {n: minor_unit(code) for code, n in currencies.items()})

    def document(self, invoice: HaloInvoice) -> Document:
        """The invoice in our words; its foreign lines as they were read."""
        ours: list[OurLine] = []
        foreign: list[Raw] = []
        cent = self.cents.get(invoice.currency_code, minor_unit(""))
        rows = invoice.raw.get("lines")
        lines = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for row in lines:
            stamp = row.get(self.stamp_field)
            if is_stamp(stamp):
                ours.append(_our_line(row, stamp, cent, self.met))
            else:
                foreign.append(row)
        synced = f"{invoice.xeroid} {invoice.xero_status}".strip() if invoice.xeroid else ""
        return Document(
            id=invoice.id,
            client=invoice.client_id,
            currency=invoice.currency_code,
            reference=invoice.reference,
            day=invoice.invoice_date,
            voided=invoice.voided,
            credit=bool(invoice.creditlinkedtoinvoiceid),
            posted=invoice.posted or invoice.dateposted is not None,
            sent=invoice.datesent is not None,
            approval=invoice.approval_status,
            review=invoice.reviewrequired,
            paid=bool(invoice.amountpaid),
            synced=synced,
            last_synced=invoice.last_synced,
            from_recurring=invoice.recurring_invoice_id if invoice.id > 0 else 0,
            disabled=invoice.disabled,
            period=invoice.period,
            next_creation=invoice.nextcreationdate,
            ours=ours,
            foreign=foreign,
            lines=lines,
        )


def _our_line(row: Raw, stamp: str, cent: Decimal, met: _Met) -> OurLine:
    get = row.get
    shown = get("qty_order"), get("unit_price"), get("unit_cost"), get("net_amount"), cent
    amounts = met.get(shown)
    if amounts is None:
        amounts = met[shown] = _amounts(*shown)
    return OurLine(int(row["id"]), stamp.partition(" ")[0], stamp, amounts, row)


def _amounts(quantity: Any, price: Any, cost: Any, net: Any, cent: Decimal) -> Amounts:
    """What a line shows: its money is the product, unless the net says otherwise."""
    quantity, price, cost = _decimal(quantity), _decimal(price), _decimal(cost)
    billed = quantity * price
    if net is not None and net != billed:
        told = _decimal(net)
        if abs(told - billed) >= NOISE:
            billed = told
    return Amounts(
        quantity,
        price,
        cost,
        billed.quantize(cent, ROUND_HALF_UP),
        (quantity * cost).quantize(cent, ROUND_HALF_UP),
    )


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(0) if value in (None, "") else Decimal(str(value))


@dataclass(frozen=True, slots=True)
class Writer:
    """Bodies for HaloPSA, by the tenant's settings."""

    account: HaloAccount
    currencies: Mapping[str, int]
    invoice_date: str
    site: int | None = None

    def create(self, batch: Batch, operation: Operation) -> dict[str, Any]:
        """A new invoice: no tax fields (R8), our reference on the header."""
        note = f"{batch.origin.source} document {batch.document}"
        if operation.beside:
            note += f"; further to invoice {operation.beside}"
        body: dict[str, Any] = {
            "client_id": batch.client,
            "invoice_date": f"{self.invoice_date}T00:00:00",
            "reference": operation.reference,
            "internal_note": note,
            "lines": _array(self._added(batch, operation)),
        }
        if number := self.currencies.get(batch.currency):
            body["currency_code"] = number
        if self.site is not None:
            body["sitenumber"] = self.site
        if operation.credit:
            body["_create_credit_note"] = True
        return body

    def append(self, batch: Batch, operation: Operation, target: int) -> Written:
        """Bare lines for `updatelines`: without an id they are added."""
        return _array(self._added(batch, operation, f'"ihid":{target},'))

    def replace(self, batch: Batch, operation: Operation, fresh: Document) -> dict[str, Any]:
        """The full round trip: every line as just read, ours changed in place, new ones added."""
        changed = {c.there.ext: c for c in operation.changes if c.there is not None}
        lines: list[Raw | Written] = []
        for row in fresh.lines:
            change = changed.get(int(row["id"]))
            if change is None:
                lines.append(row)
            elif change.want is not None:
                lines.append(row | self._changed(batch, change.want))
        lines.extend(map(Written, self._added(batch, operation, f'"ihid":{fresh.id},')))
        return {"id": fresh.id, "lines": lines}

    def _changed(self, batch: Batch, line: Desired) -> Raw:
        row: Raw = loads(f"{{{self._amounts(line.sold)}{self._stamp(batch, line)}}}")
        return row

    def _added(self, batch: Batch, operation: Operation, first: str = "") -> list[str]:
        """Each new line as JSON, after its `first` members. Hot, so a template writes it."""
        written: dict[Sold, tuple[str, str]] = {}
        rows = []
        for change in operation.changes:
            line = change.want
            if line is None or change.kind != "add":
                continue
            parts = written.get(line.sold)
            if parts is None:
                parts = written[line.sold] = (
                    f"{first}{self._amounts(line.sold)}",
                    self._item(line.sold),
                )
            rows.append(f"{{{parts[0]}{self._stamp(batch, line)}{parts[1]}}}")
        return rows

    def _stamp(self, batch: Batch, line: Desired) -> str:
        """Which line it is: lines that sell the same share all the rest."""
        return f',"{self.account.stamp_field}":{string(batch.origin.stamp(line.id, line.slot))}'

    def _amounts(self, sold: Sold) -> str:
        """What of a line is the document's: everything but item, codes and tax."""
        sums = sold.figures
        start = f',"startdate":"{sold.start}T00:00:00"' if sold.start else ""
        end = f',"enddate":"{sold.end}T00:00:00"' if sold.end else ""
        return (
            f'"qty_order":{sums.quantity},"unit_price":{sums.price},"unit_cost":{sums.cost}'
            f',"item_shortdescription":{string(sold.text)}'
            f',"item_longdescription":{string(sold.details)}{start}{end}'
        )

    def _item(self, sold: Sold) -> str:
        """Item, codes and tax, which a line keeps once it stands."""
        item = sold.item
        number = "" if item.item is None else f',"_itemid":{item.item}'
        code = item.code if self.account.nominal_code == "item" else None
        tax = item.tax if self.account.send_tax == "item" else None
        return (
            number
            + (f',"nominal_code":{string(code)}' if code else "")
            + (f',"item_tax_code":{tax}' if tax else "")
        )


def _array(rows: Sequence[str]) -> Written:
    return Written(f"[{','.join(rows)}]")


def without_ours(document: Document, lines: Iterable[str]) -> dict[str, Any]:
    """The full round trip of an invoice without those lines of ours."""
    gone = set(lines)
    away = {one.ext for one in document.ours if one.line in gone}
    return {
        "id": document.id,
        "lines": [row for row in document.lines if int(row["id"]) not in away],
    }


def restored(document: Document, prefix: str, before: Sequence[Raw]) -> dict[str, Any]:
    """The recurring invoice with our lines as they were: same ids where they still are."""
    old = {int(row["id"]): row for row in before}
    mine = {one.ext for one in document.ours if one.prefix == prefix}
    lines: list[Raw] = []
    for row in document.lines:
        number = int(row["id"])
        if number in old:
            lines.append(old.pop(number))
        elif number not in mine:
            lines.append(row)
    lines.extend(
        {name: value for name, value in row.items() if name != "id"} for row in old.values()
    )
    return {"id": document.id, "lines": lines}


def raw_text(rows: Sequence[Raw]) -> str:
    """Lines as stored beside a posting: Decimals keep their digits under a mark."""
    return json.dumps(rows, default=lambda number: {"$decimal": str(number)})


def raw_rows(text: str) -> list[Raw]:
    """The lines again, numeral by numeral."""
    rows: list[Raw] = json.loads(text or "[]", object_hook=_unmarked)
    return rows


def _unmarked(row: dict[str, Any]) -> Any:
    return Decimal(row["$decimal"]) if row.keys() == {"$decimal"} else row
