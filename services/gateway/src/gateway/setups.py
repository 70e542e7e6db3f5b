"""The set-up as the gateway keeps it: one record a tenant, whose update sends the next command.

What it waits for are jobs of other services: they go on from their checkpoints, so a set-up that
was cut off anywhere goes on by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.records import Message
from chassis.service import Body
from chassis.table import Stored, Table
from gateway.audit import Audit
from gateway.domain.matching import with_matches
from gateway.domain.setup import Answer, Setup, SetupStage, undecided, without_item
from gateway.events import about_setup
from gateway.store import PAX8, Store
from schemas.bodies import AtSource
from schemas.ids import derive_id
from schemas.messages import (
    CompaniesMatched,
    CompaniesRead,
    Company,
    CompanyMatch,
    Head,
    MatchCompanies,
    MatchProducts,
    ProductMatch,
    ProductsMatched,
    ReadCompanies,
)
from schemas.uses import ProductUse

_KEY = "newest"
_STANDS_STILL = timedelta(hours=1)

_Companies = TypeAdapter(list[Company])
_Uses = TypeAdapter(list[ProductUse])
_CompanyMatches = TypeAdapter(list[CompanyMatch])
_ProductMatches = TypeAdapter(list[ProductMatch])


class Setups:
    """A tenant has one set-up at a time; a new one takes the place of the one that has ended."""

    def __init__(self, store: Store, bodies: Bodies, clock: Clock) -> None:
        self._store = store
        self._bodies = bodies
        self._clock = clock
        self._audit = Audit(store.outbox, clock)
        self._table: Table[Setup] = Table(store.outbox, "setups", Setup)

    async def begin(self, tenant: str, by: str) -> Setup:
        """Begin one, or go along with the one that is under way.

        One that has stood still for an hour is given up: nobody answers it any more.
        """
        while True:
            stored = await self._table.get(tenant, _KEY)
            if stored is not None and self._is_under_way(stored.value):
                return stored.value
            head = await self._store.head(tenant, PAX8, "setup")
            settings = await self._store.settings(tenant)
            begun = Setup(
                setup=head["run"],
                tenant=tenant,
                revision=head["revision"],
                settings=head["settings"],
                connection=derive_id("connection", tenant, "halopsa", settings.halopsa.url),
                begun_by=by,
                started_at=self._clock.now().isoformat(),
            )
            if await self._put(tenant, stored, begun, await self._says(ReadCompanies(**head))):
                return begun

    async def newest(self, tenant: str) -> Setup | None:
        """The one under way or the last one; None before the first."""
        stored = await self._table.get(tenant, _KEY)
        return stored.value if stored else None

    async def undecided(self, setup: Setup) -> list[CompanyMatch]:
        """Companies of its last matching that no rule decided, with suggestions."""
        return _CompanyMatches.validate_json(await self._kept(setup, "undecided"))

    async def unmatched(self, setup: Setup) -> list[ProductMatch]:
        """Products of its last matching without an item, with suggestions."""
        return _ProductMatches.validate_json(await self._kept(setup, "unmatched"))

    async def on_companies_read(self, head: CompaniesRead, body: Body) -> None:
        """Have those that nothing decides matched to clients."""
        stored = await self._awaiting(head)
        if stored is None:
            return
        raw = await body.load()
        found = AtSource.model_validate_json(raw or b"{}")
        setup = stored.value.model_copy(
            update={
                "companies": head.companies,
                "subscriptions": head.subscriptions,
                "products": len(found.products),
                "at_source": await self._bodies.put(head.tenant, raw),
                "stage": SetupStage.CLIENTS,
            }
        )
        settings = await self._store.settings(head.tenant)
        asked = undecided(found, settings, setup.source)
        command = MatchCompanies(**_head(setup), connection=setup.connection)
        message = await self._says(command, _Companies.dump_json(asked))
        await self._put(head.tenant, stored, setup, message)

    async def on_companies_matched(self, head: CompaniesMatched, body: Body) -> None:
        """Keep the matches as decisions, then have the products matched."""
        stored = await self._awaiting(head)
        if stored is None:
            return
        matches = _CompanyMatches.validate_json(await body.load() or b"[]")
        await self._note_matches(stored.value, matches)
        version = await self._store.change_settings(
            head.tenant, lambda s: with_matches(s, head.source, matches)
        )
        before = stored.value
        assert before.at_source is not None, "they were read before they were matched"
        found = AtSource.model_validate_json(await self._bodies.get(head.tenant, before.at_source))
        open_ = [match for match in matches if match.client is None]
        setup = before.model_copy(
            update={
                "settings": version,
                "clients": head.listed,
                "decided": len(found.companies) - len(open_),
                "undecided": await self._bodies.put(head.tenant, _CompanyMatches.dump_json(open_)),
                "stage": SetupStage.PRODUCTS,
            }
        )
        command = MatchProducts(**_head(setup), connection=setup.connection)
        message = await self._says(command, _Uses.dump_json(found.products))
        await self._put(head.tenant, stored, setup, message)

    async def on_products_matched(self, head: ProductsMatched, body: Body) -> None:
        """The last step."""
        stored = await self._awaiting(head)
        if stored is None:
            return
        matches = _ProductMatches.validate_json(await body.load() or b"[]")
        open_ = without_item(matches)
        setup = stored.value.model_copy(
            update={
                "items": head.listed,
                "matched": len(matches) - len(open_),
                "unmatched": await self._bodies.put(head.tenant, _ProductMatches.dump_json(open_)),
                "stage": SetupStage.ENDED,
                "ended_at": self._clock.now().isoformat(),
            }
        )
        await self._put(head.tenant, stored, setup)

    def _is_under_way(self, setup: Setup) -> bool:
        if setup.stage is SetupStage.ENDED:
            return False
        moved_at = datetime.fromisoformat(setup.moved_at or setup.started_at)
        return self._clock.now() - moved_at < _STANDS_STILL

    async def _note_matches(self, setup: Setup, matches: Sequence[CompanyMatch]) -> None:
        """A rule's decisions change the settings, so the log has them like a person's."""
        found = {m.company: {"halo": m.client, "evidence": m.evidence} for m in matches if m.client}
        if found:
            after = {"client": found}
            await self._audit.add(
                setup.tenant, setup.begun_by, "clients-matched", about=setup.setup, after=after
            )

    async def _awaiting(self, fact: Answer) -> Stored[Setup] | None:
        """The set-up that waits for this answer; one that a problem ends waits no more."""
        while True:
            stored = await self._table.get(fact.tenant, _KEY)
            if stored is None or not stored.value.awaits(fact):
                return None
            if fact.problem is None:
                return stored
            ended = {"ended_at": self._clock.now().isoformat()}
            failed = stored.value.failed(fact).model_copy(update=ended)
            if await self._put(fact.tenant, stored, failed):
                return None

    async def _put(
        self, tenant: str, stored: Stored[Setup] | None, setup: Setup, *said: Message
    ) -> bool:
        setup = setup.model_copy(update={"moved_at": self._clock.now().isoformat()})
        out = (*said, *about_setup(setup))
        if stored is None:
            return await self._table.insert(tenant, _KEY, setup, outgoing=out)
        return await self._table.replace(stored, setup, outgoing=out)

    async def _says(self, head: Head, body: bytes = b"") -> Message:
        return await self._bodies.message(head, head.tenant, body)

    async def _kept(self, setup: Setup, what: str) -> bytes:
        ref = getattr(setup, what)
        return b"[]" if ref is None else await self._bodies.get(setup.tenant, ref)


def _head(setup: Setup) -> dict[str, Any]:
    return {
        "tenant": setup.tenant,
        "run": setup.setup,
        "revision": setup.revision,
        "settings": setup.settings,
        "source": setup.source,
    }
