"""Settings of the counts (R21): the source's account, what a product of a client bills by, when.

Shares and amounts are decimal strings; amounts in the tenant's currency, per unit and month.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas.assumed import assumed
from schemas.money import Amount
from schemas.setting_values import Flag, Strict

type Billing = Literal["licence", "charge", "off"]
type ProRata = Literal[0, 1, 2, 3, 4]


def no_user_in(url: str) -> str:
    """Settings are read by everybody of the tenant and stand in its audit log."""
    if "@" in url:
        raise ValueError("an address holds no user name or password")
    return url


class HuntressAccount(Strict):
    """Where the tenant's Huntress answers. The sheet's limit is 60 calls in any 60 seconds."""

    url: str = "https://api.huntress.io"
    calls_per_minute: int = Field(default=50, ge=1, le=1_000_000)
    in_flight: int = assumed(
        4, "calls to Huntress side by side", "no document names a limit", ge=1, le=1_000
    )
    own_organizations: tuple[str, ...] = ()  # the MSP's own seats are free: excluded

    _no_password = field_validator("url")(no_user_in)


class Schedule(Strict):
    """Daily, or monthly on a day, at a time of the tenant's own clock.

    `day` 31 means a short month's last day. A daily one rests before `from_day` of a month: Pax8's
    invoice is never there before the 4th.
    """

    enabled: Flag = False
    every: Literal["day", "month"] = "day"
    at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    day: int | None = Field(default=None, ge=1, le=31)
    from_day: int = Field(default=1, ge=1, le=28)

    @model_validator(mode="after")
    def _monthly_has_a_day(self) -> Self:
        if self.every == "month" and self.day is None:
            raise ValueError("a monthly schedule needs its day: set `day`, 1 to 31")
        return self


class CountRule(Strict):
    """What a product bills by, for every client or for one; the client's own value wins.

    `free`, `minimum` and `pro_rata` go on the link from a recurring invoice line to the licence;
    `pro_rata`: 0 next invoice, 1 from the change's date, 2 exclude from the next, 3 invoice at
    once, 4 into ready-for-invoicing.
    """

    product: str
    client: int | None = None
    bill: Billing | None = None
    licence: str | None = None  # the licence's name; None: the product's own
    price: Amount | None = None
    cost: Amount | None = None
    recurring: Flag | None = None  # link the licence to a recurring invoice line
    free: int | None = Field(default=None, ge=0)
    minimum: int | None = Field(default=None, ge=0)
    pro_rata: ProRata | None = None


class EffectiveCount(Strict):
    """Every value in force for one product of one client."""

    bill: Billing = "licence"
    licence: str | None = None
    price: Amount | None = None
    cost: Amount | None = None
    recurring: bool = False
    free: int = 0
    minimum: int = 0
    pro_rata: ProRata = 0


class CountSettings(Strict):
    """How counts are read, guarded and billed.

    A count that falls to zero, or changes by more than `jump_share` of what it was and by more
    than `jump_units`, waits for a person. `count_rule` chooses the day that a charge bills.
    """

    mode: Literal["detailed", "quick"] = "detailed"
    jump_share: Amount = Decimal("0.5")
    jump_units: int = 5
    count_rule: Literal["cut-off day", "billing day", "maximum"] = "cut-off day"
    cut_off_day: int = Field(default=31, ge=1, le=31)
    billing_day: int | None = Field(default=None, ge=1, le=31)
    create_recurring: Flag = False  # a recurring invoice for a client that has none
    rule: tuple[CountRule, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_bill(self) -> Self:
        seen: set[tuple[str, int | None]] = set()
        for row in self.rule:
            if (row.product, row.client) in seen:
                whose = "every client" if row.client is None else f"client {row.client}"
                raise ValueError(
                    f"product {row.product} of {whose} has two rules: it bills by licence or by"
                    " charge, not by both"
                )
            seen.add((row.product, row.client))
            if row.bill == "charge" and row.price is None:
                raise ValueError(f"product {row.product} is billed as a charge: set its price")
        if self.count_rule == "billing day" and self.billing_day is None:
            raise ValueError("count_rule `billing day` needs billing_day, 1 to 31")
        return self

    def of(self, product: str, client: int | None) -> EffectiveCount:
        """The values in force: the client's own row over the product's."""
        values: dict[str, object] = {}
        for whose in (None, client) if client is not None else (None,):
            for row in self.rule:
                if row.product == product and row.client == whose:
                    values |= row.model_dump(exclude={"product", "client"}, exclude_none=True)
        return EffectiveCount.model_validate(values)
