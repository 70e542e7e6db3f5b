"""What is planted in a generated month: the settings, the holds to expect, and their answers."""

from dataclasses import dataclass
from typing import Any

from sandbox.generate.halo import (
    DEFAULT_ITEM,
    DOLLAR_CLIENT,
    EXPENSE,
    INCOME,
    OWN_CLIENT,
    SHARED,
    TAX,
    client_ids,
    item_rows,
    recurring_id,
)
from sandbox.generate.varieties import DOLLARS, FOREIGN, UNLINKED
from sandbox.generate.world import PARTNER, Company, World

type Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """What a test may want otherwise than usual."""

    item_ids: bool = True
    vendor_names: bool = True
    recurring: bool = False  # HaloPSA has a recurring invoice per client and the settings map it


def settings(world: World, shape: Shape) -> Row:
    """The settings file as the partner has it before the first run."""
    branch = world.role("by hand")
    rows = [_client_row(company.id, number, shape) for company, number in _matched(world, shape)]
    return {
        "tenant": {"name": PARTNER, "timezone": "America/Denver", "currency": "USD"},
        "halopsa": {"url": "http://127.0.0.1/halopsa", "client_id": "halo", "client_secret": "s"},
        "pax8": {"client_id": "pax8", "client_secret": "s"},
        "defaults": {"income": INCOME, "expense": EXPENSE, "tax": TAX, "item": DEFAULT_ITEM},
        "policy": {
            "drop_azure": False,
            "collapse_azure": True,
            "drop_prorata": False,
            "drop_zero": True,
            "zero_test": "both",
            "azure_scope": "azure_only",
            "behaviour": "recurring" if shape.recurring else "new",
            "lifecycle": "create",
        },
        "integration": {"pax8": {"policy": {}}},
        "client": [*rows, _client_row(branch.id, client_ids(world)[branch.id], shape)],
        "product": [],
    }


def _matched(world: World, shape: Shape) -> list[tuple[Company, int]]:
    """Rules match these; they need a row only to name their recurring invoice."""
    if not shape.recurring:
        return []
    ids = client_ids(world)
    ways = {"external id", "name", "both"}
    return [(company, ids[company.id]) for company in world.companies if company.match in ways]


def _client_row(company_id: str, halo: int, shape: Shape) -> dict[str, Any]:
    row: dict[str, Any] = {"source": "pax8", "company": company_id, "halo": halo}
    return row | ({"recurring": recurring_id(halo)} if shape.recurring else {})


def resolutions(world: World, shape: Shape) -> dict[str, list[Row]]:
    """What a person decides about each planted hold."""
    ids = client_ids(world)
    shared = next(company for company in world.companies if company.name == SHARED)
    unlinked = _client_row("", ids[shared.id], shape) | {"subscription": UNLINKED}
    return {
        "client": [
            *[
                _client_row(company.id, ids[company.id], shape)
                for company in (world.role("near name"), world.role("missing"))
            ],
            {"source": "pax8", "company": world.role("own").id, "exclude": True},
            _client_row(FOREIGN, ids[shared.id], shape),
            unlinked,
            _client_row(world.pounds.id, DOLLAR_CLIENT, shape) | {"subscription": DOLLARS},
        ],
        "product": [
            {
                "source": "pax8",
                "product": world.catalog.ambiguous.id,
                "term": term,
                "halo": ambiguous_items(world)[0],
            }
            for term in ("Monthly", "Annual", "3 Year", "Trial")
        ],
    }


def notes(world: World, header: Row) -> Row:
    near, missing = world.role("near name"), world.role("missing")
    return {
        "invoice": header["id"],
        "own_company": world.role("own").id,
        "own_halo_client": OWN_CLIENT,
        "near_name_company": near.id,
        "near_name_halo_client": client_ids(world)[near.id],
        "missing_company": missing.id,
        "unmapped_companies": [world.role("own").id, near.id, missing.id, FOREIGN],
        "foreign_company": FOREIGN,
        "unlinked_subscription": UNLINKED,
        "two_companies_one_client": [
            next(company.id for company in world.companies if company.name == SHARED),
            world.role("by hand").id,
        ],
        "ambiguous_product": world.catalog.ambiguous.id,
        "ambiguous_items": ambiguous_items(world),
        "second_currency_company": world.pounds.id,
        "halo_client_by_company": client_ids(world),
        "product_fates": {product.id: product.fate for product in world.catalog.every},
    }


def ambiguous_items(world: World) -> list[int]:
    name = world.catalog.ambiguous.name
    return [int(row["id"]) for row in item_rows(world) if row["name"] == name]
