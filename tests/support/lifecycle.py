"""Builders of what lifecycle decides about; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lifecycle.domain.charges import uses
from lifecycle.domain.clients import Client
from lifecycle.domain.items import Item
from lifecycle.domain.resolve import Batch
from schemas.charges import DecidedLine, DecidedLines
from schemas.messages import BatchEntry, ChargesNormalized
from schemas.settings import EffectivePolicy, Settings

TENANT = "t1"
CONNECTION = "connection_halo"


def client(number: int = 42, name: str = "Acme", **changes: Any) -> Client:
    return Client(id=number, name=name, **changes)


def item(number: int = 901, name: str = "Business Premium", **changes: Any) -> Item:
    return Item(id=number, name=name, **changes)


def line(number: int = 1, **changes: Any) -> DecidedLine:
    given = {
        "id": f"line_{number}",
        "outcome": "kept",
        "total": "22.00",
        "cost_total": "18.26",
        "product_key": "pax8:p1:monthly",
        "product": "p1",
        "term": "Monthly",
        "sku": "SKU-1",
        "name": "Business Premium",
        "company": "c1",
        "company_name": "Acme",
        "quantity": "1",
        "price": "22.00",
        "cost": "18.26",
    }
    return DecidedLine.model_validate(given | changes)


def lines_body(lines: Sequence[DecidedLine]) -> bytes:
    return DecidedLines.dump_json(list(lines))


def normalized(
    lines: Sequence[DecidedLine],
    batch: str = "batch_1",
    *,
    lifecycle: str = "create",
    policy: dict[str, Any] | None = None,
    **changes: Any,
) -> ChargesNormalized:
    kept = [one for one in lines if one.outcome == "kept"]
    given = {
        "tenant": TENANT,
        "run": "run_1",
        "revision": 2,
        "settings": "none",
        "document": "doc_1",
        "batch": batch,
        "bill_to": "client:42",
        "currency": "USD",
        "content": f"content of {batch}",
        "lines": len(lines),
        "policy": EffectivePolicy.model_validate({"lifecycle": lifecycle, **(policy or {})}),
        "client": 42,
        "document_date": "2026-11-05",
        "period": "2026-11",
        "kept_lines": len(kept),
        "kept_price": sum((one.total for one in kept), Decimal(0)),
        "kept_cost": sum((one.cost_total for one in kept), Decimal(0)),
    }
    return ChargesNormalized.model_validate(given | changes)


def batch_of(lines: Sequence[DecidedLine], batch: str = "batch_1", **changes: Any) -> Batch:
    return Batch(normalized(lines, batch, **changes), uses(lines_body(lines)))


def entry(head: ChargesNormalized) -> BatchEntry:
    return BatchEntry(
        batch=head.batch,
        content=head.content,
        revision=head.revision,
        bill_to=head.bill_to,
        currency=head.currency,
        lines=head.lines,
    )


def settings(**changes: Any) -> Settings:
    return Settings.model_validate(changes)
