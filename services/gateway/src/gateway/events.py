"""What is public of a run, as events on `billing.events.v1`; the gateway alone publishes them.

An event is derived from facts and carries no time, so one that is published again is the same,
byte for byte. It rides in the update that makes it true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from chassis.records import Message
from gateway.domain.projection import ParkedBatch, Projection
from gateway.domain.run import Progress, Run, Stage
from gateway.domain.setup import Setup
from gateway.domain.syncs import Sync
from gateway.store import Tenant
from schemas.event_data import SetupProgressedData
from schemas.events import (
    CONTENT_TYPE,
    TOPIC,
    BillingEvent,
    ChargesHeldEvent,
    ChargesReleasedEvent,
    CountsSyncedEvent,
    DocumentChangedEvent,
    DocumentHeldEvent,
    PostingDoneEvent,
    PostingPlannedEvent,
    PostingRefusedEvent,
    PostingUndoneEvent,
    RunEndedEvent,
    RunWaitingEvent,
    SetupProgressedEvent,
    type_of,
)
from schemas.ids import derive_id
from schemas.messages import (
    BatchHead,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    DocumentsListed,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)
from schemas.statement import Entry, Statement

_SUPERSEDED = "superseded"
_OF_POSTINGS: dict[type[BatchHead], type[BillingEvent]] = {
    PostingPlanned: PostingPlannedEvent,
    PostingDone: PostingDoneEvent,
    PostingRefused: PostingRefusedEvent,
    PostingUndone: PostingUndoneEvent,
}


def about_batch(fact: BatchHead, before: Projection) -> tuple[Message, ...]:
    """The event that a fact makes public, on top of what was known before; most make none."""
    match fact:
        case ChargesHeld():
            sums = {"lines": fact.held_lines, "price": fact.held_price, "cost": fact.held_cost}
            return _batch_event(ChargesHeldEvent, fact, before, money=_held(fact.code, sums))
        case ParkedBatch():  # nothing is public of an undo before its answer, nor what has come
            return _parked(fact, before) if before.take(fact).notice == fact else ()
        case PostingPlanned(code=str()):
            return _held_by_plan(fact, before)
        case ChargesResolved() if _was_held(before, fact.revision):
            return _batch_event(ChargesReleasedEvent, fact, before, reason="resolved")
    event = _OF_POSTINGS.get(type(fact))
    return _batch_event(event, fact, before) if event else ()


def about_void(run: Run, batches: Iterable[Projection]) -> tuple[Message, ...]:
    """Batches that the run's last pass held, and that this pass has formed into others."""
    old = [p for p in batches if p.revision < run.revision]
    last = max((p.revision for p in old), default=0)
    said: list[Message] = []
    for p in old:
        fact = p.normalized or p.parked
        held = p.notice or p.progress() is Progress.HELD
        if p.revision == last and held and fact is not None:
            now = fact.model_copy(update={"revision": run.revision})
            said += _batch_event(ChargesReleasedEvent, now, p, reason="void")
    return tuple(said)


def about_waiting(run: Run) -> tuple[Message, ...]:
    """A person is asked; once for each time that something was approved meanwhile, or half so."""
    waits_for = "items" if run.stage is Stage.ITEMS else "plans"
    second = len(run.first_approvals)
    data = {**_of_run(run), "waits_for": waits_for, "approved": run.approved, "second": second}
    more_id = ("second", second) if second else ()
    return (_message(RunWaitingEvent, run.document, data, waits_for, run.approved, *more_id),)


def about_setup(setup: Setup) -> tuple[Message, ...]:
    """A set-up began, came a step further, or to its end."""
    names = SetupProgressedData.model_fields.keys() & Setup.model_fields.keys()
    data = {"run": setup.setup, **{name: getattr(setup, name) for name in names}}
    return (_message(SetupProgressedEvent, setup.setup, data, setup.stage.value),)


def about_end(run: Run, statement: Statement) -> tuple[Message, ...]:
    """A run ended: its statement, and before it the document's hold if there is one."""
    of_run = _of_run(run)
    ended = _message(
        RunEndedEvent,
        run.document,
        {**of_run, "problem": run.problem, "text": run.text, "statement": statement.model_dump()},
    )
    if run.problem is None or run.problem == _SUPERSEDED:
        return (ended,)
    read = {
        "rows_read": run.rows_read,
        "rows_promised": run.rows_promised,
        "received": {currency: got.model_dump() for currency, got in run.received.items()},
    }
    data = {**of_run, **read, "code": run.problem, "text": run.text}
    return (_message(DocumentHeldEvent, run.document, data), ended)


