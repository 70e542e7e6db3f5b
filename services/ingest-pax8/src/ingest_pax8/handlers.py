"""Handlers of ingest-pax8: each command becomes a job of the source's connection."""

from __future__ import annotations

from chassis.jobs import Jobs
from chassis.service import Body
from chassis.versions import SettingsVersions
from ingest_pax8.translate import SOURCE
from schemas.ids import content_hash, derive_id
from schemas.messages import IngestDocument, ListDocuments, ReadCompanies, ReadDrafts

Command = ListDocuments | IngestDocument | ReadDrafts | ReadCompanies


class Handlers:
    """A command that comes twice adds one job; another source's is not for us."""

    def __init__(self, settings: SettingsVersions, jobs: Jobs) -> None:
        self._settings = settings
        self._jobs = jobs

    async def on_list_documents(self, head: ListDocuments, _: Body) -> None:
        """Look which documents there are."""
        await self._add(head)

    async def on_ingest_document(self, head: IngestDocument, _: Body) -> None:
        """Read one document and form its batches."""
        await self._add(head)

    async def on_read_drafts(self, head: ReadDrafts, _: Body) -> None:
        """Take a snapshot of the draft items."""
        await self._add(head)

    async def on_read_companies(self, head: ReadCompanies, _: Body) -> None:
        """Read who the customers are, and what they subscribe to."""
        await self._add(head)

    async def _add(self, head: Command) -> None:
        if head.source != SOURCE:
            return
        settings = await self._settings.read(head.tenant, head.settings)
        connection = derive_id("connection", head.tenant, SOURCE, settings.pax8.url)
        payload = head.model_dump_json().encode()
        job_id = derive_id(
            "job",
            head.kind,
            head.tenant,
            head.run,
            head.revision,
            f"{SOURCE}/{head.document}",
            content_hash(payload),
        )
        await self._jobs.add(head.tenant, connection, head.kind, job_id, payload)
