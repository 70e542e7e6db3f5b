"""What a listing means: a schedule's begins runs over what is new; changed statuses are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.listed import Listed
from schemas.count_settings import Schedule
from schemas.ids import derive_id
from schemas.messages import DocumentEntry, DocumentsListed
from schemas.settings import Automation, Policy, Settings
from support.json_schema import faults
from support.virtual_loop import in_virtual_time

from .schedule_world import TENANT, Body, World
from .schema_of import schema_of

START = datetime(2026, 10, 20, tzinfo=UTC)
DAILY = Schedule(enabled=True, at="03:00", from_day=4)


def entry(document: str, date: str, status: str = "Unpaid") -> DocumentEntry:
    return DocumentEntry(document=document, date=date, status=status)


def settings(*, automatic: bool = True, **schedules: Schedule) -> Any:
    def changed(s: Settings) -> Settings:
        news = {"automation": Automation(automatic=automatic), "schedule": schedules}
        return s.model_copy(update=news)

    return changed


class Month:
    """A tenant whose Pax8 schedule is kept by hand."""

    def __init__(self) -> None:
        self.world = World(START)
        gateway = self.world.gateway
        self.listed = Listed(gateway.store, gateway.runs, gateway.schedules)

    async def on(self, *, automatic: bool = True) -> None:
        await self.world.change(settings(automatic=automatic, pax8=DAILY))
        await self.world.keep_now()

    async def due(self) -> int:
        """The next day's listing is said; its revision."""
        await self.world.sleep(timedelta(days=1))
        await self.world.keep_now()
        return int(self.world.said.heads[-1][1].revision)

    async def answer(self, revision: int, *documents: DocumentEntry, **more: Any) -> None:
        of: dict[str, Any] = {"tenant": TENANT, "run": "listing", "settings": "s", "source": "pax8"}
        head = DocumentsListed(**of, revision=revision, **more)
        body = json.dumps([d.model_dump() for d in documents]).encode()
        await self.listed.on_documents_listed(head, Body(body))

    def said(self, kind: str) -> list[Any]:
        return [head for _, head in self.world.said.heads if head.kind == kind]

    def events(self) -> list[dict[str, Any]]:
        found = [m for m in self.world.said.messages if m.topic == "billing.events.v1"]
        return [json.loads(m.value) for m in found]


OLD, NEW, VOID = (
    entry("old", "2026-09-01"),
    entry("new", "2026-10-01"),
    entry("void", "2026-10-01", "Void"),
)


def test_a_schedules_listing_begins_one_automatic_run_over_each_new_document() -> None:
    async def story() -> None:
        month = Month()
        await month.on()
        revision = await month.due()
        assert [h.kind for h in month.said("ListDocuments")] == ["ListDocuments"]
        await month.answer(revision, OLD, NEW, VOID)
        await month.answer(revision, OLD, NEW, VOID)
        [command] = month.said("IngestDocument")
        assert (command.document, command.run) == (
            "new",
            derive_id("run", TENANT, "pax8", "new", "scheduled"),
        )
        run = (await month.world.gateway.store.run(TENANT, command.run)).value
        assert (run.automatic, run.approve_plans) == (True, False)
        await month.answer(await month.due(), OLD, NEW, VOID)
        assert len(month.said("IngestDocument")) == 1, "it is not new the next day"

    in_virtual_time(story())


def test_without_automation_documents_are_listed_and_nothing_is_begun() -> None:
    async def story() -> None:
        month = Month()
        await month.on(automatic=False)
        await month.answer(await month.due(), OLD, NEW)
        assert not month.said("IngestDocument")
        tenant = await month.world.gateway.store.tenant(TENANT)
        assert tenant.documents == (OLD, NEW)

    in_virtual_time(story())


def test_what_a_person_lists_or_has_run_already_is_left_to_that_person() -> None:
    async def story() -> None:
        month = Month()
        await month.on()
        asked = await month.world.gateway.runs.list_documents(TENANT, "pax8")
        await month.answer(asked, NEW)
        assert not month.said("IngestDocument")
        await month.world.gateway.runs.start(TENANT, "pax8", "new")
        await month.answer(await month.due(), NEW)
        assert len(month.said("IngestDocument")) == 1

    in_virtual_time(story())


def test_a_listing_that_failed_keeps_the_documents_and_begins_nothing() -> None:
    async def story() -> None:
        month = Month()
        await month.on()
        await month.answer(await month.due(), NEW)
        await month.answer(await month.due(), problem="pax8-down", text="Pax8 is away")
        tenant = await month.world.gateway.store.tenant(TENANT)
        assert (tenant.documents, tenant.problem) == ((NEW,), "pax8-down")
        assert len(month.said("IngestDocument")) == 1

    in_virtual_time(story())


def test_a_document_that_turns_credited_or_void_is_told_once() -> None:
    async def story() -> None:
        month = Month()
        await month.on()
        await month.answer(1, OLD, NEW)
        assert month.events() == []
        for _ in range(2):
            changed = (OLD.model_copy(update={"status": "Credited"}), NEW, VOID)
            await month.answer(2, *changed)
        [event] = month.events()
        schema = schema_of(event["type"])
        assert faults(event, schema, schema) == []
        assert event["type"] == "chargeline.document.changed.v1"
        told = event["data"]
        assert (told["document"], told["status_before"], told["status"]) == (
            "old",
            "Unpaid",
            "Credited",
        )

    in_virtual_time(story())


def test_r7_settings_that_were_stored_with_manual_and_automatic_begin_nothing() -> None:
    async def story() -> None:
        month = Month()
        await month.on()
        older = {"policy": Policy(lifecycle="manual")}
        await month.world.gateway.store.change_settings(
            TENANT, lambda s: s.model_copy(update=older)
        )
        await month.answer(await month.due(), entry("inv-1", "2026-11-01"))
        assert month.said("IngestDocument") == []

    in_virtual_time(story())
