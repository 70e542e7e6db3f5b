"""The only wiring of the poster for HaloPSA."""

from __future__ import annotations

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from chassis.versions import SettingsVersions
from poster_halo.count_store import CountStore
from poster_halo.handlers import Handlers
from poster_halo.jobs import kinds
from poster_halo.store import Store
from poster_halo.tools import OpenHalo, Tools
from schemas.counts import CountsResolved, LinkCounts
from schemas.messages import ApplyRun, ChargesResolved, PlanRun, UndoPostings


def build(
    *, records: Records, outbox: Outbox, jobs: Jobs, clock: Clock, open_halo: OpenHalo
) -> Service:
    """`outbox` is over `records`: what its records carry is published."""
    bodies = Bodies(records)
    store = Store(outbox, bodies)
    handlers = Handlers(store, jobs)
    tools = Tools(store, bodies, SettingsVersions(records), clock, open_halo)
    commands: dict[type[BaseModel], Handler] = {
        PlanRun: handlers.on_plan_run,
        ApplyRun: handlers.on_apply_run,
        UndoPostings: handlers.on_undo_postings,
        LinkCounts: handlers.on_link_counts,
    }
    resolved: dict[type[BaseModel], Handler] = {ChargesResolved: handlers.on_charges_resolved}
    counts: dict[type[BaseModel], Handler] = {CountsResolved: handlers.on_counts_resolved}
    return Service(
        name="poster-halo",
        routes=(
            Route("runs.commanded.v1", commands),
            Route("charges.resolved.v1", resolved, side_by_side=True),
            Route("counts.resolved.v1", counts),
        ),
        jobs=kinds(tools, CountStore(outbox)),
    )
