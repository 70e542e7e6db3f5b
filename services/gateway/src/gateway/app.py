"""The only wiring of the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from gateway.handlers import Handlers
from gateway.queries import Queries
from gateway.runs import Runs
from gateway.steps import Steps
from gateway.store import Store
from schemas.messages import (
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    CompaniesMatched,
    DocumentRead,
    DocumentsListed,
    DraftsRead,
    ItemsCreated,
    Parked,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)


@dataclass(frozen=True)
class Gateway:
    """The service that consumes facts, and what people and schedules call."""

    service: Service
    runs: Runs
    queries: Queries


def build(*, records: Records, outbox: Outbox, clock: Clock) -> Gateway:
    """`outbox` is the process's own over the same records."""
    store = Store(records, outbox)
    bodies = Bodies(records)
    steps = Steps(store, bodies)
    on = Handlers(store, steps, records, bodies)
    topics: dict[str, dict[type[BaseModel], Handler]] = {
        "documents.read.v1": {
            DocumentsListed: on.on_documents_listed,
            DocumentRead: on.on_document_read,
            DraftsRead: on.on_drafts_read,
        },
        "charges.normalized.v1": {ChargesNormalized: on.on_charges_normalized},
        "charges.resolved.v1": {
            CompaniesMatched: on.on_companies_matched,
            ChargesResolved: on.on_charges_resolved,
        },
        "charges.held.v1": {ChargesHeld: on.on_charges_held},
        "items.created.v1": {ItemsCreated: on.on_items_created},
        "postings.planned.v1": {PostingPlanned: on.on_posting},
        "postings.done.v1": {PostingDone: on.on_posting, PostingUndone: on.on_posting},
        "postings.refused.v1": {PostingRefused: on.on_posting},
        "parked.v1": {Parked: on.on_parked},
    }
    # A fact fills its slot in any order, twice, on any replica: see `gateway.domain.projection`.
    routes = tuple(Route(topic, kinds, side_by_side=True) for topic, kinds in topics.items())
    return Gateway(
        service=Service("gateway", routes),
        runs=Runs(store, steps, outbox, bodies, clock),
        queries=Queries(store, bodies),
    )
