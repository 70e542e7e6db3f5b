"""Statements by the bytes that they are made of: who looks again does not have them computed again.

A statement is a function of its run and that run's slots (`gateway.domain.statement`) and of
nothing else, so nothing here grows old: other bytes are another entry. Only a document that is held
whole has what its other runs have posted: that is computed each time.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from gateway.domain.projection import Projection
from gateway.domain.run import Run
from gateway.domain.statement import statement
from gateway.store import Store
from schemas.statement import Statement

_KEPT = 256  # some kilobytes each


class Statements:
    """Those that were asked for last, by a digest of their bytes, which name tenant and run."""

    def __init__(self, store: Store, kept: int = _KEPT) -> None:
        self._store, self._most = store, kept
        self._kept: OrderedDict[bytes, Statement] = OrderedDict()

    async def of(self, tenant: str, run: str) -> Statement:
        """As it stands now. PermanentError `run-unknown` if there is no such run."""
        found = await self._store.run(tenant, run)
        if found.value.problem is not None:
            return await self._of_held(found.value)
        records = self._store.projections.raw(tenant, "run", run)
        bodies = [record.body async for record in records]
        key = _digest([found.record.body, *bodies])
        there = self._kept.get(key)
        if there is None:
            slots = [Projection.model_validate_json(body) for body in bodies]
            there = self._kept[key] = statement(found.value, slots)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return there

    async def _of_held(self, run: Run) -> Statement:
        """A document that is held whole: what stands of it, other runs have posted."""
        mine = await self._store.batches(run.tenant, run.run)
        return statement(run, mine, await self._store.others(run))


def _digest(bodies: list[bytes]) -> bytes:
    told = hashlib.sha256()
    for body in bodies:
        told.update(b"%d:" % len(body))
        told.update(body)
    return told.digest()
