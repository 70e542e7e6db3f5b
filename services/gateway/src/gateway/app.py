"""The only wiring of the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from gateway.count_queries import CountQueries
from gateway.counts import Counts
from gateway.handlers import Handlers
from gateway.listed import Listed
from gateway.queries import Queries
from gateway.ready import Ready
from gateway.runs import Runs
from gateway.schedules import KIND, Schedules
from gateway.setups import Setups
from gateway.steps import Steps
from gateway.store import Store
from gateway.suggestions import Suggestions
from schemas.counts import CountLinksPlanned, CountsPosted, CountsReceived, CountsResolved
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
    setups: Setups
    suggestions: Suggestions
    ready: Ready


def build(*, records: Records, outbox: Outbox, jobs: Jobs, keeps_schedules: bool) -> Gateway:
    """`outbox` and `jobs` are the process's own over the same records."""
    store = Store(records, outbox)
    bodies = Bodies(records)
    steps = Steps(store, bodies)
    counts = Counts(store, bodies, jobs.clock)
    schedules = Schedules(store, counts, jobs, keeps=keeps_schedules)
    runs = Runs(store, steps, schedules, bodies, jobs.clock)
    setups = Setups(store, bodies, jobs.clock)
    on = Handlers(store, steps, records, bodies, setups)
    on_listed = Listed(store, runs, schedules).on_documents_listed
    topics: dict[str, dict[type[BaseModel], Handler]] = {
        "documents.read.v1": {
            DocumentsListed: on_listed,
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
    # A fact fills its slot in any order, twice, on any replica: see `gateway.domain.projection`.
    routes = tuple(Route(topic, kinds, side_by_side=True) for topic, kinds in topics.items())
    return Gateway(
        service=Service("gateway", routes, {KIND: schedules.keep}),
        runs=runs,
        queries=Queries(store, bodies),
        counts=counts,
        count_queries=CountQueries(store, bodies),
        schedules=schedules,
        setups=setups,
        suggestions=Suggestions(store, setups),
        ready=Ready(store, runs),
    )
