"""Settings of one tenant: an immutable version that a message names and every service reads.

Policy values have three states (not set, on, off) at four levels; the last level that set one wins
(R6), so a lower off beats an upper on.
"""

from __future__ import annotations

from typing import Literal, LiteralString, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.accounts import HaloAccount, Pax8Account
from schemas.count_settings import CountSettings, HuntressAccount, Schedule
from schemas.ids import content_hash
from schemas.setting_values import SOURCES, Currency, Flag, HaloId, Limit, Source, Strict, is_stored

Level = Literal["default", "global", "integration", "client", "client within integration"]
Behaviour = Literal["new", "latest", "recurring"]
Lifecycle = Literal["off", "manual", "default", "create"]
Scheduled = Literal["pax8", "huntress"]

MANUAL_AND_AUTOMATIC: LiteralString = (  # R7
    "lifecycle `manual` waits for a person to match every new product: it is refused together with"
    " automatic runs, so set `lifecycle` to another mode or let no run be automatic"
)


class Policy(Strict):
    """What one level says; None means that it says nothing."""

    drop_azure: Flag | None = None
    collapse_azure: Flag | None = None
    drop_prorata: Flag | None = None
    drop_zero: Flag | None = None
    zero_test: Literal["both", "charge"] | None = None
    azure_scope: Literal["azure_only", "all_arrears"] | None = None
    behaviour: Behaviour | None = None
    lifecycle: Lifecycle | None = None
    when_not_open: Literal["hold", "new"] | None = None
    recurring_guard: Literal["hold", "warn"] | None = None
    one_invoice_per: Literal["client", "order"] | None = None
    post_partial: Flag | None = None
    net_credit: Literal["hold", "credit_note", "append", "carry"] | None = None


class EffectivePolicy(Strict):
    """Every value in force for one bill-to, and the level that decided it."""

    drop_azure: bool = False
    collapse_azure: bool = False
    drop_prorata: bool = False
    drop_zero: bool = False
    zero_test: Literal["both", "charge"] = "both"
    azure_scope: Literal["azure_only", "all_arrears"] = "azure_only"
    behaviour: Behaviour = "new"
    lifecycle: Lifecycle = "create"
    when_not_open: Literal["hold", "new"] = "hold"
    recurring_guard: Literal["hold", "warn"] = "hold"
    one_invoice_per: Literal["client", "order"] = "client"
    post_partial: bool = False
    net_credit: Literal["hold", "credit_note", "append", "carry"] = "hold"
    levels: dict[str, Level] = Field(default={})

    def level_of(self, name: str) -> Level:
        """Which level decided the value called `name`."""
        return self.levels.get(name, "default")


class TenantInfo(Strict):
    """Who the MSP is. `timezone` is an IANA name; `currency` an ISO 4217 code."""

    name: str = "tenant"
    timezone: str = "UTC"
    currency: Currency = "USD"
    partner: str | None = None  # documents of another partnerName are excluded `other-partner`
    own_company: str | None = None  # the MSP's own company at the source: excluded `own-company`

    @field_validator("timezone")
    @classmethod
    def _a_known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name} is no time zone: an IANA name, e.g. Europe/Berlin") from None
        return name


class Defaults(Strict):
    """Codes for items we create: income and expense accounts, a tax id; the default item's id."""

    income: str | None = None
    expense: str | None = None
    tax: int | None = None
    item: int | None = None
    fallback_to_default_item: Flag = False


class Exclusions(Strict):
    """Line kinds left out before every modifier (R5). `billedByPax8` has no switch."""

    rebate: Flag = True
    payment_credit: Flag = True
    invoice_credit: Flag = True
    own_company: Flag = True
    other_partner: Flag = True
    void: Flag = True


class IntegrationSettings(Strict):
    """What is set for one source alone."""

    policy: Policy = Policy()


_BILLED: dict[str, JsonValue] = {
    "required": ["halo"],
    "properties": {"halo": {"type": "integer"}, "exclude": {"const": False}},
}
_EXCLUDED: dict[str, JsonValue] = {
    "required": ["exclude"],
    "properties": {"halo": {"type": "null"}, "exclude": {"const": True}},
}


