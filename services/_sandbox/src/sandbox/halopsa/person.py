"""What a person does in HaloPSA's own screens, where no rule of the API holds them back."""

from typing import Any

from sandbox.halopsa import documents, licences, xero
from sandbox.halopsa import lines as line_sets
from sandbox.halopsa.amounts import priced
from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import TABLES, Tenant

DOCUMENTS = {"invoices", "recurring_invoices"}


def edit(tenant: Tenant, asked: Row) -> Row:
    """`{"entity", "id"}` with one or more of `set`, `line`, `delete_line`, `void`, `delete`.

    `who` is the name in a licence's history: a person, or another integration.
    """
    table, number = str(asked["entity"]), asked.get("id", 0)
    if table == "control":
        tenant.configure(asked["set"], {})
        return tenant.control
    if table not in TABLES:
        raise ValueError(f"unknown entity {table!r}; known: control, {', '.join(TABLES)}")
    row = tenant.get(table, number)
    if row is None:
        raise ValueError(f"{table} {number} does not exist")
    if asked.get("delete"):
        tenant.delete(table, number)
        return {"deleted": row["id"]}
    old, row = row, {**row, **asked.get("set", {})}
    if table == licences.TABLE:
        licences.log(tenant, old, row, who=str(asked.get("who", "a person")))
    if table not in DOCUMENTS:
        tenant.put(table, row)
        return row
    return _document(tenant, table, row, asked)


def _document(tenant: Tenant, table: str, row: Row, asked: Row) -> Row:
    if "delete_line" in asked:
        row = row | {"lines": [one for one in row["lines"] if one["id"] != asked["delete_line"]]}
    if asked.get("void"):
        row = row | {"voided": True}
    given: Any = asked.get("line", [])
    for line in given if isinstance(given, list) else [given]:
        row = row | {"lines": _with_line(tenant, row, line)}
    # What a person types stands, also where HaloPSA would have worked it out.
    saved = documents.save(tenant, table, row, "changed by a person") | asked.get("set", {})
    tenant.put(table, saved)
    if table == "invoices":
        xero.push(tenant, saved, None)
    return tenant.get(table, saved["id"]) or saved


def _with_line(tenant: Tenant, row: Row, line: Row) -> list[Row]:
    """With a known id the line is changed, else a new one is added."""
    known = [one for one in row["lines"] if one["id"] == line.get("id")]
    if not known:
        return line_sets.edited(tenant, row, line)
    return [
        priced(tenant, one | line, row, one) if one is known[0] else one for one in row["lines"]
    ]
