"""Settings of one tenant: an immutable version that a message names and every service reads.

Policy values have three states (not set, on, off) at four levels; the last level that set one wins
(R6), so a lower off beats an upper on.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.count_settings import CountSettings, HuntressAccount, Schedule, no_user_in
from schemas.ids import content_hash

Level = Literal["default", "global", "integration", "client", "client within integration"]
Behaviour = Literal["new", "latest", "recurring"]
Lifecycle = Literal["off", "manual", "default", "create"]
Scheduled = Literal["pax8", "huntress"]


type Calls = Annotated[int, Field(ge=1, le=1_000_000)]
type InFlight = Annotated[int, Field(ge=1, le=1_000)]
type Days = Annotated[int, Field(ge=0, le=3_660)]
type Places = Annotated[int, Field(ge=0, le=12)]


class _Strict(BaseModel):
    # A number that is none could be stored and never be read again.
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


class Policy(_Strict):
    """What one level says; None means that it says nothing."""

    drop_azure: bool | None = None
    collapse_azure: bool | None = None
    drop_prorata: bool | None = None
    drop_zero: bool | None = None
    zero_test: Literal["both", "charge"] | None = None
    azure_scope: Literal["azure_only", "all_arrears"] | None = None
    behaviour: Behaviour | None = None
    lifecycle: Lifecycle | None = None
    when_not_open: Literal["hold", "new"] | None = None
    recurring_guard: Literal["hold", "warn"] | None = None
    one_invoice_per: Literal["client", "order"] | None = None
    post_partial: bool | None = None
    net_credit: Literal["hold", "credit_note", "append", "carry"] | None = None


class EffectivePolicy(_Strict):
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
    levels: dict[str, Level] = {}

    def level_of(self, name: str) -> Level:
        """Which level decided the value called `name`."""
        return self.levels.get(name, "default")


class TenantInfo(_Strict):
    """Who the MSP is. `timezone` is an IANA name; `currency` an ISO 4217 code."""

    name: str = "tenant"
    timezone: str = "UTC"
    currency: str = "USD"
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


class HaloAccount(_Strict):
    """Where the tenant's HaloPSA answers. Credentials are sealed in the store, never here."""

    url: str = ""
    tenant: str | None = None
    item_group: str = "BillingBot"
    stamp_field: Literal["comment_1", "comment_2"] = "comment_2"
    nominal_code: Literal["item", "never"] = "item"
    send_tax: Literal["never", "item"] = "never"
    tax_by: Literal["halo", "quickbooks_ast", "xero_auto", "none"] = "none"
    find_by_search: bool = False
    sends_email: bool | None = None  # R16: None = read it from HaloPSA, or ask
    latest_days: Days = 35
    look_days: Days = 62
    price_places: Places = 4
    quantity_places: Places = 4
    settle_s: float = Field(default=30.0, ge=0, le=86_400)
    calls_per_window: Calls = 280
    window_s: float = Field(default=300.0, gt=0, le=86_400)
    in_flight: InFlight = 4

    _no_password = field_validator("url")(no_user_in)


class Pax8Account(_Strict):
    """Where the tenant's Pax8 answers."""

    url: str = "https://api.pax8.com"
    in_flight: InFlight = 6
    calls_per_minute: Calls = 1000
    azure_products: tuple[str, ...] = ()
    azure_sku_prefixes: tuple[str, ...] = ("MST-EXM-AZ",)

    _no_password = field_validator("url")(no_user_in)


class Defaults(_Strict):
    """Codes for items we create: income and expense accounts, a tax id; the default item's id."""

    income: str | None = None
    expense: str | None = None
    tax: int | None = None
    item: int | None = None
    fallback_to_default_item: bool = False


class Exclusions(_Strict):
    """Line kinds left out before every modifier (R5). `billedByPax8` has no switch."""

    rebate: bool = True
    payment_credit: bool = True
    invoice_credit: bool = True
    own_company: bool = True
    other_partner: bool = True
    void: bool = True


class IntegrationSettings(_Strict):
    """What is set for one source alone."""

    policy: Policy = Policy()


class ClientMapping(_Strict):
    """One company (or one subscription) of a source, and the HaloPSA client that pays for it."""

    source: str = "pax8"
    company: str
    subscription: str | None = None
    halo: int | None = None
    recurring: int | None = None
    exclude: bool = False
    policy: Policy = Policy()
    integration_policy: Policy = Policy()
    evidence: str = "settings"  # who or what decided: settings, a person, external id, exact name


class ProductMapping(_Strict):
    """One product and term of a source, and the HaloPSA item that it is sold as."""

    source: str = "pax8"
    product: str
    term: str | None = None
    halo: int
    evidence: str = "settings"


class Automation(_Strict):
    """R17: what an automatic run may apply by itself."""

    automatic: bool = False
    approval_limit: str | None = None  # decimal string in the tenant's currency
    usual_range: str = "0.5"  # share of the median of the last three documents


_Limit = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]  # a decimal string


class Approvals(_Strict):
    """Above these amounts a run is approved by two people; without `second_above` always by one.

    It is in the tenant's currency, `in_currency` has one each for others: nothing is converted, so
    an amount in a currency without a limit is above it. What counts is all of a currency that the
    run would have standing.
    """

    second_above: _Limit | None = None
    in_currency: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], _Limit] = {}

    def limit(self, currency: str, own: str) -> str | None:
        """The limit of a currency, where the tenant's own is `own`; None: it has none."""
        return self.second_above if currency == own else self.in_currency.get(currency)


class Settings(_Strict):
    """One immutable version; `version` is derived from the content."""

    tenant: TenantInfo = TenantInfo()
    halopsa: HaloAccount = HaloAccount()
    pax8: Pax8Account = Pax8Account()
    huntress: HuntressAccount = HuntressAccount()
    defaults: Defaults = Defaults()
    policy: Policy = Policy()
    integration: dict[str, IntegrationSettings] = {}
    exclusions: Exclusions = Exclusions()
    automation: Automation = Automation()
    approvals: Approvals = Approvals()
    client: tuple[ClientMapping, ...] = ()
    product: tuple[ProductMapping, ...] = ()
    counts: CountSettings = CountSettings()
    schedule: dict[Scheduled, Schedule] = {}
    chains: dict[str, Literal["replacement", "separate"]] = Field(default_factory=dict)  # R14

    @model_validator(mode="after")
    def _one_company_one_client(self) -> Self:
        seen: set[tuple[str, str, str | None]] = set()
        for row in self.client:
            key = (row.source, row.company, row.subscription)
            if key in seen:
                raise ValueError(
                    f"company {row.company} of {row.source} is mapped twice: a second client needs"
                    " a row with its subscription"
                )
            seen.add(key)
        return self

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
