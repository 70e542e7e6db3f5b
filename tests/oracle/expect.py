"""What must become of every line of the load: billed once, merged, dropped, excluded or held."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from oracle.billing import Payer, Payers

Row = Mapping[str, Any]
ZERO = Decimal(0)
SETTLEMENTS = {
    "rebate": "rebate",
    "payment-credit": "payment_credit",
    "invoice-credit": "invoice_credit",
}
_NO_CENTS = {"JPY", "KRW", "ISK", "CLP", "VND"}
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SEAT_NAMES = ("active directory", "information protection", "azure ad ", "advanced threat")


@dataclass
class Expected:
    """One line of the load, or the one line that several Azure charges become."""

    name: str
    document: str
    currency: str
    price: Decimal
    cost: Decimal
    text: str
    company: str
    client: int | None
    outcome: str = "billed"
    reason: str = ""
    payer: Payer | None = None
    members: list[str] = field(default_factory=list)

    @property
    def money(self) -> Decimal:
        return cents(self.price, self.currency)

    @property
    def cost_money(self) -> Decimal:
        return cents(self.cost, self.currency)


def cents(amount: Decimal, currency: str) -> Decimal:
    """Rounded once, half away from zero."""
    unit = Decimal(1) if currency in _NO_CENTS else Decimal("0.01")
    return amount.quantize(unit, ROUND_HALF_UP)


def expectations(pax8: Row, halo: Row, settings: Row) -> list[Expected]:
    """Every line of every document, in the order of the load; merged lines at the end."""
    payers = Payers(settings, pax8.get("companies", ()), halo.get("clients", ()))
    found: list[Expected] = []
    for entry in pax8.get("invoices", ()):
        found += _document(entry, payers, settings, halo)
    return found


def _document(entry: Row, payers: Payers, settings: Row, halo: Row) -> list[Expected]:
    invoice = entry["invoice"]
    whole = _whole(invoice, settings)
    lines: list[Expected] = []
    azure: dict[tuple[Any, str], list[Expected]] = defaultdict(list)
    for position, item in enumerate(entry.get("items", ())):
        line = _line(item, position, invoice, payers)
        lines.append(line)
        if whole:
            line.outcome, line.reason = "excluded", whole
        else:
            _decide(line, item, settings)
        if line.outcome == "azure":
            line.outcome = "billed"
            assert line.payer is not None, "a line has an answer to who pays"
            if line.payer.says("collapse_azure"):
                azure[line.client or line.company, line.currency].append(line)
    for members in azure.values():
        merged = _merged(members)
        if merged is not None:
            lines.append(merged)
    _hold_batches(lines, payers, halo)
    return lines


def _whole(invoice: Row, settings: Row) -> str:
    switches = settings.get("exclusions", {})
    partner = settings.get("tenant", {}).get("partner")
    if str(invoice.get("status") or "").lower() == "void" and switches.get("void", True):
        return "void"
    other = partner and invoice.get("partnerName") and invoice["partnerName"] != partner
    return "other-partner" if other and switches.get("other_partner", True) else ""


def _line(item: Row, position: int, invoice: Row, payers: Payers) -> Expected:
    payer = payers.of(item)
    name = str(item.get("id") or f"#{position}")
    text = str(item.get("description") or item.get("productName") or item.get("sku") or "")
    currency = str(item.get("currencyCode") or invoice.get("currencyCode") or "")
    return Expected(
        name=f"{str(invoice['id'])[:8]}/{name}",
        document=str(invoice["id"]),
        currency=currency,
        price=_amount(item.get("total")),
        cost=_amount(item.get("costTotal")),
        text=text,
        company=str(item.get("companyId") or ""),
        client=payer.client,
        payer=payer,
    )


def _decide(line: Expected, item: Row, settings: Row) -> None:
    """Exclusions, drop Azure, drop prorata, collapse, drop zero; then who is held."""
    payer = line.payer
    assert payer is not None, "a line has an answer to who pays"
    kind = str(item.get("type") or "").strip().lower().replace("_", "-")
    switches = settings.get("exclusions", {})
    switch = SETTLEMENTS.get(kind)
    is_azure = _azure(item, payer, settings)
    if payer.excluded:
        line.outcome, line.reason = "excluded", payer.excluded
    elif item.get("billedByPax8"):
        line.outcome, line.reason = "excluded", "billedByPax8"
    elif switch and switches.get(switch, True):
        line.outcome, line.reason = "excluded", kind
    elif is_azure and payer.says("drop_azure"):
        line.outcome, line.reason = "dropped", "drop-azure"
    elif kind == "prorate" and payer.says("drop_prorata") and _favourable(item):
        line.outcome, line.reason = "dropped", "drop-prorata"
    elif item.get("total") is None:
        line.outcome, line.reason = "held", "amount-missing"
    elif is_azure and payer.says("collapse_azure"):
        line.outcome = "azure"
    elif payer.says("drop_zero") and _is_zero(line, payer):
        line.outcome, line.reason = "dropped", "drop-zero"
    elif payer.held:
        line.outcome, line.reason = "held", payer.held
    elif not item.get("productId") and not item.get("sku"):
        line.outcome, line.reason = "held", "product-missing"


def _merged(members: Sequence[Expected]) -> Expected | None:
    first = members[0]
    payer = first.payer
    assert payer is not None, "a line has an answer to who pays"
    merged = Expected(
        name=f"{first.document[:8]}/azure of {first.client or first.company}",
        document=first.document,
        currency=first.currency,
        price=sum((one.price for one in members), ZERO),
        cost=sum((one.cost for one in members), ZERO),
        text="Microsoft Azure",
        company=first.company,
        client=first.client,
        payer=payer,
        members=[one.name for one in members],
    )
    outcome, reason = "collapsed", "collapse-azure"
    if payer.says("drop_zero") and _is_zero(merged, payer):
        outcome, reason = "dropped", "drop-zero"
    elif payer.held:
        outcome, reason = "held", payer.held
    for one in members:
        one.outcome, one.reason = outcome, reason
    return merged if outcome == "collapsed" else None


def _hold_batches(lines: Iterable[Expected], payers: Payers, halo: Row) -> None:
    """R12, R15: a held line holds its batch, and a net credit waits for a person."""
    codes = {int(row["id"]): str(row["code"]) for row in halo.get("currencies", ())}
    batches: dict[tuple[int, str], list[Expected]] = defaultdict(list)
    for line in lines:
        if line.client is not None and line.outcome in ("billed", "held"):
            batches[line.client, line.currency].append(line)
    for (number, currency), batch in batches.items():
        billed = [one for one in batch if one.outcome == "billed"]
        payer = batch[0].payer
        client = payers.client(number)
        assert payer is not None, "a line has an answer to who pays"
        theirs = codes.get(int((client or {}).get("default_currency_code") or 0), currency)
        why = ""
        if len(billed) < len(batch) and not payer.says("post_partial"):
            why = next(one.reason for one in batch if one.outcome == "held")
        elif client is None or client.get("inactive"):
            why = "client-gone"
        elif theirs != currency:
            why = "currency-mismatch"
        elif sum((one.money for one in billed), ZERO) < 0 and payer.says("net_credit") == "hold":
            why = "net-credit"
        for one in billed if why else ():
            one.outcome, one.reason = "held", why


def _favourable(item: Row) -> bool:
    total, cost = item.get("total"), item.get("costTotal")
    if total is not None and cost is not None and _amount(total) * _amount(cost) < 0:
        return False
    return _amount(cost if total is None else total) < 0


def _is_zero(line: Expected, payer: Payer) -> bool:
    if cents(line.price, line.currency):
        return False
    return payer.says("zero_test") == "charge" or not cents(line.cost, line.currency)


def _azure(item: Row, payer: Payer, settings: Row) -> bool:
    """Section 7 of the sheet; arrears of any vendor when the scope says so."""
    arrears = str(item.get("term") or "").strip().lower() == "arrears"
    if arrears and payer.says("azure_scope") == "all_arrears":
        return True
    account = settings.get("pax8", {})
    prefixes = tuple(account.get("azure_sku_prefixes", ("MST-EXM-AZ",)))
    if item.get("productId") in account.get("azure_products", ()):
        return True
    if prefixes and str(item.get("sku") or "").upper().startswith(prefixes):
        return True
    words = f"{item.get('description') or ''} {item.get('details') or ''}".lower()
    if "azure" in words and ("arrears charge" in words or _GUID.search(words)):
        return True
    name = str(item.get("productName") or item.get("description") or "").lower()
    if "azure" not in name:
        return False
    vendor = str(item.get("vendorName") or "").lower()
    seats = any(word in f"{name} " for word in _SEAT_NAMES)
    return arrears if not vendor else vendor.startswith("microsoft") and (arrears or not seats)


def _amount(value: Any) -> Decimal:
    return ZERO if value is None else Decimal(str(value))
