"""One example of every message: what a developer reads first, and what tomorrow must still parse.

A small story in valid values: one seat line of 3 x 12.50 USD for one client, posted on invoice 501.
"""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from schemas import frame
from schemas import messages as m
from schemas.bodies import BODIES, AtSource, DocumentBatches
from schemas.charges import ChargeLine, DecidedLine, DecidedLines, ItemChoice
from schemas.ids import batch_id, derive_id, digest, line_id, plan_id
from schemas.settings import EffectivePolicy
from schemas.statement import Entry
from schemas.uses import ProductUse, uses_of

_TENANT, _DOCUMENT = "msp", "6c1f6a3e-5f0e-4a57-9d3c-8d1f5a1b2c3d"
_SETTINGS = "67ea0ef492a293f069fda31ad0247cd4"  # of any content: a new default adds no example
_LINE = line_id(_TENANT, "pax8", _DOCUMENT, "b1a2c3d4")
_BATCH = batch_id(_TENANT, "pax8", _DOCUMENT, "client:1001", "USD")
_CONNECTION = derive_id("connection", _TENANT, "halopsa", "https://msp.halopsa.com")
_PLAN = plan_id(_BATCH, _CONNECTION)
_CONTENT, _HASH = digest("content", _BATCH), digest("plan", _BATCH)
_KEY = "pax8:prod-1:monthly"
_PRICE, _COST = Decimal("37.50"), Decimal("30.00")

_HEAD: dict[str, Any] = {
    "tenant": _TENANT,
    "run": derive_id("run", _TENANT, "pax8", _DOCUMENT, 1),
    "revision": 1,
    "settings": _SETTINGS,
    "document": _DOCUMENT,
}
_TO_HALO = _HEAD | {"connection": _CONNECTION}
_OF_BATCH = _HEAD | {
    "batch": _BATCH,
    "bill_to": "client:1001",
    "currency": "USD",
    "content": _CONTENT,
    "lines": 1,
}
_POSTING = _OF_BATCH | {"connection": _CONNECTION, "plan": _PLAN, "hash": _HASH}
_MONTH: dict[str, Any] = {"document_date": "2026-11-01", "period": "2026-11"}
_KEPT: dict[str, Any] = {"kept_lines": 1, "kept_price": _PRICE, "kept_cost": _COST}

_ENTRY = m.BatchEntry(
    batch=_BATCH, content=_CONTENT, revision=1, bill_to="client:1001", currency="USD", lines=1
)
_COMPANY = m.Company(company="comp-1", name="Acme", external="ACME", lines=1, price={"USD": _PRICE})
_USE = ProductUse(key=_KEY, name="Mail, per seat", product="prod-1", term="Monthly", lines=1)
_SUGGESTION = m.Suggestion(id=1002, name="Acme Ltd", score=91, evidence="name alike")
_CHARGE = ChargeLine(
    id=_LINE,
    type="subscription",
    term="Monthly",
    company="comp-1",
    company_name="Acme",
    subscription="sub-1",
    product="prod-1",
    sku="SKU-1",
    name="Mail, per seat",
    start=date(2026, 11, 1),
    end=date(2026, 12, 1),
    quantity=Decimal(3),
    price=Decimal("12.50"),
    cost=Decimal("10.00"),
    total=_PRICE,
    cost_total=_COST,
)
_DECIDED = DecidedLine(
    id=_LINE,
    outcome="kept",
    total=_PRICE,
    cost_total=_COST,
    product_key=_KEY,
    product="prod-1",
    term="Monthly",
    name="Mail, per seat",
    company="comp-1",
    slot=digest("slot", _LINE),
    quantity=Decimal(3),
    price=Decimal("12.50"),
    cost=Decimal("10.00"),
)
_LINES = DecidedLines.dump_json([_DECIDED])
_LINES_AT = m.BodyRef(digest=hashlib.sha256(_LINES).hexdigest(), size_bytes=len(_LINES))
_ITEM = ItemChoice(product_key=_KEY, item=701, name="Mail, per seat", evidence="accounts id")
_HOLD = m.Hold(
    code="client-unmapped",
    text="company Acme has no HaloPSA client: map it, or exclude it",
    company="comp-1",
    name="Acme",
    lines=1,
    price=_PRICE,
    cost=_COST,
    suggestions=(_SUGGESTION,),
)
_COUNTING: dict[str, Any] = {
    "tenant": _TENANT,
    "run": derive_id("counts", _TENANT, "huntress", 2),
    "revision": 2,
    "settings": _SETTINGS,
    "connection": _CONNECTION,
}
_OF_DAY = _COUNTING | {"day": "2026-11-02"}
_COUNT = m.Count(
    organization="700101",
    organization_name="Larkfield Dental",
    product="edr",
    count=19,
    before=18,
    seen={"agents": 21, "unresponsive": 2},
)
_CLIENT_COUNT = m.ClientCount(
    client=1001,
    client_name="Acme",
    product="edr",
    item=310,
    licence="Huntress Managed EDR",
    count=19,
    parts=(m.CountPart(organization="700101", organization_name="Larkfield Dental", count=19),),
)
_COUNT_ROW = m.CountRow(
    organization="700101",
    organization_name="Larkfield Dental",
    product="edr",
    client=1001,
    client_name="Acme",
    item=310,
    licence=1441,
    count=19,
    before=18,
    after=19,
    outcome="updated",
    at="2026-11-02T03:00:07+00:00",
)
_LINK = m.CountLink(
    client=1001,
    client_name="Acme",
    product="edr",
    item=310,
    licence=1441,
    recurring=-94,
    line=24967,
    operation="link",
    pro_rata=1,
    bills_now=1,
    bills_then=19,
    foreign_lines=1,
    hash=digest("link", _BATCH),
)


