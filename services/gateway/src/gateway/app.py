"""The only wiring of the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.parking import Parking
from chassis.records import Records
from chassis.service import Handler, Route, Service
from chassis.vault import Vault
from gateway import deliveries, schedules
from gateway.count_queries import CountQueries
from gateway.counts import Counts
from gateway.deliveries import Deliveries
from gateway.event_log import EventLog
from gateway.handlers import Handlers
from gateway.hints import Hints
from gateway.listed import Listed
from gateway.queries import Queries
from gateway.ready import Ready
from gateway.runs import Runs
from gateway.schedules import Schedules
from gateway.sending import Sender
from gateway.setups import Setups
from gateway.steps import Steps
from gateway.store import Store
from gateway.suggestions import Suggestions
from gateway.told import Told
from gateway.webhooks import Webhooks
from schemas.counts import CountLinksPlanned, CountsPosted, CountsReceived, CountsResolved
from schemas.events import TOPIC, BillingEvent
from schemas.messages import (
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    CompaniesMatched,
    CompaniesRead,
    DocumentRead,
    DocumentsListed,
    DraftsRead,
    ItemsCreated,
    Parked,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
    ProductsMatched,
)


@dataclass(frozen=True)
class Gateway:
    """The service that consumes facts, and what people and schedules call."""

    service: Service
    runs: Runs
    queries: Queries
    counts: Counts
    count_queries: CountQueries
    schedules: Schedules
    jobs: Jobs
    setups: Setups
    suggestions: Suggestions
    ready: Ready
    log: EventLog
    webhooks: Webhooks
    deliveries: Deliveries
    hints: Hints
    parking: Parking


def build(
    *,
    records: Records,
    outbox: Outbox,
    jobs: Jobs,
    vault: Vault,
    sender: Sender,
    keeps_schedules: bool,
) -> Gateway:
    """`outbox` and `jobs` are the process's own over the same records."""
    store = Store(records, outbox)
    bodies = Bodies(records)
    steps = Steps(store, bodies)
    counts = Counts(store, bodies, jobs.clock)
    kept = Schedules(store, counts, jobs, keeps=keeps_schedules)
    runs = Runs(store, steps, kept, bodies, jobs.clock)
    setups = Setups(store, bodies, jobs.clock)
    on = Handlers(store, steps, records, bodies, setups)
    log = EventLog(outbox, jobs.clock)
    webhooks = Webhooks(outbox, vault, jobs.clock, sender)
    sending = Deliveries(outbox, jobs, log, webhooks, sender)
    told = Told(log, sending)
    service = Service(
        "gateway",
        (
            *_facts(on, Listed(store, runs, kept), counts, setups),
            # In order, unlike facts: positions in the log are the order of the topic.
            Route(TOPIC, {BillingEvent: told.on_event}, together=told.on_events),
        ),
        {schedules.KIND: kept.keep, deliveries.KIND: sending.send},
    )
    return Gateway(
        service=service,
        runs=runs,
        queries=Queries(store, bodies),
        counts=counts,
        count_queries=CountQueries(store, bodies),
        schedules=kept,
        jobs=jobs,
        setups=setups,
        suggestions=Suggestions(store, setups),
        ready=Ready(store, runs),
        parking=Parking(records, outbox, jobs.clock),  # asks; who runs a group handles it
        log=log,
        webhooks=webhooks,
        deliveries=sending,
        hints=Hints(store, runs, kept, jobs.clock),
    )


def _facts(on: Handlers, listed: Listed, counts: Counts, setups: Setups) -> tuple[Route, ...]:
    """A fact fills its slot in any order, twice, on any replica (`gateway.domain.projection`)."""
    topics: dict[str, dict[type[BaseModel], Handler]] = {
        "documents.read.v1": {
            DocumentsListed: listed.on_documents_listed,
            DocumentRead: on.on_document_read,
            DraftsRead: on.on_drafts_read,
            CompaniesRead: setups.on_companies_read,
        },
        "charges.normalized.v1": {ChargesNormalized: on.on_charges_normalized},
        "charges.resolved.v1": {
            CompaniesMatched: on.on_companies_matched,
            ProductsMatched: setups.on_products_matched,
            ChargesResolved: on.on_charges_resolved,
        },
        "charges.held.v1": {ChargesHeld: on.on_charges_held},
        "items.created.v1": {ItemsCreated: on.on_items_created},
        "postings.planned.v1": {PostingPlanned: on.on_posting},
        "postings.done.v1": {PostingDone: on.on_posting, PostingUndone: on.on_posting},
        "postings.refused.v1": {PostingRefused: on.on_posting},
        "counts.received.v1": {CountsReceived: counts.on_counts},
        "counts.resolved.v1": {CountsResolved: counts.on_counts},
        "counts.posted.v1": {
            CountsPosted: counts.on_counts,
            CountLinksPlanned: counts.on_links_planned,
        },
        "parked.v1": {Parked: on.on_parked},
    }
    return tuple(Route(topic, kinds, side_by_side=True) for topic, kinds in topics.items())
