"""The HaloPSA tenant that fits a generated world: most clients and some items are there already."""

from datetime import date
from typing import Any

from sandbox.generate.catalog import Product
from sandbox.generate.lines import plus_months
from sandbox.generate.world import PARTNER, Company, World

ACCOUNTS_CODES = 1120  # the lookup list of accounts codes in this tenant
INCOME, EXPENSE, TAX = "200", "310", 4
GROUP, DEFAULT_ITEM = 115, 900
OWN_CLIENT, DOLLAR_CLIENT, FIRST_CLIENT, FIRST_ITEM = 12, 13, 101, 901
SHARED = "Larch Holdings"  # two companies at Pax8, one client here
CURRENCIES = {"USD": 1, "GBP": 2, "EUR": 3}

type Row = dict[str, Any]


def client_ids(world: World) -> dict[str, int]:
    """HaloPSA client by Pax8 company, for those that a rule or a person can match."""
    found = {
        company.id: FIRST_CLIENT + place
        for place, company in enumerate(world.companies)
        if company.match != "own"
    }
    shared = next(company.id for company in world.companies if company.name == SHARED)
    return found | {world.role("by hand").id: found[shared]}


def halo_payload(world: World, invoiced: date, *, recurring: bool) -> Row:
    ids = client_ids(world)
    clients = [_client(OWN_CLIENT, f"{PARTNER} (internal)", "USD", "")]
    # HaloPSA bills a client in one currency: the pounds client has a second record for dollars.
    clients += [_client(DOLLAR_CLIENT, f"{world.pounds.name} (US office)", "USD", "")]
    clients += [
        _client(ids[company.id], _known_as(company), company.currency, company.external_id or "")
        for company in world.companies
        if company.match not in {"own", "by hand"}
    ]
    return {
        "clients": clients,
        "sites": [_site(client) for client in clients],
        "items": item_rows(world),
        "asset_groups": [
            {"id": 100, "name": "Hardware", "showasitem": True},
            {"id": GROUP, "name": "Existing Cloud Services", "showasitem": True},
        ],
        "tax": [
            {"id": TAX, "name": "Standard", "code": "STD", "value": 20},
            {"id": 5, "name": "Zero rated", "code": "ZERO", "value": 0},
        ],
        "currencies": [
            {"id": number, "name": code, "code": code, "symbol": symbol, "conversion_rate": 1}
            for (code, number), symbol in zip(CURRENCIES.items(), "$£€", strict=True)
        ],
        "lookups": _lookups(),
        "control": {
            "decimalplacesforinvoices": 4,
            "automaticallysendinvoiceemails": False,
            "autosendemailforautorinvoices": False,
            "autocreaterecurringinvoices": False,
            "enableinvoiceapprovals": False,
            "syncinvoicetoaccountspackagewhenapproved": False,
            "donotalloweditingpostedinvoices": False,
            "item_default_sales_nominal_code": INCOME,
            "item_default_purchase_nominal_code": EXPENSE,
        },
        "suppliers": [{"id": 7, "name": "Pax8", "inactive": False}],
        "contracts": [],
        "invoices": [],
        "recurring_invoices": [
            _recurring(client, place, invoiced)
            for place, client in enumerate(clients)
            if recurring and client["id"] != OWN_CLIENT
        ],
        "software_licences": [],
        "xero_details": [],
        "integration_errors": [],
        "agents": [{"id": 3, "name": "Billing API", "is_agent": True, "apionly": True}],
    }


def recurring_id(client_id: int) -> int:
    """Recurring invoices have negative ids."""
    return -client_id


def _known_as(company: Company) -> str:
    if company.match == "external id":
        return f"{company.name} (Managed)"  # only the id is the same
    if company.match == "near name":
        return "Harbour and Vale Accountants"
    if company.match == "missing":
        return "TWB Group"  # nothing but a person's knowledge connects the two
    return company.name


def _client(client_id: int, name: str, currency: str, accountsid: str) -> Row:
    return {
        "id": client_id,
        "name": name,
        "inactive": False,
        "main_site_id": client_id * 10,
        "accountsid": accountsid,
        "default_currency_code": CURRENCIES[currency],
        "paymentterms": 30,
        "taxable": True,
    }


def _site(client: Row) -> Row:
    return {
        "id": client["main_site_id"],
        "name": "Main",
        "client_id": client["id"],
        "client_name": client["name"],
        "inactive": False,
        "isinvoicesite": True,
    }


def item_rows(world: World) -> list[Row]:
    """An item may be found by its accounts id, by its exact name, twice, or only closed."""
    rows = [_item(DEFAULT_ITEM, "Cloud services", "CLOUD")]
    for product in world.catalog.every:
        number = FIRST_ITEM + len(rows)
        if product.fate == "by sku":
            name = f"Our name for {product.name}"
            rows.append(_item(number, name, product.sku, product))
        elif product.fate == "by name":
            rows.append(_item(number, product.name, f"NC-{number}", product))
        elif product.fate == "closed":
            rows.append(_item(number, product.name, product.sku, product) | {"status": 15})
        elif product.fate == "ambiguous":
            rows.append(_item(number, product.name, f"NC-{number}", product))
            rows.append(_item(number + 1, product.name, f"NC-{number + 1}", product))
    return rows


def _item(number: int, name: str, accountsid: str, product: Product | None = None) -> Row:
    return {
        "id": number,
        "name": name,
        "description": name,
        "status": 14,
        "assetgroup_id": GROUP,
        "assetgroup_name": "Existing Cloud Services",
        "baseprice": product.price if product else 0,
        "costprice": product.cost if product else 0,
        "isrecurringitem": True,
        "recurringprice": product.price if product else 0,
        "recurringcost": product.cost if product else 0,
        "taxcode": TAX,
        "nominalcode": INCOME,
        "purchasenominalcode": EXPENSE,
        "accountsid": accountsid,
        "dont_track_stock": True,
    }


def _lookups() -> list[Row]:
    codes = [
        (200, INCOME, "Sales"),
        (201, "210", "Cloud Sales"),
        (310, EXPENSE, "Cost of Goods Sold"),
        (311, "320", "Licences Bought"),
    ]
    types = [{"id": ACCOUNTS_CODES, "lookupid": 11, "name": "Accounts Codes", "inactive": False}]
    return types + [
        {"id": number, "lookupid": ACCOUNTS_CODES, "name": code, "value2": text, "inactive": False}
        for number, code, text in codes
    ]


def _recurring(client: Row, place: int, invoiced: date) -> Row:
    number = recurring_id(client["id"])
    created = invoiced.replace(day=10)
    return {
        "id": number,
        "name": "Managed services",
        "client_id": client["id"],
        "client_name": client["name"],
        "currency_code": client["default_currency_code"],
        "period": 2,
        "startdate": f"{plus_months(invoiced, -12)}T00:00:00",
        "enddate": None,
        "nextcreationdate": f"{created}T00:00:00",
        "lastcreated": f"{plus_months(invoiced, -1).replace(day=10)}T00:00:00",
        "disabled": False,
        "lines": [
            {
                "id": 50_000 + place * 10 + position,
                "ihid": number,
                "_itemid": DEFAULT_ITEM,
                "item_shortdescription": text,
                "qty_order": quantity,
                "unit_price": price,
                "unit_cost": 0,
                "nominal_code": "CLOUD",
            }
            for position, (text, quantity, price) in enumerate(
                (("Managed services, monthly", 1, 450), ("Support per user", 12, 35))
            )
        ],
    }
