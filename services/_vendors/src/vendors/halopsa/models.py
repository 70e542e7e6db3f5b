"""HaloPSA's plain records. Any field may be null or missing; ints may come as 1.0."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from vendors import json

CLOSED = 15  # Item.status; 14 is open


def halo_day(value: Any) -> date | None:
    """The day of an ISO date-time; an empty date is null, or lies in 1900 or 1901."""
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if day.year >= 1970 else None


type Day = Annotated[date | None, BeforeValidator(halo_day)]


class HaloRow(BaseModel):
    """Unknown fields are ignored; a null means what a missing field means."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, row: Any) -> Any:
        """A null means what a missing field means: the default."""
        if not isinstance(row, dict):
            return row
        return {name: value for name, value in row.items() if value is not None}


class HaloClient(HaloRow):
    """A client. `client_to_invoice` names another client that is billed in its place."""

    id: int
    name: str = ""
    inactive: bool = False
    toplevel_id: int | None = None
    main_site_id: int | None = None
    accountsid: str = ""
    ref: str = ""
    website: str = ""
    xeroid: str = ""
    xero_tenant_id: str = ""
    default_currency_code: int | None = None
    client_to_invoice: int | None = None
    client_to_invoice_recurring: int | None = None
    item_tax_code: int | None = None
    sales_tax_code: int | None = None
    taxable: bool | None = None
    dontinvoice: bool = False
    excludefrominvoicesync: bool = False
    dont_auto_send_invoices: bool = False
    emailinvoice: bool | None = None


class HaloItem(HaloRow):
    """A product. `accountsid` is its product code there, `nominalcode` its income account."""

    id: int
    name: str = ""
    description: str = ""
    status: int | None = None
    assetgroup_id: int | None = None
    assetgroup_name: str = ""
    baseprice: Decimal | None = None
    costprice: Decimal | None = None
    isrecurringitem: bool = False
    recurringprice: Decimal | None = None
    recurringcost: Decimal | None = None
    taxcode: int | None = None
    nominalcode: str = ""
    purchasenominalcode: str = ""
    accountsid: str = ""
    supplier_id: int | None = None
    supplier_part_code: str = ""
    internalreference: str = ""
    externalreference: str = ""
    third_party_id: str = ""
    xero_tenant_id: str = ""
    dontinvoice: bool = False

    @property
    def is_open(self) -> bool:
        """Closed items are not to be sold."""
        return self.status != CLOSED


class HaloAssetGroup(HaloRow):
    """A product group."""

    id: int
    name: str = ""
    showasitem: bool = False
    nominalcode: str = ""
    nominalcodepurchase: str = ""
    tax_id: int | None = None


class HaloTax(HaloRow):
    """A tax code; whether `value` is 20 or 0.2 for a fifth is the tenant's to tell."""

    id: int
    name: str = ""
    code: str = ""
    value: Decimal | None = None
    xero_tenant_id: str = ""


class HaloCurrency(HaloRow):
    """A currency: `id` is what invoices carry as currency_code, `code` is ISO 4217."""

    id: int
    name: str = ""
    symbol: str = ""
    code: str = ""
    conversion_rate: Decimal | None = None


class HaloLookup(HaloRow):
    """One value of one of HaloPSA's many lists."""

    id: int
    lookupid: int | None = None
    name: str = ""
    value2: str = ""
    value3: str = ""
    custom1: str = ""
    custom2: str = ""
    inactive: bool = False
    xero_tenant_name: str = ""
    tax_rate_name: str = ""


class HaloXeroDetails(HaloRow):
    """A connected Xero organisation. Its token fields are never read."""

    id: int
    name: str = ""
    tenant_id: str = ""
    tenant_name: str = ""
    authorized: bool | None = None
    isdefault: bool = False
    enablesync: bool | None = None
    default_item_code: str = ""


class HaloXeroAccount(HaloRow):
    """An account of the ledger under Xero's own names; `kind` is REVENUE, EXPENSE or another."""

    code: str = Field("", validation_alias=AliasChoices("Code", "code"))
    name: str = Field("", validation_alias=AliasChoices("Name", "name"))
    kind: str = Field("", validation_alias=AliasChoices("Class", "class"))


def xero_accounts_in(body: bytes) -> list[HaloXeroAccount]:
    """Those of an answer whose shape no document gives: what is not a list of them holds none."""
    answer = json.loads(body)
    rows = answer if isinstance(answer, list) else []
    found = [HaloXeroAccount.model_validate(row) for row in rows if isinstance(row, dict)]
    return [account for account in found if account.code]


class HaloSupplier(HaloRow):
    """A supplier."""

    id: int
    name: str = ""
    inactive: bool = False


class HaloIntegrationError(HaloRow):
    """Why something did not reach the accounts package."""

    id: int
    module_id: int | None = None
    detail_id: int | None = None
    entity_type: str = ""
    entity_id: str = ""
    error: str = ""
    date: Day = None


class HaloAuthInfo(HaloRow):
    """Where a host says that one signs in."""

    auth_url: str = ""
    tenant_id: str = ""
