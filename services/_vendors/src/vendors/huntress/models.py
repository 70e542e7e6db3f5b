"""What is read of Huntress's objects (huntress.md 5 and 8). Unknown fields are ignored.

Any field may be missing or null, which is not the same as zero: a counter is then None.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# Not what stands: these invoices tell nothing about amounts or the billing day.
IGNORED_STATUSES = frozenset({"draft", "voided", "full_refund"})


def moment_of(value: Any) -> datetime | None:
    """An ISO 8601 moment, or the spaced form that ends in UTC; None when it is neither."""
    if not isinstance(value, str):
        return None
    text = value.strip().removesuffix(" UTC")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


type Moment = Annotated[datetime | None, BeforeValidator(moment_of)]
type Units = Annotated[int, Field(ge=0)]


class Row(BaseModel):
    """An object of the API; a null means what a missing field means."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        return {name: value for name, value in row.items() if value is not None}


class Numbered(Row):
    """What a list holds."""

    id: int


class Named(Row):
    """Whose something is. Every part of it may be missing."""

    id: int | None = None
    name: str = ""
    subdomain: str = ""


class Actor(Row):
    """What a key is: its reseller, its account, its user; each may be absent."""

    reseller: Named | None = None
    account: Named | None = None
    user: Named | None = None

    @property
    def kind(self) -> Literal["reseller", "account", "user"]:
        """A reseller's key reads by account; a user's and an account's key read their own."""
        if self.reseller is not None:
            return "reseller"
        return "user" if self.user is not None else "account"

    @property
    def name(self) -> str:
        """Of the reseller, else of the account, else of the user."""
        return next((who.name for who in (self.reseller, self.account, self.user) if who), "")


class Account(Numbered):
    """An MSP's account. `neighborhood_watch`: free seats for internal use, by product."""

    name: str = ""
    subdomain: str = ""
    status: str = ""
    support_type: str = ""
    neighborhood_watch: dict[str, Units] = {}


class Invoice(Numbered):
    """To the MSP or the reseller; `amount` in minor units (303 is 3.03), no line per client.

    Its `receipt`, a payment link, is never read.
    """

    amount: int | None = None
    currency_type: str = ""
    plan: str = ""
    quantity: int | None = None
    status: str = ""
    has_usage: bool | None = None
    created_at: Moment = None
    updated_at: Moment = None

    @property
    def stands(self) -> bool:
        """Whether a check may use it: neither a draft nor taken back."""
        return self.status not in IGNORED_STATUSES


class SubscriptionTerms(Row):
    """The part of a commitment that a line item repeats."""

    start_date: Moment = None
    end_date: Moment = None
    minimum: Units | None = None


class BilledUnits(Row):
    """Units of one product: `billable` may exceed `actual` because of a minimum."""

    billable: Units | None = None
    non_billable: Units | None = None
    actual: Units | None = None


class AccountUsage(Numbered):
    """AccountUsageLineItem: billed against used, per account and product."""

    period_start: Moment = None
    period_end: Moment = None
    account: Named = Named()
    product: str = ""
    subscription: SubscriptionTerms = SubscriptionTerms()
    usage: BilledUnits = BilledUnits()

    @property
    def shortfall(self) -> int:
        """Units that Huntress bills although nobody used them."""
        return max((self.usage.billable or 0) - (self.usage.actual or 0), 0)


class OrganizationUsage(Numbered):
    """OrganizationUsageLineItem: units used per organisation, by product; never billed as such."""

    period_start: Moment = None
    period_end: Moment = None
    account: Named = Named()
    organization: Named = Named()
    actual_usage: dict[str, Units] = {}


class SubscriptionSchedule(Row):
    """One step of a commitment. The unit of `target_price` is not published."""

    id: int | None = None
    minimum: Units | None = None
    maximum: Units | None = None
    status: str = ""
    target_price: int | None = None
    months: int | None = None
    promo_units: int | None = None
    starts_at: Moment = None
    ends_at: Moment = None


class Subscription(Numbered):
    """A reseller's commitment for one account and product."""

    account: Named = Named()
    product: str = ""
    status: str = ""
    minimum_usage: Units | None = None
    terminal_minimum_usage: Units | None = None
    billing_interval: str = ""
    effective_date: Moment = None
    renewal_date: Moment = None
    auto_renew: bool | None = None
    schedules: tuple[SubscriptionSchedule, ...] = ()


def billing_day(invoices: list[Invoice]) -> int | None:
    """The day of the month on which the account is billed: of its newest invoice with usage.

    A manual invoice (`has_usage` false) comes on any day; so does one that was taken back.
    """
    days = [one.created_at for one in invoices if one.stands and one.has_usage and one.created_at]
    return max(days).day if days else None
