"""How often somebody may try: by account and by address, with a lock-out that lets go by itself.

A try is counted before it is made, so that many at once are no more than one after the other. A
device that has signed in before is counted by itself: whoever tries out passwords from elsewhere
locks out others of their kind, and not the person.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import TransientError
from chassis.outbox import Outbox
from chassis.table import Table
from gateway.store import PLATFORM

FAILURES_MAX = {"account": 8, "address": 40}
WINDOW = timedelta(minutes=15)


class _Tries(BaseModel):
    model_config = ConfigDict(frozen=True)

    times: tuple[datetime, ...] = ()

    def within(self, now: datetime) -> tuple[datetime, ...]:
        return tuple(at for at in self.times if now - at < WINDOW)


class Attempts:
    """Tries of the last quarter of an hour. An account is locked whether it exists or not."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[_Tries] = Table(outbox, "attempts", _Tries)
        self._clock = clock

    async def count(self, account: str, address: str) -> None:
        """One more, before it is made. TransientError `too-many-attempts` with the time to wait."""
        await self._add("address", address)
        await self._add("account", account)

    async def give_back(self, account: str, address: str) -> None:
        """It was right, or it was no try at all."""
        for kind, who in (("address", address), ("account", account)):
            await self._take_back(_key(kind, who))

    async def succeeded(self, account: str) -> None:
        """The account's are forgotten, the address's are not: it may be trying others."""
        await self._table.delete(PLATFORM, _key("account", account))

    async def _add(self, kind: str, who: str) -> None:
        now, key, most = self._clock.now(), _key(kind, who), FAILURES_MAX[kind]
        while True:
            stored = await self._table.get(PLATFORM, key)
            if stored is None:
                if await self._table.insert(PLATFORM, key, _Tries(times=(now,))):
                    return
                continue
            times = stored.value.within(now)
            if len(times) >= most:
                left_s = (times[-most] + WINDOW - now).total_seconds()
                text = f"too many attempts: wait {max(1, round(left_s / 60))} minutes"
                raise TransientError("too-many-attempts", text, retry_after_s=left_s)
            if await self._table.replace(stored, _Tries(times=(*times, now))):
                return

    async def _take_back(self, key: str) -> None:
        while True:
            stored = await self._table.get(PLATFORM, key)
            if stored is None or not stored.value.times:
                return
            if await self._table.replace(stored, _Tries(times=stored.value.times[:-1])):
                return


def _key(kind: str, who: str) -> str:
    return f"{kind}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
