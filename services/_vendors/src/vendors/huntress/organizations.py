"""An organisation, which is a client of the MSP, and the units of each product that it has.

Names and keys change and repeat; the id is the organisation's only identity (huntress.md 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import Field, field_validator, model_validator

from vendors import json
from vendors.huntress.models import Moment, Numbered, Row, Units

PRODUCTS = ("edr", "itdr", "ispm", "sat", "siem")


class Organization(Numbered):
    """A row of the list. A counter that is missing is None, never zero."""

    account_id: int | None = None
    name: str = ""
    key: str = ""
    agents_count: Units | None = None  # all of them, billable or not
    billable_identity_count: Units | None = None  # Microsoft 365 and Google together
    sat_learner_count: Units | None = None
    logs_sources_count: Units | None = None  # billable ones only
    incident_reports_count: Units | None = None
    identity_provider_tenant_id: str = ""
    report_recipients: tuple[str, ...] = ()
    created_at: Moment = None
    updated_at: Moment = None
    # Legacy: still returned, no longer described, never billed.
    microsoft_365_users_count: Units | None = None
    microsoft_365_tenant_id: str = ""
    notify_emails: tuple[str, ...] = ()

    def list_counts(self) -> dict[str, int | None]:
        """Units by product by the list's own counters (quick mode): ITDR's may be ISPM's."""
        return {
            "edr": self.agents_count,
            "itdr": self.billable_identity_count,
            "sat": self.sat_learner_count,
            "siem": self.logs_sources_count,
        }

    @property
    def only_legacy(self) -> bool:
        """Whether the one counter above zero is the one that is no longer kept."""
        return bool(self.microsoft_365_users_count) and not any(self.list_counts().values())


class EdrUsage(Row):
    """Endpoints. Whether unresponsive ones are among the billable is not published."""

    billable_agents_count: Units | None = None
    unresponsive_agents_count: Units | None = None
    outdated_agents_count: Units | None = None
    isolated_agents_count: Units | None = None


class IdentityUsage(Row):
    """Identities of one tenant; `type` is microsoft or google."""

    type: str = ""
    identity_provider_tenant_id: str = ""
    billable_identities_count: Units | None = None
    total_identities_count: Units | None = None


class SatUsage(Row):
    """Learners of the security training."""

    learners_count: Units | None = None


class SiemCycle(Row):
    """Log volume of one billing cycle."""

    online_gb: Decimal | None = None
    service_period_start: Moment = None
    service_period_end: Moment = None


class SiemUsage(Row):
    """Log sources; `retention` is text such as 90/7."""

    billable_log_sources_count: Units | None = None
    retention: str = ""
    current_billing_cycle: SiemCycle | None = None
    previous_billing_cycle: SiemCycle | None = None


class Usages(Row):
    """Units by product. A product that is None is not active: that is not a count of zero."""

    edr: EdrUsage | None = None
    itdr: tuple[IdentityUsage, ...] | None = None
    ispm: tuple[IdentityUsage, ...] | None = None
    sat: SatUsage | None = None
    siem: SiemUsage | None = None
    unknown: dict[str, Any] = Field(default={}, alias="_unknown")

    @model_validator(mode="before")
    @classmethod
    def _unknown_products_are_kept(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        others = {name: value for name, value in given.items() if name not in PRODUCTS}
        return {name: given.get(name) for name in PRODUCTS} | {"_unknown": others}

    @field_validator("itdr", "ispm", mode="before")
    @classmethod
    def _one_tenant_may_stand_alone(cls, given: Any) -> Any:
        return [given] if isinstance(given, dict) else given

    def counts(self) -> dict[str, int | None]:
        """Billable units of each active product; None: active, but it does not say how many."""
        found: dict[str, int | None] = {}
        if self.edr is not None:
            found["edr"] = self.edr.billable_agents_count
        for product, tenants in (("itdr", self.itdr), ("ispm", self.ispm)):
            if tenants is not None:
                found[product] = _sum([one.billable_identities_count for one in tenants])
        if self.sat is not None:
            found["sat"] = self.sat.learners_count
        if self.siem is not None:
            found["siem"] = self.siem.billable_log_sources_count
        return found


class OrganizationDetail(Organization):
    """A single read. `actual_usages` None: the answer has no such field, so nothing is known."""

    actual_usages: Usages | None = None

    @model_validator(mode="before")
    @classmethod
    def _usages_in_any_form(cls, row: Any) -> Any:
        """An object, or text that holds one; null, empty text and an empty list: none active."""
        if not isinstance(row, dict) or "actual_usages" not in row:
            return row
        given = row["actual_usages"]
        if isinstance(given, str) and given.strip():
            given = json.loads(given)
        return {**row, "actual_usages": given or {}}


@dataclass(frozen=True, slots=True)
class OrganizationRead:
    """One organisation as it was answered."""

    raw: bytes
    organization: OrganizationDetail


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
