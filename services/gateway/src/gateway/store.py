"""What the gateway keeps: tenants with their revision counter, runs, and projections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.records import Message, Record, Records
from chassis.table import Stored, Table
from chassis.versions import SettingsVersions
from gateway.domain.projection import Projection
from gateway.domain.run import Counts, Progress, Run, Stage
from gateway.domain.standing import LastWord
from gateway.domain.syncs import Standing, Sync
from schemas.ids import derive_id, digest
from schemas.messages import BatchHead, DocumentEntry, Head, PostingUndone
from schemas.settings import Settings

PAX8 = "pax8"

PLATFORM = "-"  # in place of a tenant, for what belongs to none


class Listing(BaseModel):
    """What a source has listed: its documents, and why it could not the last time."""

    model_config = ConfigDict(frozen=True)

    documents: tuple[DocumentEntry, ...] = ()
    listed: int = 0  # the revision of the listing
    problem: str | None = None
    text: str = ""


class Tenant(BaseModel):
    """The MSP's one counter, the settings in force, and the documents its sources have listed.

    What Pax8 has listed stands on its own, other sources' documents under `listings`.
    """

    model_config = ConfigDict(frozen=True)

    revision: int = 0
    settings: str = ""
    documents: tuple[DocumentEntry, ...] = ()
    listed: int = 0  # the revision of the listing
    problem: str | None = None
    text: str = ""
    listings: dict[str, Listing] = {}
    drafts: str = ""  # the newest snapshot of draft items
    draft_rows: int = 0
    drafted: int = 0  # the revision of that snapshot

    def listing(self, source: str) -> Listing:
        """What the source has listed last."""
        if source != PAX8:
            return self.listings.get(source, Listing())
        fields = {name: getattr(self, name) for name in Listing.model_fields}
        return Listing.model_validate(fields)

    def with_listing(self, source: str, listing: Listing) -> Tenant:
        """The source has listed that."""
        if source != PAX8:
            return self.model_copy(update={"listings": {**self.listings, source: listing}})
        fields = {name: getattr(listing, name) for name in Listing.model_fields}
        return self.model_copy(update=fields)


class Store:
    """Tables of the gateway; every update is one record."""

    def __init__(self, records: Records, outbox: Outbox) -> None:
        self.records = records
        self.versions = SettingsVersions(records)
        self.runs: Table[Run] = Table(outbox, "runs", Run)
        self.projections: Table[Projection] = Table(outbox, "projections", Projection)
        self.syncs: Table[Sync] = Table(outbox, "syncs", Sync)
        self.standing: Table[Standing] = Table(outbox, "counts", Standing)
        self.outbox = outbox
        self._tenants: Table[Tenant] = Table(outbox, "tenants", Tenant)

    async def tenant(self, tenant: str) -> Tenant:
        """The tenant's record, empty for a new one."""
        stored = await self._tenants.get(tenant, tenant)
        return stored.value if stored else Tenant()

    async def change_tenant(
        self,
        tenant: str,
        change: Callable[[Tenant], Tenant],
        says: Callable[[Tenant, Tenant], tuple[Message, ...]] = lambda _, __: (),
    ) -> Tenant:
        """Apply the change to whatever is stored, until nobody came between, and say what it is."""
        while True:
            stored = await self._tenants.get(tenant, tenant)
            before = stored.value if stored else Tenant()
            new = change(before)
            said = says(before, new)
            if stored is None:
                if await self._tenants.insert(tenant, tenant, new, outgoing=said):
                    return new
            elif before == new or await self._tenants.replace(stored, new, outgoing=said):
                return new

    async def draw_revision(self, tenant: str) -> int:
        """The next number of the tenant's one counter."""
        drawn = await self.change_tenant(
            tenant, lambda t: t.model_copy(update={"revision": t.revision + 1})
        )
        return drawn.revision

    async def head(self, tenant: str, source: str, kind: str) -> dict[str, Any]:
        """What a command says that belongs to no document: a new revision, today's settings."""
        revision = await self.draw_revision(tenant)
        version = (await self.tenant(tenant)).settings
        if not version:
            version = await self.change_settings(tenant, lambda s: s)
        return {
            "tenant": tenant,
            "source": source,
            "run": derive_id(kind, tenant, source, revision),
            "revision": revision,
            "settings": version,
        }

    async def say(self, head: Head, message: Message) -> None:
        """A command that belongs to nobody's record is stored before it is published, too."""
        key = derive_id("command", head.tenant, head.kind, head.revision)
        await self.outbox.insert(Record(head.tenant, "commands", key, 0, b"", {}, (message,)))

    async def settings(self, tenant: str) -> Settings:
        """The settings in force."""
        version = (await self.tenant(tenant)).settings
        return await self.versions.read(tenant, version) if version else Settings()

    async def change_settings(self, tenant: str, change: Callable[[Settings], Settings]) -> str:
        """Make a new version out of the one in force; its name."""
        while True:
            before = await self.tenant(tenant)
            current = (
                await self.versions.read(tenant, before.settings) if before.settings else Settings()
            )
            version = await self.versions.store(tenant, change(current))

            def put(now: Tenant, expected: str = before.settings, version: str = version) -> Tenant:
                same = now.settings == expected
                return now.model_copy(update={"settings": version}) if same else now

            after = await self.change_tenant(tenant, put)
            if after.settings == version:
                return version

    async def run(self, tenant: str, run: str) -> Stored[Run]:
        """The run, or a refusal that says how to find one."""
        stored = await self.runs.get(tenant, run)
        if stored is None:
            raise PermanentError(
                "run-unknown", f"there is no run {run}: `chargeline runs` lists them"
            )
        return stored

    async def newest_runs(self, tenant: str) -> list[Run]:
        """The newest run of each document, oldest document first."""
        newest: dict[tuple[str, str], Run] = {}
        async for stored in self.runs.every(tenant, "tenant", tenant):
            run = stored.value
            there = newest.get((run.source, run.document))
            if there is None or there.revision < run.revision:
                newest[run.source, run.document] = run
        return sorted(newest.values(), key=lambda run: (run.document_date, run.run))

    async def batches(self, tenant: str, run: str) -> list[Projection]:
        """The projections of a run, in the order of their batch ids."""
        return [stored.value async for stored in self.projections.every(tenant, "run", run)]

    async def others(self, run: Run) -> list[Projection]:
        """The projections of all other runs over the run's document."""
        runs = [
            stored.value.run
            async for stored in self.runs.every(run.tenant, "tenant", run.tenant)
            if (stored.value.source, stored.value.document) == (run.source, run.document)
        ]
        return [
            p for other in runs if other != run.run for p in await self.batches(run.tenant, other)
        ]

    async def last_word(self, fact: BatchHead) -> LastWord | None:
        """What the poster said last of the batch in other runs, before that fact."""
        words = [
            word
            async for stored in self.projections.every(fact.tenant, "batch", fact.batch)
            if stored.value.run != fact.run and (word := stored.value.last_word(fact.revision))
        ]
        return max(words, key=lambda word: word.revision, default=None)

    async def undone_elsewhere(self, fact: PostingUndone) -> None:
        """The other runs that tell of the posting know that it was taken back."""

        def change(p: Projection) -> Projection:
            word = p.last_word(fact.revision)
            return p.take(fact) if word is not None and word.plan == fact.plan else p

        async for stored in self.projections.every(fact.tenant, "batch", fact.batch):
            p = stored.value
            if p.run != fact.run:
                key = digest(p.run, p.batch)
                await self.take(key, fact.tenant, change, p, lambda _: ())

    async def may_fall(self, run: Run) -> bool:
        """False: the next barrier stands for certain. One look, as every batch has its facts."""
        if not run.at_barrier:
            return False
        at = f"{run.run}:{run.revision}"
        match run.stage:
            case Stage.NORMALIZING:
                return await self.projections.count(run.tenant, "at", at) >= (run.batches or 0)
            case Stage.APPLYING:
                done = f"{at}:{Progress.DONE.value}"
                return await self.projections.count(run.tenant, "progress", done) >= run.approved
            case Stage.RESOLVING:
                behind = f"{at}:{Progress.NORMALIZED.value}"
            case _:
                behind = f"{at}:{Progress.RESOLVED.value}"
        return not await self.projections.find(run.tenant, "progress", behind, limit=1)

    async def counts(self, run: Run) -> Counts:
        """How many batches stand where, at the run's revision."""
        found = {
            p.value: await self.projections.count(
                run.tenant, "progress", f"{run.run}:{run.revision}:{p.value}"
            )
            for p in Progress
        }
        return Counts(**found)

    async def proposed(self, run: Run) -> bool:
        """True when a resolved batch proposes an item."""
        value = f"{run.run}:{run.revision}"
        return await self.projections.count(run.tenant, "proposes", value) > 0

    async def take(
        self,
        key: str,
        tenant: str,
        change: Callable[[Projection], Projection],
        new: Projection,
        says: Callable[[Projection], tuple[Message, ...]],
    ) -> bool:
        """Fill a slot of the projection under `key`, and say what that means, given what stood.

        False: it was filled with that before.
        """
        while True:
            stored = await self.projections.get(tenant, key)
            before = stored.value if stored else new
            value = change(before)
            if stored is None:
                if await self.projections.insert(
                    tenant, key, value, tags=_tags(value), outgoing=says(before)
                ):
                    return True
            elif stored.value == value:
                return False  # a duplicate; `get` has published what the record still held
            elif await self.projections.replace(
                stored, value, tags=_tags(value), outgoing=says(before)
            ):
                return True


def _tags(p: Projection) -> dict[str, str]:
    at = f"{p.run}:{p.revision}"
    progress = p.progress()
    tags = {"run": p.run, "batch": p.batch}
    if progress is not None:
        tags["at"] = at
        tags["progress"] = f"{at}:{progress.value}"
    if p.normalized is not None:
        tags["bill_to"] = f"{p.normalized.bill_to}:{p.normalized.currency}"
    if p.proposals and p.at(p.revision, "resolved"):
        tags["proposes"] = at
    return tags
