"""The plain records around invoices (clients, items, licences and so on): create and update."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.halopsa import checks, fields
from sandbox.halopsa.answers import missing
from sandbox.halopsa.fields import Row, stored
from sandbox.halopsa.tenant import Tenant


@dataclass(frozen=True)
class Register:
    """One kind of plain record. Without a check, any fields may be written."""

    route: str
    table: str
    known: frozenset[str]
    defaults: Row = field(default_factory=dict)
    check: Callable[[Tenant, Row, int], None] | None = None


def _named(table: str) -> Callable[[Tenant, Row, int], None]:
    return lambda tenant, row, _: checks.named(tenant, table, row)


ITEM_DEFAULTS: Row = {
    "status": 14,
    "description": "",
    "assetgroup_id": 0,
    "baseprice": 0.0,
    "costprice": 0.0,
    "isrecurringitem": False,
    "recurringprice": 0.0,
    "recurringcost": 0.0,
    "taxcode": 0,
    "nominalcode": "",
    "purchasenominalcode": "",
    "accountsid": "",
    "externalreference": "",
    "internalreference": "",
}
CLIENT_DEFAULTS: Row = {"inactive": False, "accountsid": "", "xeroid": "", "toplevel_id": 1}
LICENCE_DEFAULTS: Row = {"type": 0, "count": 0, "site_id": -1, "is_active": True, "item_id": 0}
GROUP_DEFAULTS: Row = {"showasitem": False, "showasequip": False}

REGISTERS = (
    Register("/Client", "clients", fields.CLIENT, CLIENT_DEFAULTS, _named("clients")),
    Register("/Site", "sites", fields.SITE, {"inactive": False}, _named("sites")),
    Register("/Supplier", "suppliers", fields.SUPPLIER, {}, _named("suppliers")),
    Register("/Item", "items", fields.ITEM, ITEM_DEFAULTS, checks.item),
    Register(
        "/AssetGroup", "asset_groups", fields.ASSET_GROUP, GROUP_DEFAULTS, _named("asset_groups")
    ),
    Register("/ClientContract", "contracts", fields.CONTRACT, {"active": True}),
    Register(
        "/SoftwareLicence", "software_licences", fields.LICENCE, LICENCE_DEFAULTS, checks.licence
    ),
    Register("/Tax", "tax", fields.TAX),
    Register("/Currency", "currencies", fields.CURRENCY),
)

DEFAULTS = {register.table: register.defaults for register in REGISTERS}


def checked(tenant: Tenant, register: Register, row: Row, index: int) -> None:
    checks.typed(row, f"[{index}]", register.known)
    if row.get("id") is not None and tenant.get(register.table, row["id"]) is None:
        raise missing(register.route.removeprefix("/"))
    if register.check is not None:
        register.check(tenant, row, index)


def written(tenant: Tenant, register: Register, sent: Row) -> Row:
    """Scalars left out stay, unknown fields vanish, an unchanged row is not rewritten."""
    kept = stored(sent, register.known - {"id"})
    old = tenant.get(register.table, sent["id"]) if sent.get("id") is not None else None
    if old is not None and all(old.get(name) == value for name, value in kept.items()):
        return old
    base = old or {"id": tenant.new_id(register.table), **register.defaults}
    row: Row = base | kept
    tenant.put(register.table, row)
    return row


def loaded(tenant: Tenant, table: str, given: Row) -> Row:
    """A row of a load keeps what it says, known or not."""
    if given.get("id") is None:
        given = {"id": tenant.new_id(table), **given}
    else:
        tenant.seen_id(table, int(given["id"]))
    row = {**DEFAULTS.get(table, {}), **given}
    tenant.put(table, row)
    return row
