"""Builders of what the poster is given; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from schemas.charges import DecidedLine, DecidedLines, ItemChoice, ItemChoices
from schemas.ids import batch_id, derive_id, digest, line_id, plan_id
from schemas.messages import ChargesResolved
from schemas.settings import EffectivePolicy

TENANT = "t1"
SOURCE = "pax8"
CONNECTION = derive_id("connection", TENANT, "halopsa", "http://sandbox/halopsa")


def charge(number: int = 1, *, document: str = "doc_1", **changes: Any) -> DecidedLine:
    """A kept line: 3 x 7.50, cost 3 x 6.25."""
    given: dict[str, Any] = {
        "id": line_id(TENANT, SOURCE, document, str(number)),
        "outcome": "kept",
        "slot": f"slot{number}-0",
        "product_key": "pax8:p1:monthly",
        "name": "Business Premium",
        "text": f"Business Premium {number}",
        "company": "c1",
        "company_name": "Acme",
        "quantity": "3",
        "price": "7.50",
        "cost": "6.25",
        "start": "2026-10-01",
        "end": "2026-11-01",
    } | changes
    quantity = Decimal(given["quantity"] or 0)
    given.setdefault("total", str(quantity * Decimal(given["price"] or 0)))
    given.setdefault("cost_total", str(quantity * Decimal(given["cost"] or 0)))
    return DecidedLine.model_validate(given)


def body_of(lines: Sequence[DecidedLine], item: int | None = 901) -> bytes:
    keys = {line.product_key for line in lines if line.product_key}
    choices = {
        key: ItemChoice(product_key=key, item=item, proposed=item is None, code="M365BP", tax=4)
        for key in sorted(keys)
    }
    return ItemChoices.dump_json(choices) + b"\n" + DecidedLines.dump_json(list(lines))


def resolved(
    lines: Sequence[DecidedLine],
    *,
    client: int = 42,
    revision: int = 1,
    document: str = "doc_1",
    policy: dict[str, Any] | None = None,
    **changes: Any,
) -> ChargesResolved:
    kept = [line for line in lines if line.outcome == "kept"]
    bill_to = f"client:{client}"
    given = {
        "tenant": TENANT,
        "run": f"run_{document}",
        "revision": revision,
        "settings": "none",
        "source": SOURCE,
        "document": document,
        "batch": batch_id(TENANT, SOURCE, document, bill_to, "USD"),
        "bill_to": bill_to,
        "currency": "USD",
        "content": digest("content", *(line.id for line in lines)),
        "lines": len(lines),
        "connection": CONNECTION,
        "policy": EffectivePolicy.model_validate(policy or {}),
        "client": client,
        "client_name": f"Client {client}",
        "document_date": "2026-11-01",
        "period": "2026-11",
        "kept_lines": len(kept),
        "kept_price": sum((line.total for line in kept), Decimal(0)),
        "kept_cost": sum((line.cost_total for line in kept), Decimal(0)),
    }
    return ChargesResolved.model_validate(given | changes)


def plan_of_batch(head: ChargesResolved) -> str:
    return plan_id(head.batch, head.connection)
