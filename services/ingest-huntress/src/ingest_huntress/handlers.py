"""Handlers of ingest-huntress: each command becomes a job of the source's connection."""

from __future__ import annotations

from chassis.commanded import add_commanded
from chassis.jobs import Jobs
from chassis.service import Body
from chassis.versions import SettingsVersions
from ingest_huntress.translate import SOURCE
from schemas.ids import derive_id
from schemas.messages import IngestDocument, ListDocuments, SyncCounts

# Jobs of all services may share a process: what ingests documents of Pax8 is another kind.
SYNC, LIST_MONTHS, INGEST_MONTH = "SyncCounts", "ListCountedMonths", "IngestCountedMonth"


class Handlers:
    """A command that comes twice adds one job; another source's is not for us."""

    def __init__(self, settings: SettingsVersions, jobs: Jobs) -> None:
        self._settings = settings
        self._jobs = jobs

    async def on_sync_counts(self, head: SyncCounts, body: Body) -> None:
        """Read the counts of one day."""
        await self._add(head, SYNC, body)

    async def on_list_documents(self, head: ListDocuments, body: Body) -> None:
        """Look which months have their counts."""
        await self._add(head, LIST_MONTHS, body)

    async def on_ingest_document(self, head: IngestDocument, body: Body) -> None:
        """Form the charges of one month from its stored counts."""
        await self._add(head, INGEST_MONTH, body)

    async def _add(
        self, head: SyncCounts | ListDocuments | IngestDocument, kind: str, body: Body
    ) -> None:
        if head.source != SOURCE:
            return
        settings = await self._settings.read(head.tenant, head.settings)
        connection = derive_id("connection", head.tenant, SOURCE, settings.huntress.url)
        await add_commanded(self._jobs, head, connection, await body.load(), kind)
