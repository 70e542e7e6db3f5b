"""The only wiring of lifecycle."""

from __future__ import annotations

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from chassis.versions import SettingsVersions
from lifecycle.batches import Batches
from lifecycle.handlers import Handlers
from lifecycle.jobs import kinds
from lifecycle.tools import OpenHalo, Tools
from schemas.messages import (
    ChargesNormalized,
    CountsReceived,
    CreateItems,
    MatchCompanies,
    MatchProducts,
    ResolveRun,
)


def build(
    *, records: Records, outbox: Outbox, jobs: Jobs, clock: Clock, open_halo: OpenHalo
) -> Service:
    """`outbox` is the process's own over the same records."""
    bodies = Bodies(records)
    batches = Batches(outbox, bodies)
    handlers = Handlers(batches, jobs)
    tools = Tools(outbox, bodies, SettingsVersions(records), clock, open_halo)
    commands: dict[type[BaseModel], Handler] = {
        MatchCompanies: handlers.on_match_companies,
        MatchProducts: handlers.on_match_products,
        ResolveRun: handlers.on_resolve_run,
        CreateItems: handlers.on_create_items,
    }
    normalized: dict[type[BaseModel], Handler] = {ChargesNormalized: handlers.on_charges_normalized}
    counted: dict[type[BaseModel], Handler] = {CountsReceived: handlers.on_counts_received}
    return Service(
        name="lifecycle",
        routes=(
            Route("runs.commanded.v1", commands),
            Route("charges.normalized.v1", normalized, others="park"),
            Route("counts.received.v1", counted, others="park"),
        ),
        jobs=kinds(tools, batches),
    )