def about_sync(tenant: str, sync: Sync) -> tuple[Message, ...]:
    """A sync of counts came to its end: what it did, or why it could not go on."""
    fact = sync.posted or sync.resolved or sync.received
    assert fact is not None, "a sync ends with a fact"
    data = {
        **fact.model_dump(),
        "tenant": tenant,
        "mode": sync.mode,
        "asked": sync.asked,
        "problem": sync.problem,
        "text": sync.text,
    }
    return (_message(CountsSyncedEvent, sync.day, data),)


def about_statuses(head: DocumentsListed, before: Tenant, now: Tenant) -> tuple[Message, ...]:
    """Documents that the distributor says something else of than when they were listed last."""
    was = {e.document: e.status for e in before.listing(head.source).documents}
    said: list[Message] = []
    for entry in now.listing(head.source).documents:
        status = was.get(entry.document, entry.status)
        if status != entry.status:
            data = {
                **{n: getattr(head, n) for n in ("tenant", "run", "revision", "source")},
                "document": entry.document,
                "document_date": entry.date,
                "status_before": status,
                "status": entry.status,
            }
            said.append(_message(DocumentChangedEvent, entry.document, data))
    return tuple(said)


def _held_by_plan(fact: PostingPlanned, before: Projection) -> tuple[Message, ...]:
    held = [e for e in fact.money if e.outcome == "held"]
    sums = {
        "held_lines": sum(e.lines for e in held),
        "held_price": sum(e.price for e in held),
        "held_cost": sum(e.cost for e in held),
    }
    kind = {"kind": "ChargesHeld", "stage": "plan"}
    return _batch_event(ChargesHeldEvent, fact, before, "plan", **kind, **sums)


def _parked(fact: ParkedBatch, before: Projection) -> tuple[Message, ...]:
    """Why is for the MSP's engineer: what a fault says may quote anything."""
    n: ChargesNormalized | None = before.at(fact.revision, "normalized")
    kept = {"lines": n.kept_lines, "price": n.kept_price, "cost": n.kept_cost} if n else {}
    more = {
        "kind": "ChargesHeld",
        "stage": "parked",
        "text": "a message about it could not be handled: `chargeline parked` names it",
        "money": _held("parked", kept),
        **{f"held_{name}": value for name, value in kept.items()},
    }
    return _batch_event(ChargesHeldEvent, fact, before, "parked", **more)


def _held(code: str, sums: dict[str, Any]) -> list[dict[str, Any]]:
    entry = Entry(outcome="held", reason=code, **sums)
    return [entry.model_dump()] if entry.lines else []


def _was_held(before: Projection, revision: int) -> bool:
    """The last word of the passes before this one was a hold."""
    planned = before.planned if before.planned and before.planned.code else None
    refused = before.refused if before.refused and before.refused.held else None
    facts = (before.held, before.parked, before.apply_parked, planned, refused)
    holds = [f.revision for f in facts if f is not None and f.revision < revision]
    resolved = before.resolved.revision if before.resolved else 0
    return bool(holds) and max(holds) >= resolved


def _batch_event(
    event: type[BillingEvent], fact: BatchHead, before: Projection, *more_id: str, **more: Any
) -> tuple[Message, ...]:
    data = {**fact.model_dump(), **_client_of(fact, before), **more}
    return (_message(event, fact.batch, data, *more_id),)


def _client_of(fact: BatchHead, before: Projection) -> dict[str, Any]:
    """As it was resolved; an undo comes later than the pass that resolved it."""
    found: ChargesResolved | None = fact if isinstance(fact, ChargesResolved) else before.resolved
    undoing = isinstance(fact, PostingUndone | PostingRefused) and found is not None
    if found is not None and (undoing or found.revision == fact.revision):
        return {"client": found.client or None, "client_name": found.client_name}
    n: ChargesNormalized | None = before.at(fact.revision, "normalized")
    return {"client": n.client if n else None}


def _of_run(run: Run) -> dict[str, Any]:
    names = ("tenant", "run", "revision", "source", "document", "document_date")
    return {name: getattr(run, name) for name in names}


def _message(
    event: type[BillingEvent], subject: str, data: dict[str, Any], *more_id: str | int
) -> Message:
    """Of `data` goes out what the event's class names, and nothing else."""
    tenant, kind = data["tenant"], type_of(event)
    said = event.model_validate(
        {
            "id": derive_id("event", tenant, kind, subject, data["revision"], *more_id),
            "source": f"chargeline/{quote(tenant, safe='')}",
            "subject": subject,
            "data": data,
        }
    )
    return Message(TOPIC, tenant, said.model_dump_json().encode(), {"content-type": CONTENT_TYPE})