class ClientMapping(Strict):
    """One company (or one subscription) of a source, and the HaloPSA client that pays for it.

    `recurring` is a recurring invoice's id, which HaloPSA has below zero.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [_BILLED, _EXCLUDED]})

    source: Source = "pax8"
    company: str
    subscription: str | None = None
    halo: HaloId | None = None
    recurring: int | None = None
    exclude: Flag = False
    policy: Policy = Policy()
    integration_policy: Policy = Policy()
    evidence: str = "settings"  # who or what decided: settings, a person, external id, exact name

    @model_validator(mode="after")
    def _billed_or_excluded(self, info: ValidationInfo) -> Self:
        if (self.halo is not None) == self.exclude and not is_stored(info):
            says = "both `halo` and `exclude`" if self.exclude else "neither `halo` nor `exclude`"
            raise ValueError(
                f"company {self.company} has {says}: it is billed to a client of HaloPSA's"
                " or it is excluded"
            )
        return self


class ProductMapping(Strict):
    """One product and term of a source, and the HaloPSA item that it is sold as."""

    source: Source = "pax8"
    product: str
    term: str | None = None
    halo: HaloId
    evidence: str = "settings"


class Automation(Strict):
    """R17: what an automatic run may apply by itself."""

    automatic: Flag = False
    approval_limit: Limit | None = None  # in the tenant's currency
    usual_range: Limit = "0.5"  # share of the median of the last three documents


class Approvals(Strict):
    """Above these amounts a run is approved by two people; without `second_above` always by one.

    It is in the tenant's currency, `in_currency` has one each for others: nothing is converted, so
    an amount in a currency without a limit is above it. What counts is all of a currency that the
    run would have standing.
    """

    second_above: Limit | None = None
    in_currency: dict[Currency, Limit] = Field(default={})

    def limit(self, currency: str, own: str) -> str | None:
        """The limit of a currency, where the tenant's own is `own`; None: it has none."""
        return self.second_above if currency == own else self.in_currency.get(currency)


class Settings(Strict):
    """One immutable version; `version` is derived from the content."""

    tenant: TenantInfo = TenantInfo()
    halopsa: HaloAccount = HaloAccount()
    pax8: Pax8Account = Pax8Account()
    huntress: HuntressAccount = HuntressAccount()
    defaults: Defaults = Defaults()
    policy: Policy = Policy()
    integration: dict[Source, IntegrationSettings] = Field(default={})
    exclusions: Exclusions = Exclusions()
    automation: Automation = Automation()
    approvals: Approvals = Approvals()
    client: tuple[ClientMapping, ...] = ()
    product: tuple[ProductMapping, ...] = ()
    counts: CountSettings = CountSettings()
    schedule: dict[Scheduled, Schedule] = Field(default={})
    chains: dict[str, Literal["replacement", "separate"]] = Field(default_factory=dict)  # R14

    @model_validator(mode="after")
    def _one_company_one_client(self) -> Self:
        seen: set[tuple[str, str, str | None]] = set()
        for place, row in enumerate(self.client):
            key = (row.source, row.company, row.subscription)
            if key in seen:
                raise PydanticCustomError(
                    "mapped_twice",
                    "company {company} of {source} is mapped twice: a second client needs a row"
                    " with its subscription",
                    {"company": row.company, "source": row.source, "at": ["client", place]},
                )
            seen.add(key)
        return self

    @model_validator(mode="after")
    def _manual_or_automatic(self, info: ValidationInfo) -> Self:
        if self.contradicts and not is_stored(info):
            at = {"at": ["automation", "automatic"]}
            raise PydanticCustomError("manual_and_automatic", MANUAL_AND_AUTOMATIC, at)
        return self

    @property
    def contradicts(self) -> bool:
        """R7: runs begin by themselves, and a person has to match products before they end."""
        return self.automation.automatic and any(map(self.is_manual, SOURCES))

    def is_manual(self, source: str) -> bool:
        """Whether lifecycle `manual` is in force for anybody at a source."""
        rows = (None, *(row for row in self.client if row.source == source))
        said = ([p.lifecycle for _, p in self.levels_for(source, row)] for row in rows)
        return any([each for each in chain if each][-1:] == ["manual"] for chain in said)

    @property
    def version(self) -> str:
        """The content's hash: the same settings are the same version."""
        return content_hash(self.model_dump_json().encode())

    def own_companies(self, source: str) -> tuple[str, ...]:
        """The MSP's own companies at a source: at Huntress, organisations with free seats."""
        if source == "huntress":
            return self.huntress.own_organizations
        return (self.tenant.own_company,) if self.tenant.own_company else ()

    def levels_for(self, source: str, mapping: ClientMapping | None) -> list[tuple[Level, Policy]]:
        """What each level says about one bill-to of a source; a later one beats those before it."""
        integration = self.integration.get(source, IntegrationSettings())
        chain: list[tuple[Level, Policy]] = [
            ("global", self.policy),
            ("integration", integration.policy),
        ]
        if mapping is not None:
            chain.append(("client", mapping.policy))
            chain.append(("client within integration", mapping.integration_policy))
        return chain

    def policy_for(self, source: str, mapping: ClientMapping | None) -> EffectivePolicy:
        """The values in force for one bill-to of a source (R6)."""
        chain = self.levels_for(source, mapping)
        values: dict[str, object] = {}
        levels: dict[str, Level] = {}
        for level, policy in chain:
            for name in Policy.model_fields:
                value = getattr(policy, name)
                if value is not None:
                    values[name] = value
                    levels[name] = level
        return EffectivePolicy.model_validate({**values, "levels": levels})
