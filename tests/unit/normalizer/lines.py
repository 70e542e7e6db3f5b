"""Valid lines and batches; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from normalizer.handlers import normalize
from schemas.charges import ChargeLine, ChargeLines, DecidedLine, DecidedLines
from schemas.messages import ChargesNormalized, ChargesReceived
from schemas.settings import EffectivePolicy, Settings
from schemas.uses import Uses

AZURE_TEXT = (
    "Microsoft Azure Plan - Arrears Charge - Larkfield Prod -"
    " 7b0c2d1e-1111-4222-8333-944455556666 - Premium SSD Managed Disks"
)
ALL_ON = {"drop_azure": True, "collapse_azure": True, "drop_prorata": True, "drop_zero": True}


def line(number: int = 1, **changes: Any) -> ChargeLine:
    """A seat; without a total of its own it costs 2.50 and 2."""
    given = {
        "id": f"line_{number}",
        "type": "subscription",
        "term": "Monthly",
        "company": "company-1",
        "company_name": "Larkfield Dental",
        "subscription": f"subscription-{number}",
        "product": f"product-{number}",
        "sku": f"SKU-{number}",
        "name": "Seat",
        "text": "Seat",
        "start": "2026-11-01",
        "end": "2026-12-01",
        "quantity": "1",
        "price": "2.5",
        "cost": "2",
        "total": "2.5",
        "cost_total": "2",
    }
    return ChargeLine.model_validate(given | changes)


def azure(number: int = 1, **changes: Any) -> ChargeLine:
    given: dict[str, Any] = {
        "term": "Arrears",
        "product": "azure-plan",
        "sku": "OTHER",
        "name": "Microsoft Azure Plan",
        "vendor": "Microsoft",
        "text": AZURE_TEXT,
        "start": "2026-10-01",
        "end": "2026-11-01",
    }
    return line(number, **(given | changes))


def prorate(number: int = 1, **changes: Any) -> ChargeLine:
    given = {"type": "prorate", "start": "2026-10-10", "end": "2026-11-01"}
    return line(number, **(given | changes))


class Normalized:
    """What came out."""

    def __init__(self, head: ChargesNormalized, uses: Uses, body: bytes) -> None:
        self.head, self.uses, self.body = head, uses, body
        self.lines = DecidedLines.validate_json(body)

    def __getitem__(self, number: int) -> DecidedLine:
        return next(one for one in self.lines if one.id == f"line_{number}")

    @property
    def ended(self) -> dict[str, str]:
        """Where each source line ended, with the rule."""
        return {
            one.id: one.outcome if one.rule is None else f"{one.outcome} {one.rule}"
            for one in self.lines
            if one.members is None
        }

    @property
    def merged(self) -> DecidedLine:
        [found] = [one for one in self.lines if one.members is not None]
        return found

    def total(self) -> tuple[int, Decimal, Decimal]:
        """Lines, price and cost over everything that the head accounts for."""
        head = self.head
        lines = head.kept_lines - head.merged + head.collapsed + sum(e.lines for e in head.money)
        price = head.kept_price + sum((e.price for e in head.money), Decimal(0))
        cost = head.kept_cost + sum((e.cost for e in head.money), Decimal(0))
        return lines, price, cost


def normalized(
    charges: Iterable[ChargeLine],
    policy: dict[str, Any] | None = None,
    settings: Settings | None = None,
    **changes: Any,
) -> Normalized:
    batch = list(charges)
    given: dict[str, Any] = {
        "tenant": "msp",
        "run": "run_1",
        "revision": 1,
        "settings": "settings_1",
        "document": "document-1",
        "batch": "batch_1",
        "bill_to": "client:7",
        "client": 7,
        "currency": "USD",
        "content": "content",
        "lines": len(batch),
        "policy": EffectivePolicy.model_validate(policy or {}),
        "period": "2026-11",
    }
    head = ChargesReceived.model_validate(given | changes)
    body = ChargeLines.dump_json(batch, exclude_defaults=True)
    return Normalized(*normalize(head, body, settings or Settings()))
