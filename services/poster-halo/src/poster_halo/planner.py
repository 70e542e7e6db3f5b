"""Plans one batch after the other against one look; used when planning and again when applying."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from chassis.service import JobRun
from poster_halo.domain.amounts import Precision
from poster_halo.domain.desired import decided_lines
from poster_halo.domain.observed import Observed
from poster_halo.domain.plan import plan as plan_of
from poster_halo.domain.postings import Posting
from poster_halo.domain.replacement import Replaced, against
from poster_halo.domain.shape import Batch, Elsewhere, Plan
from poster_halo.domain.sold import Item, RefusedItem
from poster_halo.domain.stamps import Origin
from poster_halo.domain.wanted import Asked
from poster_halo.look import Look, Scope
from poster_halo.store import KeptBatch, Store
from poster_halo.straying import Strays
from poster_halo.tools import Tools
from schemas.charges import ItemChoice
from schemas.ids import plan_id, reference_prefix
from schemas.messages import ChargesResolved
from schemas.settings import ClientMapping, Settings


@dataclass(frozen=True, slots=True)
class Known:
    """What the posting records of the document say."""

    postings: dict[str, Posting]  # by plan, at this connection
    elsewhere: frozenset[str]  # lines that stand at another connection
    older: tuple[Posting, ...] = ()  # of the documents that this one replaces (R14)

    @property
    def all(self) -> list[Posting]:
        """Everything that a look must reach back for."""
        return [*self.postings.values(), *self.older]


async def survey(
    tools: Tools, job: JobRun, settings: Settings, document: str, heads: Sequence[ChargesResolved]
) -> tuple[Known, Scope]:
    """What is known of the document, and what a look is to see; waits while a write may land.

    The look is the job's own: it may let go of the heads before.
    """
    replaces = {name for batch in heads for name in batch.replaces}
    known = await _known_of(tools.store, job, document, replaces)
    for posting in known.all:
        tools.wait_until_settled(posting, settings.halopsa.settle_s)
    today = tools.clock.today(settings.tenant.timezone)
    return known, Scope.of(heads, known.all, settings, today)


async def _known_of(store: Store, job: JobRun, document: str, replaces: Collection[str]) -> Known:
    """Read once per job."""
    older = [
        stored.value
        for name in sorted(replaces)
        async for stored in store.postings_of(job.tenant, name)
        if stored.value.connection == job.connection
    ]
    postings: dict[str, Posting] = {}
    elsewhere: set[str] = set()
    async for stored in store.postings_of(job.tenant, document):
        posting = stored.value
        if posting.connection == job.connection:
            postings[posting.plan] = posting
        else:
            for part in posting.parts:
                if part.state != "undone":
                    elsewhere.update(part.lines)
    return Known(postings, frozenset(elsewhere), tuple(older))


class Planner:
    """`batches` are the ids of all batches of the document that this run plans."""

    def __init__(
        self, tools: Tools, job: JobRun, seen: Look, known: Known, batches: Sequence[str]
    ) -> None:
        self._store, self._lines = tools.store, tools.wanted
        self._job, self._look = job, seen
        self.known = known
        self._batches = batches
        self._items: dict[str, Item] = {}
        rows = reversed(seen.settings.client)  # of several for one client the first one stays
        self._rows = {(row.source, row.halo): row for row in rows}
        self._strays = Strays(tools.store, job.tenant, seen.observed, known.postings)

    async def plan(
        self, kept: KeptBatch, posting: Posting | None, selection: Collection[str]
    ) -> Plan:
        """The plan, with what could hold it looked at a second time."""
        head, account = kept.head, self._look.settings.halopsa
        to = Precision.of(head.currency, account.price_places, account.quantity_places)
        items = {key: await self._item(key, choice) for key, choice in kept.choices.items()}
        asked = Asked.of(kept.lines_digest, items, to, selection)
        lines = self._lines.kept(asked)
        if lines is None:
            lines = self._lines.lines(asked, await self._store.lines(kept))
        row = self._rows.get((head.source, head.client))
        batch = batch_of(head, self._look, row, selected=bool(selection))
        observed = self._look.observed
        if head.replaces:
            replaced = self._replaced(head)
            if _in_place(head, replaced, observed):
                prefixes = (reference_prefix(head.tenant, head.source, d) for d in head.replaces)
                batch = replace(batch, replaced=frozenset(prefixes))
            else:
                lines = against(lines, replaced, observed)
                batch = replace(batch, beside=bool(replaced.lines))
        elsewhere = Elsewhere(
            self.known.elsewhere, strays=await self._strays.of(kept, batch, posting)
        )
        made = plan_of(batch, lines, posting, observed, elsewhere)
        if posting is not None and made.code == "gone-at-destination":
            await self._look_closer(posting)
            made = plan_of(batch, lines, posting, observed, elsewhere)
        if made.extras:
            told = {stray.there.line for stray in elsewhere.strays}
            wanted = await self._wanted(made.extras, head.batch)
            elsewhere = replace(elsewhere, wanted=wanted | told)
            made = plan_of(batch, lines, posting, observed, elsewhere)
        return made

    def _replaced(self, head: ChargesResolved) -> Replaced:
        """What the postings of the older documents have for the same bill-to."""
        lines: set[str] = set()
        for posting in self.known.older:
            if (posting.bill_to, posting.currency) == (head.bill_to, head.currency):
                lines.update(*(part.lines for part in posting.standing))
        return Replaced(head.tenant, head.source, head.document, head.replaces, frozenset(lines))

    async def _look_closer(self, posting: Posting) -> None:
        """A list that lacks an invoice is no proof that it is gone."""
        for part in posting.standing:
            if part.ext not in self._look.observed.documents:
                document = await self._look.read(part.ext)
                if document is not None:
                    self._look.observed.add([document])

    async def _wanted(self, lines: Collection[str], but: str) -> frozenset[str]:
        """Which of these lines another batch of the document wants: remapped after posting."""
        wanted: set[str] = set()
        for batch in self._batches:
            kept = await self._store.batch(self._job.tenant, batch) if batch != but else None
            if kept is None:
                continue
            for line in decided_lines(await self._store.lines(kept)):
                if line.said.is_kept and line.id in lines:
                    wanted.add(line.id)
        return frozenset(wanted)

    async def _item(self, key: str, choice: ItemChoice) -> Item:
        known = self._items.get(key)
        if known is None:
            known = self._items[key] = await self._resolved(key, choice)
        return known

    async def _resolved(self, key: str, choice: ItemChoice) -> Item:
        if choice.item is not None:
            return Item(choice.item, choice.code, choice.tax)
        if not choice.proposed:
            return Item()
        made = await self._store.item(self._job.tenant, self._job.connection, key)
        if made is not None and made.item is not None:
            name = made.name if made.state == "created" else ""
            return Item(made.item, made.code, made.tax, created=name)
        if made is not None and made.state == "refused":
            return Item(missing="item-refused", refused=RefusedItem(key, made.name, made.text))
        return Item(missing="item-missing")

    def created_items(self, kept: KeptBatch) -> tuple[str, ...]:
        """Names of items that were made for products of this batch: an undo leaves them."""
        names = {self._items[key].created for key in kept.choices if key in self._items}
        return tuple(sorted(names - {""}))


def _in_place(head: ChargesResolved, replaced: Replaced, observed: Observed) -> bool:
    """R14: nothing of the older documents was billed yet; their lines wait on the recurring one."""
    if head.policy.behaviour != "recurring":
        return False
    live = [hits[0][0].id for line in replaced.lines if (hits := observed.live(line))]
    billed = any(observed.copied(line) for line in replaced.lines)
    return not billed and all(ext == head.recurring for ext in live)


def batch_of(
    head: ChargesResolved, seen: Look, row: ClientMapping | None, *, selected: bool
) -> Batch:
    """What the pure plan needs to know. `row` is the mapping that names the client."""
    prefix = reference_prefix(head.tenant, head.source, head.document)
    return Batch(
        tenant=head.tenant,
        plan=plan_id(head.batch, head.connection),
        document=head.document,
        currency=head.currency,
        client=head.bill_client or head.client,
        policy=head.policy,
        origin=Origin(prefix, head.document_date[:10], head.source),
        recurring=head.recurring,
        selected=selected,
        latest_days=seen.settings.halopsa.latest_days,
        row=row,
    )
