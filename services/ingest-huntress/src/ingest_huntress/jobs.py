"""The jobs of ingest-huntress by kind, each with how its failure is told. They only read."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.jobs import JobKind
from ingest_huntress.charging import ChargingJobs
from ingest_huntress.syncing import SyncJob
from ingest_huntress.tools import Tools


def kinds(tools: Tools) -> Mapping[str, JobKind]:
    """What the runner runs; the names are those that handlers give."""
    sync = SyncJob(tools)
    months = ChargingJobs(tools)
    return {
        "SyncCounts": JobKind(sync.run, sync.failed),
        "ListCountedMonths": JobKind(months.list_months, months.listing_failed),
        "IngestCountedMonth": JobKind(months.ingest_month, months.ingest_failed),
    }
