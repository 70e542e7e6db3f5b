"""An example of each public event: for the export, the guide, and tests that parse them for ever.

A small story: 3 seats at 12.50 USD for Acme, held, released, planned, posted; another batch is
refused, and a document is held whole.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from schemas import events as e
from schemas.ids import batch_id, derive_id, plan_id
from schemas.money import ZERO
from schemas.statement import CurrencyStatement, Entry, Outcome, Side, Statement

_TENANT, _DOCUMENT = "msp", "6c1f6a3e-5f0e-4a57-9d3c-8d1f5a1b2c3d"
_UNREAD = "0b9d6c58-3f0b-4b7c-8a55-7f2f0c1d9e11"
_CONNECTION = derive_id("connection", _TENANT, "halopsa", "https://msp.halopsa.com")
_PRICE, _COST = Decimal("37.50"), Decimal("30.00")


def _of_document(revision: int, document: str = _DOCUMENT) -> dict[str, Any]:
    return {
        "tenant": _TENANT,
        "run": derive_id("run", _TENANT, "pax8", document, 3),
        "revision": revision,
        "source": "pax8",
        "document": document,
    }


def _of_batch(revision: int, bill_to: str, client: int | None, name: str) -> dict[str, Any]:
    batch = batch_id(_TENANT, "pax8", _DOCUMENT, bill_to, "USD")
    return _of_document(revision) | {
        "batch": batch,
        "bill_to": bill_to,
        "client": client,
        "client_name": name,
        "currency": "USD",
        "lines": 3,
        "content": "9f86d081884c7d659a2feaa0c55ad015",
        "connection": _CONNECTION,
    }


def _posting(revision: int) -> dict[str, Any]:
    batch = _of_batch(revision, "client:1001", 1001, "Acme")
    return batch | {"plan": plan_id(batch["batch"], _CONNECTION)}


def _money(outcome: Outcome, reason: str = "") -> list[Entry]:
    return [Entry(outcome=outcome, reason=reason, lines=3, price=_PRICE, cost=_COST)]


def _statement() -> Statement:
    side = {"held": ZERO, "unexplained": ZERO}
    return Statement(
        document=_DOCUMENT,
        source="pax8",
        period="2026-11",
        currencies={
            "USD": CurrencyStatement(
                price=Side(received=_PRICE, posted=_PRICE, **side),
                cost=Side(received=_COST, posted=_COST, **side),
            )
        },
        lines={"collapsed": 0, "merged": 0, "posted": 3, "received": 3},
        complete=True,
    )


_HASH = "4be1a1c9c44b4dbb8b7fd9ac3a5b8c1d"
_STORY: tuple[tuple[type[e.BillingEvent], dict[str, Any]], ...] = (
    (
        e.DocumentHeldEvent,
        _of_document(2, _UNREAD)
        | {
            "code": "document-incomplete",
            "text": "Pax8 promised 120 lines and gave 119: `chargeline run` reads it again",
            "rows_read": 119,
            "rows_promised": 120,
            "received": {"USD": {"lines": 119, "price": "4310.05", "cost": "3448.04"}},
        },
    ),
    (
        e.ChargesHeldEvent,
        _of_batch(3, "company:c0000000-0000-4000-8000-000000000001", None, "")
        | {
            "code": "company-unmapped",
            "text": "no HaloPSA client for Acme: `chargeline mappings` names the ways out",
            "held_lines": 3,
            "held_price": _PRICE,
            "held_cost": _COST,
            "money": _money("held", "company-unmapped"),
        },
    ),
    (
        e.ChargesReleasedEvent,
        _of_batch(4, "company:c0000000-0000-4000-8000-000000000001", None, "") | {"reason": "void"},
    ),
    (
        e.PostingPlannedEvent,
        _posting(4) | {"hash": _HASH, "operations": 1, "creates": 1, "money": _money("pending")},
    ),
    (e.RunWaitingEvent, _of_document(4) | {"waits_for": "plans"}),
    (
        e.PostingDoneEvent,
        _posting(4)
        | {"hash": _HASH, "created": 1, "external_ids": ["5001"], "money": _money("posted")},
    ),
    (
        e.RunEndedEvent,
        _of_document(4) | {"document_date": "2026-11-01", "statement": _statement()},
    ),
    (e.PostingUndoneEvent, _posting(5) | {"listed": ["item Mail, per seat"]}),
    (
        e.PostingRefusedEvent,
        _posting(6)
        | {
            "hash": _HASH,
            "code": "moved",
            "text": "the invoice was changed since the plan was made: plan again",
            "held": True,
            "plan_again": True,
            "money": _money("held", "moved"),
        },
    ),
    (
        e.DocumentChangedEvent,
        _of_document(7)
        | {"document_date": "2026-11-01", "status_before": "Unpaid", "status": "Credited"},
    ),
    (
        e.CountsSyncedEvent,
        {
            "tenant": _TENANT,
            "run": derive_id("counts", _TENANT, "huntress", 8),
            "revision": 8,
            "source": "huntress",
            "day": "2026-11-05",
            "asked": "schedule",
            "connection": _CONNECTION,
            "organizations": 3,
            "updated": 1,
            "unchanged": 4,
            "held": 1,
        },
    ),
    (
        e.SetupProgressedEvent,
        {
            "tenant": _TENANT,
            "run": derive_id("setup", _TENANT, "pax8", 1),
            "revision": 1,
            "source": "pax8",
            "stage": "products",
            "companies": 217,
            "subscriptions": 1840,
            "clients": 217,
            "decided": 214,
            "products": 96,
        },
    ),
)


def _event(event: type[e.BillingEvent], data: dict[str, Any]) -> e.BillingEvent:
    kind = e.type_of(event)
    names = ("batch", "document", "day", "run")
    subject = next(found for name in names if (found := data.get(name)))
    return event.model_validate(
        {
            "id": derive_id("event", _TENANT, kind, subject, data["revision"]),
            "source": f"chargeline/{_TENANT}",
            "subject": subject,
            "data": data,
        }
    )


EVENT_EXAMPLES: dict[str, e.BillingEvent] = {
    e.type_of(event): _event(event, data) for event, data in _STORY
}
