"""How often somebody may try: by account and by address, with a lock-out that lets go by itself."""

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


class _Failures(BaseModel):
    model_config = ConfigDict(frozen=True)

    times: tuple[datetime, ...] = ()

    def within(self, now: datetime) -> tuple[datetime, ...]:
        return tuple(at for at in self.times if now - at < WINDOW)


class Attempts:
    """Failures of the last quarter of an hour. An account is locked whether it exists or not."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[_Failures] = Table(outbox, "attempts", _Failures)
        self._clock = clock

    async def may_try(self, account: str, address: str) -> None:
        """TransientError `too-many-attempts` with the time to wait."""
        now = self._clock.now()
        for kind, who in (("account", account), ("address", address)):
            stored = await self._table.get(PLATFORM, _key(kind, who))
            failed = stored.value.within(now) if stored else ()
            if len(failed) >= FAILURES_MAX[kind]:
                left_s = (failed[-FAILURES_MAX[kind]] + WINDOW - now).total_seconds()
                text = f"too many attempts: wait {max(1, round(left_s / 60))} minutes"
                raise TransientError("too-many-attempts", text, retry_after_s=left_s)

    async def failed(self, account: str, address: str) -> None:
        """One more."""
        for kind, who in (("account", account), ("address", address)):
            await self._add(_key(kind, who), FAILURES_MAX[kind])

    async def succeeded(self, account: str) -> None:
        """The account's are forgotten, the address's are not: it may be trying others."""
        await self._table.delete(PLATFORM, _key("account", account))

    async def _add(self, key: str, most: int) -> None:
        now = self._clock.now()
        while True:
            stored = await self._table.get(PLATFORM, key)
            if stored is None:
                if await self._table.insert(PLATFORM, key, _Failures(times=(now,))):
                    return
                continue
            times = (*stored.value.within(now), now)[-most:]
            if await self._table.replace(stored, _Failures(times=times)):
                return


def _key(kind: str, who: str) -> str:
    return f"{kind}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
