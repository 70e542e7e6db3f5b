"""Finds what stands of a document although no batch would post it now, against one look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from poster_halo.domain.desired import Decided, decided_lines
from poster_halo.domain.observed import Observed
from poster_halo.domain.postings import PostedLines, Posting
from poster_halo.domain.shape import Batch
from poster_halo.domain.strays import SUPERSEDED, Merged, Stray, credits_of, strays_of, unkept
from poster_halo.store import KeptBatch, Store


class Strays:
    """`postings` are the document's at this connection, by plan."""

    def __init__(
        self,
        store: Store,
        tenant: str,
        observed: Observed,
        postings: Mapping[str, Posting],
    ) -> None:
        self._store, self._tenant, self._observed = store, tenant, observed
        self._postings = postings
        self._ours: dict[str, frozenset[str]] = {}
        self._members: Merged | None = None

    async def of(self, kept: KeptBatch, batch: Batch, posting: Posting | None) -> list[Stray]:
        """Of one batch. A document of which nothing stands is not read for it."""
        ours = self._standing(batch.origin.prefix)
        if not ours:
            return []
        merged = await self._merged(ours)
        if kept.head.kept_lines == kept.head.lines and not merged and not kept.collapses:
            return []
        rows = decided_lines(await self._store.lines(kept))
        found = unkept(rows, ours, merged)
        if batch.behaviour_is_in_place:
            found = [row for row in found if not self._gives_way(row, batch)]
        strays = strays_of(found, merged, self._observed, self._posted, batch.currency)
        if posting is not None and any(_is_superseded(row) for row in rows):
            known = {row.id for row in rows}
            mine = {line for part in posting.standing for line in part.lines}
            strays += credits_of(mine - known, self._observed)
        return strays

    def _standing(self, prefix: str) -> frozenset[str]:
        """The lines of that document that were met, wherever they are."""
        if prefix not in self._ours:
            met, word = self._observed.by_line.items(), f" {prefix} "  # of a stamp
            self._ours[prefix] = frozenset(
                line for line, hits in met if any(word in one.stamp for _, one in hits)
            )
        return self._ours[prefix]

    def _gives_way(self, row: Decided, batch: Batch) -> bool:
        """R11: what was not billed yet goes from the recurring invoice by itself."""
        live = self._observed.live(row.id)
        on_it = bool(live) and all(there.id == batch.recurring for there, _ in live)
        return on_it and not self._observed.copied(row.id)

    @cached_property
    def _posted(self) -> PostedLines:
        """What was read back last, of all batches."""
        lines: PostedLines = {}
        for posting in self._postings.values():
            for part in posting.standing:
                lines |= part.lines
        return lines

    async def _merged(self, ours: Collection[str]) -> Merged:
        """Which lines were merged into one that stands."""
        if self._members is None:
            into: dict[str, list[str]] = {}
            for posting in self._postings.values():
                if posting.merged_at is None or not posting.standing:
                    continue
                body = await self._store.body(self._tenant, posting.merged_at)
                for row in decided_lines(body):
                    target = row.said.row.get("into")
                    if target in ours:
                        into.setdefault(str(target), []).append(row.id)
            self._members = {
                member: (target, len(members))
                for target, members in into.items()
                for member in members
            }
        return self._members


def _is_superseded(row: Decided) -> bool:
    return row.said.row.get("rule") == SUPERSEDED