def _money(outcome: Any) -> tuple[Entry, ...]:
    return (Entry(outcome=outcome, lines=1, price=_PRICE, cost=_COST),)


_STORY: tuple[tuple[m.Head, tuple[Any, ...]], ...] = (
    (m.ListDocuments(**_HEAD, since="2026-10-01"), ()),
    (m.IngestDocument(**_HEAD), ()),
    (m.ReadDrafts(**_HEAD), ()),
    (m.MatchCompanies(**_TO_HALO), ([_COMPANY],)),
    (m.ReadCompanies(**_HEAD), ()),
    (m.MatchProducts(**_TO_HALO), ([_USE],)),
    (m.ResolveRun(**_TO_HALO), ([_ENTRY],)),
    (m.CreateItems(**_TO_HALO), ([_KEY],)),
    (m.PlanRun(**_TO_HALO), ([_ENTRY],)),
    (m.ApplyRun(**_TO_HALO), ([m.ApprovedPlan(batch=_BATCH, plan=_PLAN, hash=_HASH)],)),
    (m.UndoPostings(**_TO_HALO), ([_PLAN],)),
    (
        m.DocumentsListed(**_HEAD),
        ([m.DocumentEntry(document=_DOCUMENT, date="2026-11-01", currency="USD")],),
    ),
    (m.DraftsRead(**_HEAD, snapshot="drafts", rows_read=2, rows_promised=2), ()),
    (
        m.DocumentRead(
            **_HEAD, rows_read=1, rows_promised=1, batches=1, pages=1, document_date="2026-11-01"
        ),
        (DocumentBatches(batches=[_ENTRY], companies=[_COMPANY]),),
    ),
    (
        m.CompaniesRead(**_HEAD, companies=1, subscriptions=1),
        (AtSource(companies=[_COMPANY], products=[_USE]),),
    ),
    (
        m.ChargesReceived(
            **_OF_BATCH, **_MONTH, policy=EffectivePolicy(), client=1001, price=_PRICE, cost=_COST
        ),
        ([_CHARGE],),
    ),
    (
        m.ChargesNormalized(
            **_OF_BATCH,
            **_MONTH,
            **_KEPT,
            policy=EffectivePolicy(),
            client=1001,
            lines_at=_LINES_AT,
        ),
        ([], uses_of([_DECIDED.model_dump()])),
    ),
    (
        m.CompaniesMatched(**_TO_HALO),
        ([m.CompanyMatch(company="comp-1", name="Acme", suggestions=(_SUGGESTION,))],),
    ),
    (
        m.ProductsMatched(**_TO_HALO, listed=1),
        ([m.ProductMatch(product_key=_KEY, name="Mail, per seat", suggestions=(_SUGGESTION,))],),
    ),
    (
        m.ChargesResolved(
            **_OF_BATCH,
            **_MONTH,
            **_KEPT,
            connection=_CONNECTION,
            policy=EffectivePolicy(),
            client=1001,
            client_name="Acme",
            lines_at=_LINES_AT,
        ),
        ({_KEY: _ITEM}, []),
    ),
    (
        m.ChargesHeld(
            **_OF_BATCH,
            connection=_CONNECTION,
            client_name="Acme",
            code=_HOLD.code,
            text=_HOLD.text,
            held_lines=1,
            held_price=_PRICE,
            held_cost=_COST,
        ),
        ([_HOLD],),
    ),
    (
        m.ItemsCreated(**_TO_HALO, created=1),
        ({_KEY: m.ItemMade(product_key=_KEY, item=701)},),
    ),
    (
        m.PostingPlanned(**_POSTING, client=1001, operations=1, creates=1, money=_money("pending")),
        ({"operations": ["create"]},),
    ),
    (
        m.PostingDone(**_POSTING, created=1, external_ids=("501",), money=_money("posted")),
        (),
    ),
    (m.PostingUndone(**{**_POSTING, "hash": ""}, listed=("item 701",)), ()),
    (
        m.PostingRefused(
            **_POSTING,
            code="moved",
            text="invoice 501 was changed since it was planned: plan again",
            plan_again=True,
            money=_money("refused"),
        ),
        (),
    ),
    (
        m.SyncCounts(**_OF_DAY),
        ([m.AcceptedCount(organization="700101", product="edr", count=19)],),
    ),
    (m.LinkCounts(**_COUNTING, applies=True), ([_LINK.hash],)),
    (m.CountsReceived(**_OF_DAY, organizations=1, organizations_before=1, rows=1), ([_COUNT],)),
    (
        m.CountsResolved(**_OF_DAY, organizations=1, clients=1),
        (m.ResolvedCounts(clients=(_CLIENT_COUNT,)),),
    ),
    (m.CountsPosted(**_OF_DAY, organizations=1, updated=1), ([_COUNT_ROW],)),
    (m.CountLinksPlanned(**_COUNTING), ([_LINK],)),
)


def _framed(head: m.Head, sections: tuple[Any, ...]) -> bytes:
    adapters = BODIES.get(type(head), ())
    assert len(adapters) == len(sections), f"{type(head).__name__}: one value a section"
    body = frame.join(*(a.dump_json(v) for a, v in zip(adapters, sections, strict=True)))
    return frame.encode(head.model_dump_json().encode(), body)


EXAMPLES: dict[str, bytes] = {type(head).__name__: _framed(head, body) for head, body in _STORY}
