"""The job CreateItems: makes each proposed item once per tenant, however often it is asked for.

The record of the product key is the guard: `creating` is stored before the write, and whoever meets
it later waits out the settle time and looks for our reference before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.jobs import JobFailure
from chassis.service import JobRun, JobWaits
from chassis.together import together
from lifecycle.catalogs import Catalogs
from lifecycle.domain.facts import short
from lifecycle.domain.items import ItemRecord, Items, NewItem, new_item
from lifecycle.domain.names import normal_name
from lifecycle.records import ItemRecords
from lifecycle.tools import Session, Tools
from lifecycle.translate import group_to_halo, item_to_halo
from schemas import frame
from schemas.messages import CreateItems, ItemMade, ItemsCreated

LOOKS_MAX = 3
ABOUT_THE_ITEM = ("halopsa-refused", "halopsa-too-large")
DECIDED = ("created", "matched")

_Keys = TypeAdapter(list[str])
_Made = TypeAdapter(dict[str, ItemMade])


class _Checkpoint(BaseModel):
    """The item group: made once, looked for by name."""

    model_config = ConfigDict(frozen=True)

    group: int | None = None
    started_at: datetime | None = None
    looks: int = 0


class CreatingJob:
    """As many creates as the call budget allows for, a few of them under way at once."""

    def __init__(self, tools: Tools, catalogs: Catalogs, items: ItemRecords) -> None:
        self._tools = tools
        self._catalogs = catalogs
        self._items = items

    async def run(self, job: JobRun) -> None:
        """Settle what is uncertain, make what is missing, publish."""
        head, keys = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        session = Session(self._tools, job, settings)
        known = await self._items.known(job, keys)
        if todo := [r for r in known.values() if r.state not in DECIDED]:
            items = await self._settled(session, head, todo)
            group = await self._group(session)
            taken = items.codes | {r.code for r in known.values() if r.code}
            todo = await self._undecided(job, keys)
            await self._make(session, todo, items, group, taken)
        await self._publish(job, head, keys, None)

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """What was made is made; for the rest say why not."""
        head, keys = _read(job)
        await self._publish(job, head, keys, failure)

    async def _undecided(self, job: JobRun, keys: Iterable[str]) -> list[ItemRecord]:
        known = await self._items.known(job, keys)
        return [r for _, r in sorted(known.items()) if r.state not in DECIDED and not _given_up(r)]

    async def _settled(
        self, session: Session, head: CreateItems, records: Sequence[ItemRecord]
    ) -> Items:
        """Look for what uncertain writes may have made, once they can no longer land."""
        uncertain = [r for r in records if r.state == "creating"]
        if not uncertain:
            return await self._catalogs.items(session, head)
        for record in uncertain:
            self._wait_until_settled(session, datetime.fromisoformat(record.started_at))
        items = await self._catalogs.list_items(session, head)
        for record in uncertain:
            found = items.referenced(record.product_key)
            if found:
                made = record.model_copy(update={"code": found[0].accounts_id or None})
                await self._created(session, made, found[0].id)
            else:
                await self._absent(session, record)
        return items

    async def _absent(self, session: Session, record: ItemRecord) -> None:
        looks = record.looks + 1
        text = "HaloPSA gave no answer, and the item is not there"
        state = "refused" if looks >= LOOKS_MAX else "proposed"
        changed = {"state": state, "looks": looks, "text": text, "started_at": ""}
        await self._items.put(session.job.tenant, record.model_copy(update=changed))

    async def _make(
        self,
        session: Session,
        records: Sequence[ItemRecord],
        items: Items,
        group: int,
        taken: set[str],
    ) -> None:
        """The first by itself, as its failure may be everybody's; then a few at a time.

        Each has its record and its code before it is sent.
        """
        uncertain: list[str] = []
        rest = batched(records[1:], session.settings.halopsa.in_flight, strict=False)
        for some in (records[:1], *rest):
            new = [_named(record, session, taken) for record in some]
            pairs = zip(some, new, strict=True)
            known = await together([self._make_one(session, *pair, items, group) for pair in pairs])
            uncertain += [
                r.product_key for r, is_known in zip(some, known, strict=True) if not is_known
            ]
        if uncertain:
            seconds = session.settings.halopsa.settle_s
            raise JobWaits(seconds, f"no answer to creating items for {', '.join(uncertain)}")

    async def _make_one(
        self, session: Session, record: ItemRecord, new: NewItem, items: Items, group: int
    ) -> bool:
        """False: nobody knows whether it is there now."""
        sending = record.model_copy(
            update={
                "state": "creating",
                "item": None,
                "code": new.accounts_id,
                "tax": new.tax,
                "started_at": self._tools.clock.now().isoformat(),
                "fence": session.job.fence,
            }
        )
        await self._items.put(session.job.tenant, sending)
        halo = await session.halo()
        try:
            await session.job.guard()
            number = await halo.create_item(item_to_halo(new, group))
        except UnknownOutcome:
            return False
        except TransientError:  # it did not happen, so nobody needs to look for it
            await self._items.put(session.job.tenant, record)
            raise
        except PermanentError as refused:
            if refused.code not in ABOUT_THE_ITEM:  # rights, sign-in: the next would fare alike
                await self._items.put(session.job.tenant, record)
                raise
            await self._refused(session, record, items, refused.text)
        else:
            await self._created(session, sending, number)
        return True

    async def _created(self, session: Session, record: ItemRecord, number: int) -> None:
        changed = {"state": "created", "item": number, "evidence": "created", "text": ""}
        await self._items.put(session.job.tenant, record.model_copy(update=changed))

    async def _refused(self, session: Session, record: ItemRecord, items: Items, text: str) -> None:
        """R7: hold, or the default item when the settings say so and it is there."""
        defaults = session.settings.defaults
        item = items.get(defaults.item) if defaults.item is not None else None
        changed: dict[str, object] = {"state": "refused", "item": None, "text": short(text)}
        if defaults.fallback_to_default_item and item is not None:
            changed |= {
                "state": "default",
                "item": item.id,
                "code": item.accounts_id or None,
                "tax": item.tax,
                "evidence": "default item",
            }
        await self._items.put(session.job.tenant, record.model_copy(update=changed))

    async def _group(self, session: Session) -> int:
        """The item group by its name, made if it is not there."""
        job, name = session.job, session.settings.halopsa.item_group
        point = _Checkpoint.model_validate_json(job.checkpoint or b"{}")
        if point.group is not None:
            return point.group
        if point.started_at is not None:
            self._wait_until_settled(session, point.started_at)
        halo = await session.halo()
        wanted = normal_name(name)
        found = [g.id for g in await halo.asset_groups() if normal_name(g.name or "") == wanted]
        if not found:
            found = [await self._make_group(session, name, point)]
        await job.save(_Checkpoint(group=min(found)).model_dump_json().encode())
        return min(found)

    async def _make_group(self, session: Session, name: str, point: _Checkpoint) -> int:
        job, halo = session.job, await session.halo()
        if point.looks >= LOOKS_MAX:
            text = f"HaloPSA gave no answer to creating the item group {name}, and it is not there"
            raise PermanentError("item-group-refused", text)
        sending = _Checkpoint(started_at=self._tools.clock.now(), looks=point.looks + 1)
        await job.save(sending.model_dump_json().encode())
        await job.guard()
        try:
            return await halo.create_asset_group(group_to_halo(name))
        except UnknownOutcome as unknown:
            seconds = session.settings.halopsa.settle_s
            raise JobWaits(seconds, f"no answer to creating the item group {name}") from unknown
        except TransientError:
            await job.save(point.model_dump_json().encode())
            raise
        except PermanentError as refused:
            text = f"HaloPSA refuses the item group {name}: {refused.text}"
            raise PermanentError("item-group-refused", text) from refused

    def _wait_until_settled(self, session: Session, started_at: datetime) -> None:
        settled = started_at + timedelta(seconds=session.settings.halopsa.settle_s)
        left = (settled - self._tools.clock.now()).total_seconds()
        if left > 0:
            raise JobWaits(left, "an uncertain write may still land")

    async def _publish(
        self, job: JobRun, head: CreateItems, keys: Sequence[str], failure: JobFailure | None
    ) -> None:
        known = await self._items.known(job, keys)
        made = {key: _made(key, known.get(key), failure) for key in sorted(set(keys))}
        created = sum(1 for key in made if key in known and known[key].state == "created")
        fact = ItemsCreated(
            tenant=head.tenant,
            run=head.run,
            revision=head.revision,
            settings=head.settings,
            source=head.source,
            document=head.document,
            connection=head.connection,
            created=created,
            failed=sum(1 for m in made.values() if m.item is None),
        )
        how: Literal["done", "failed"] = "failed" if failure is not None else "done"
        await self._tools.answer(job, fact, _Made.dump_json(made), how)


def _named(record: ItemRecord, session: Session, taken: set[str]) -> NewItem:
    """What is to be made, under a code that nobody else gets."""
    new = new_item(record, session.settings, taken)
    if new.accounts_id:
        taken.add(new.accounts_id)
    return new


def _given_up(record: ItemRecord) -> bool:
    return record.state == "refused" and record.looks >= LOOKS_MAX


def _made(key: str, record: ItemRecord | None, failure: JobFailure | None) -> ItemMade:
    if record is not None and record.item is not None:
        return ItemMade(product_key=key, item=record.item, text=record.text)
    if failure is not None:
        return ItemMade(product_key=key, code=failure.code, text=short(failure.text))
    if record is None:
        return ItemMade(product_key=key, code="item-not-proposed", text="no run proposed this item")
    return ItemMade(product_key=key, code="item-refused", text=record.text)


def _read(job: JobRun) -> tuple[CreateItems, list[str]]:
    line, body = frame.decode(job.payload)
    return CreateItems.model_validate_json(line), _Keys.validate_json(body or b"[]")
