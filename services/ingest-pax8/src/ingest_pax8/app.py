"""The only wiring of ingest-pax8."""

from __future__ import annotations

from pydantic import BaseModel

from chassis.bodies import Bodies
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Handler, Route, Service
from chassis.versions import SettingsVersions
from ingest_pax8.companies import CompaniesJob
from ingest_pax8.handlers import Handlers
from ingest_pax8.jobs import IngestJobs
from ingest_pax8.tools import OpenPax8, Tools
from schemas.messages import IngestDocument, ListDocuments, ReadCompanies, ReadDrafts


def build(*, records: Records, outbox: Outbox, jobs: Jobs, open_pax8: OpenPax8) -> Service:
    """`outbox` stores in the same `records` and publishes what they carry."""
    settings = SettingsVersions(records)
    handlers = Handlers(settings, jobs)
    commands: dict[type[BaseModel], Handler] = {
        ListDocuments: handlers.on_list_documents,
        IngestDocument: handlers.on_ingest_document,
        ReadDrafts: handlers.on_read_drafts,
        ReadCompanies: handlers.on_read_companies,
    }
    tools = Tools(outbox, Bodies(records), settings, open_pax8)
    return Service(
        name="ingest-pax8",
        routes=(Route("runs.commanded.v1", commands),),
        jobs={**IngestJobs(tools).kinds(), **CompaniesJob(tools).kinds()},
    )
