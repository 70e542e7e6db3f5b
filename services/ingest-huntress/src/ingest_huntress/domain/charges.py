"""Units that are billed as charges become lines: quantity × the MSP's own price, by bill-to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from ingest_huntress.domain.month import Taken
from schemas.billing import Billing, BillTo
from schemas.charges import ChargeLine
from schemas.counts import PRODUCT_NAMES, UNITS
from schemas.entries import Company
from schemas.ids import line_id
from schemas.money import ZERO
from schemas.periods import Period, month_of
from schemas.settings import Settings

SOURCE = "huntress"
TOO_LARGE = "batch-too-large"
LINES_MAX = 10_000


@dataclass(slots=True)
class Group:
    """All lines of one bill-to: a batch. One held line holds it whole, as it would a licence."""

    bill_to: BillTo
    lines: list[ChargeLine] = field(default_factory=list)
    days: list[str] = field(default_factory=list)  # of each line, the day it was counted
    code: str | None = None
    name_doubled: bool = False

    @property
    def hold(self) -> str | None:
        return TOO_LARGE if len(self.lines) > LINES_MAX else self.bill_to.hold or self.code

    @property
    def price(self) -> Decimal:
        return sum((line.total or ZERO for line in self.lines), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((line.cost_total or ZERO for line in self.lines), ZERO)


def bills_charges(settings: Settings) -> bool:
    """Whether any product of anybody is billed as a charge."""
    return any(row.bill == "charge" for row in settings.counts.rule)


def grouped(
    taken: Iterable[Taken], settings: Settings, tenant: str, month: Period
) -> dict[str, Group]:
    """Batches by the name of their bill-to; products that bill by licence are not here (R21)."""
    billing = Billing(settings, SOURCE)
    groups: dict[str, Group] = {}
    for one in taken:
        bill_to = billing.of(one.organization, None)
        line = _line(one, settings, bill_to.client, tenant, month)
        if line is None:
            continue
        group = groups.setdefault(bill_to.name, Group(bill_to))
        group.lines.append(line)
        group.days.append(one.day.isoformat())
        group.code = group.code or one.code
        group.name_doubled = group.name_doubled or one.doubled
    # R11: who is billed on a recurring invoice gets a batch without lines: it removes older ones.
    for bill_to in billing.recurring():
        groups.setdefault(bill_to.name, Group(bill_to))
    return dict(sorted(groups.items()))


def undecided(groups: Iterable[Group], currency: str) -> list[Company]:
    """Organisations that are to be billed and that nobody decided about, by id."""
    found = []
    for group in groups:
        if not group.bill_to.known:
            first = group.lines[0]
            found.append(
                Company(
                    company=first.company,
                    name=first.company_name,
                    lines=len(group.lines),
                    price={currency: group.price},
                    name_doubled=group.name_doubled,
                )
            )
    return sorted(found, key=lambda one: one.company)


def _line(
    one: Taken, settings: Settings, client: int | None, tenant: str, month: Period
) -> ChargeLine | None:
    terms = settings.counts.of(one.product, client)
    if terms.bill != "charge":
        return None
    name = PRODUCT_NAMES.get(one.product, one.product)
    text = f"{name}, {month_of(month.start)}, {one.units} {UNITS.get(one.product, 'units')}"
    units = Decimal(one.units)
    return ChargeLine(
        id=line_id(tenant, SOURCE, month_of(month.start), f"{one.organization}/{one.product}"),
        type="subscription",
        term="Monthly",
        company=one.organization,
        company_name=one.name,
        product=one.product,
        name=name,
        text=text,
        unit=UNITS.get(one.product),
        start=month.start,
        end=month.end,
        quantity=units,
        price=terms.price,
        cost=terms.cost,
        total=None if terms.price is None else terms.price * units,
        cost_total=None if terms.cost is None else terms.cost * units,
    )
