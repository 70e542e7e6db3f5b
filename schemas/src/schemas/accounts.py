"""Settings of the tenant's accounts at HaloPSA and Pax8: where they answer, how they are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from schemas.count_settings import no_user_in
from schemas.setting_values import STRICT, Flag

type Calls = Annotated[int, Field(ge=1, le=1_000_000)]
type InFlight = Annotated[int, Field(ge=1, le=1_000)]
type Days = Annotated[int, Field(ge=0, le=3_660)]
type Places = Annotated[int, Field(ge=0, le=12)]


class _Strict(BaseModel):
    model_config = STRICT


class HaloAccount(_Strict):
    """Where the tenant's HaloPSA answers. Credentials are sealed in the store, never here."""

    url: str = ""
    tenant: str | None = None
    item_group: str = "BillingBot"
    stamp_field: Literal["comment_1", "comment_2"] = "comment_2"
    nominal_code: Literal["item", "never"] = "item"
    send_tax: Literal["never", "item"] = "never"
    tax_by: Literal["halo", "quickbooks_ast", "xero_auto", "none"] = "none"
    find_by_search: Flag = False
    sends_email: Flag | None = None  # R16: None = read it from HaloPSA, or ask
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
