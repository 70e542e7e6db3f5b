"""What Huntress bills a reseller beyond what was used: two reads, for its key alone.

Nothing of it reaches a client's count; it is said beside the counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import BaseModel

from chassis.errors import PermanentError
from schemas.counts import Shortfall
from vendors.huntress import Huntress
from vendors.huntress.models import AccountUsage, Invoice

SAID_MAX = 10  # they travel in a head, which is small
_NAME_MAX, _TEXT_MAX = 60, 300
_NEVER = datetime.min.replace(tzinfo=UTC)


class Billed(BaseModel):
    """Shortfalls by the newest invoice that stands, the largest first, the first of `found`."""

    shortfalls: tuple[Shortfall, ...] = ()
    found: int = 0
    unknown: str = ""


async def read_billed(huntress: Huntress) -> Billed:
    """What the key may not see is said to be unknown; the counts do without it."""
    try:
        standing = [one for one in await huntress.reseller_invoices() if one.stands]
        if not standing:
            return Billed()
        lines = await huntress.account_usage(max(standing, key=_age).id)
    except PermanentError as refused:
        return Billed(unknown=f"{refused.code}: {refused.text}"[:_TEXT_MAX])
    found = shortfalls_in(lines)
    return Billed(shortfalls=found[:SAID_MAX], found=len(found))


def shortfalls_in(lines: Iterable[AccountUsage]) -> tuple[Shortfall, ...]:
    """Of accounts and products that are billed more than they used."""
    found = [_shortfall(line) for line in lines if line.shortfall]
    return tuple(sorted(found, key=lambda one: (-one.units, one.account, one.product)))


def _shortfall(line: AccountUsage) -> Shortfall:
    return Shortfall(
        account=str(line.account.id or ""),
        account_name=line.account.name[:_NAME_MAX],
        product=line.product,
        billed=line.usage.billable or 0,
        used=line.usage.actual or 0,
        minimum=line.subscription.minimum,
        start=_day(line.period_start),
        end=_day(line.period_end),
    )


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else ""


def _age(invoice: Invoice) -> tuple[datetime, int]:
    return invoice.created_at or _NEVER, invoice.id
