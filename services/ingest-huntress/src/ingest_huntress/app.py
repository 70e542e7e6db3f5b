"""The only wiring of ingest-huntress."""

from __future__ import annotations

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from chassis.versions import SettingsVersions
from ingest_huntress.handlers import Handlers
from ingest_huntress.jobs import kinds
from ingest_huntress.tools import OpenHuntress, Tools
from schemas.messages import IngestDocument, ListDocuments, SyncCounts


def build(
    *, records: Records, outbox: Outbox, jobs: Jobs, clock: Clock, open_huntress: OpenHuntress
) -> Service:
    """`outbox` stores in the same `records` and publishes what they carry."""
    settings = SettingsVersions(records)
    handlers = Handlers(settings, jobs)
    commands: dict[type[BaseModel], Handler] = {
        SyncCounts: handlers.on_sync_counts,
        ListDocuments: handlers.on_list_documents,
        IngestDocument: handlers.on_ingest_document,
    }
    return Service(
        name="ingest-huntress",
        routes=(Route("runs.commanded.v1", commands),),
        jobs=kinds(Tools(outbox, Bodies(records), settings, clock, open_huntress)),
    )
