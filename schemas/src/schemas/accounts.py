"""Settings of the tenant's accounts at HaloPSA and Pax8: where they answer, how they are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from schemas.assumed import assumed
from schemas.count_settings import no_user_in
from schemas.setting_values import Flag, Strict

type Calls = Annotated[int, Field(ge=1, le=1_000_000)]
type InFlight = Annotated[int, Field(ge=1, le=1_000)]
type Days = Annotated[int, Field(ge=0, le=3_660)]
type Places = Annotated[int, Field(ge=0, le=12)]
type LineType = Literal[
    "subscription",
    "prorate",
    "one-time",
    "service-charge",
    "service-credit",
    "rebate",
    "payment-credit",
    "invoice-credit",
]


class HaloAccount(Strict):
    """Where the tenant's HaloPSA answers. Credentials are sealed in the store, never here."""

    url: str = ""
    tenant: str | None = None
    item_group: str = "BillingBot"
    stamp_field: Literal["comment_1", "comment_2"] = assumed(
        "comment_2",
        "the field of a line that keeps our mark",
        "it is in the published API description, which does not say what else uses it",
    )
    nominal_code: Literal["item", "never"] = assumed(
        "item",
        "what a line's nominal_code holds: its item's accounts id, or nothing",
        "HaloPSA's Xero guide and public integrations take it for a product code",
    )
    send_tax: Literal["never", "item"] = assumed(
        "never",
        "whether a line names its tax",
        "which of two tax fields wins is in no document, so none is sent",
    )
    tax_by: Literal["halo", "quickbooks_ast", "xero_auto", "none"] = assumed(
        "none",
        "who works out the tax of an invoice",
        "no document says whether HaloPSA does so again: each tenant knows its own",
    )
    find_by_search: Flag = False
    sends_email: Flag | None = assumed(
        None,
        "whether HaloPSA e-mails an invoice once it is created (R16)",
        "not set: HaloPSA's control settings are asked, which need a right",
    )
    latest_days: Days = assumed(
        35,
        "days after which a client's latest invoice is too old to append to (R10)",
        "practice: a month and a few days",
    )
    look_days: Days = assumed(
        62,
        "days back that invoices are listed to find what stands (R18)",
        "practice: two months; date filters are not documented, so rows are checked here",
    )
    price_places: Places = assumed(
        4,
        "decimals that HaloPSA keeps of a unit price",
        "amounts are floats there and tenants round them; read-backs compare",
    )
    quantity_places: Places = assumed(
        4,
        "decimals that HaloPSA keeps of a quantity",
        "as for prices",
    )
    settle_s: float = assumed(
        30.0,
        "seconds after which a write without an answer can land no more",
        "practice: how far lists lag behind writes is not documented",
        ge=0,
        le=86_400,
    )
    calls_per_window: Calls = assumed(
        280,
        "calls that HaloPSA takes in a window",
        "its server named 300 to others in 2022 and 2023; public clients count 400 to 500",
    )
    window_s: float = assumed(
        300.0,
        "seconds of that window",
        "as for the calls",
        gt=0,
        le=86_400,
    )
    in_flight: InFlight = assumed(
        4,
        "calls to HaloPSA side by side",
        "no document names a limit",
    )

    _no_password = field_validator("url")(no_user_in)


class Pax8Account(Strict):
    """Where the tenant's Pax8 answers."""

    url: str = "https://api.pax8.com"
    in_flight: InFlight = assumed(
        6,
        "calls to Pax8 side by side",
        "no document names a limit",
    )
    calls_per_minute: Calls = assumed(
        1000,
        "calls that Pax8 takes in a minute",
        "several public sources; the API description names no number",
    )
    azure_products: tuple[str, ...] = assumed(
        (),
        "product ids that are Azure",
        "no type says so, and no list of products is published",
    )
    azure_sku_prefixes: tuple[str, ...] = assumed(
        ("MST-EXM-AZ",),
        "beginnings of SKUs that are Azure",
        "no list of SKUs is published",
    )
    types: dict[str, LineType] = assumed(
        {},
        "what a type of line that is new counts as",
        "the types are listed nowhere as complete: another one is held until it is named here",
    )
    terms: tuple[str, ...] = assumed(
        (),
        "terms that are new and ordinary",
        "the terms are listed nowhere as complete: another one is held until it is named here",
    )
    statuses: tuple[str, ...] = assumed(
        (),
        "statuses that are new and mean an invoice like any other",
        "the statuses are listed nowhere as complete: another one holds the document",
    )

    _no_password = field_validator("url")(no_user_in)
