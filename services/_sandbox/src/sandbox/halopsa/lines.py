"""Lines of invoices and recurring invoices: how a sent line becomes a stored one."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sandbox.halopsa.amounts import priced
from sandbox.halopsa.fields import COMPUTED, LINE, LINE_DEFAULTS, QUANTITY, Row, stored
from sandbox.halopsa.tenant import Tenant, as_number

VARIABLE = re.compile(r"\$[A-Za-z]\w*")
TEXTS = ("item_shortdescription", "item_longdescription")
WRITABLE = LINE - COMPUTED - {"id", "ihid"}


def replaced(tenant: Tenant, header: Row, sent: Iterable[Row]) -> list[Row]:
    """The new set of lines: HaloPSA merges nothing. A line left out is gone, and a column left
    out of a line that stays falls back to its default."""
    old = {int(line["id"]): line for line in header.get("lines", ())}
    result: list[Row] = []
    for position, line in enumerate(sent, 1):
        known = old.pop(int(as_number(line.get("id")) or 0), None)
        result.append(_line(tenant, header, stored(line, WRITABLE), known, position))
    return result


def edited(tenant: Tenant, header: Row, line: Row) -> list[Row]:
    """One line changed (its id is known) or added; columns left out are kept."""
    lines: list[Row] = list(header["lines"])
    wanted = int(as_number(line.get("id")) or 0)
    sent = stored(line, WRITABLE)
    for index, old in enumerate(lines):
        if int(old["id"]) == wanted:
            kept = {name: value for name, value in old.items() if name not in COMPUTED}
            lines[index] = _line(tenant, header, kept | sent, old, index + 1)
            return lines
    return [*lines, _line(tenant, header, sent, None, len(lines) + 1)]


def loaded(tenant: Tenant, header: Row, given: Sequence[Row]) -> list[Row]:
    """Lines of a load: ids and numerals stay as given, what is missing is filled."""
    for line in given:
        if as_number(line.get("id")) is not None:
            tenant.seen_id("lines", int(line["id"]))
    result: list[Row] = []
    for position, line in enumerate(given, 1):
        identity = as_number(line.get("id"))
        full = {
            **LINE_DEFAULTS,
            "sequenceid": position,
            **line,
            "id": tenant.new_id("lines") if identity is None else int(identity),
            "ihid": header["id"],
        }
        full["item_code"] = full["item_code"] or _item_code(full)
        full["quantity_licences"] = _quantities(tenant, full, loading=True)
        result.append(priced(tenant, full, header) | line | _ids(full))
    return result


def copied(tenant: Tenant, header: Row, line: Row) -> Row:
    """A recurring line on the invoice made from it: all it says, under an id of its own.

    Words that start with a dollar sign are variables to HaloPSA; one it does not know is gone.
    """
    texts = {name: VARIABLE.sub("", str(line.get(name) or "")) for name in TEXTS}
    own: Row = (
        line
        | texts
        | {
            "id": tenant.new_id("lines"),
            "ihid": header["id"],
            "xero_lineid": "",
            "recurring_invoice_quantity_type": 0,
            "quantity_licences": [],
        }
    )
    return priced(tenant, own, header)


def _line(tenant: Tenant, header: Row, sent: Row, old: Row | None, position: int) -> Row:
    line = {
        **LINE_DEFAULTS,
        "sequenceid": position,
        **sent,
        "id": old["id"] if old else tenant.new_id("lines"),
        "ihid": header["id"],
        "xero_lineid": old.get("xero_lineid", "") if old else "",
    }
    line["item_code"] = line["item_code"] or _item_code(line)
    if not line["item_shortdescription"]:
        item = tenant.get("items", line["_itemid"]) or {}
        line["item_shortdescription"] = item.get("name", "")
    line["quantity_licences"] = _quantities(tenant, line, loading=False)
    return priced(tenant, line, header, old)


def _item_code(line: Row) -> str:
    number = as_number(line.get("_itemid"))
    return str(int(number)) if number else ""


def _ids(line: Row) -> Row:
    return {name: line[name] for name in ("id", "ihid", "item_code", "quantity_licences")}


def _quantities(tenant: Tenant, line: Row, *, loading: bool) -> list[Any]:
    links: list[Row] = []
    for link in line.get("quantity_licences") or ():
        kept = dict(link) if loading else stored(link, QUANTITY)
        identity = as_number(kept.get("id"))
        if identity is not None:
            tenant.seen_id("quantities", int(identity))
        own = int(identity) if identity else tenant.new_id("quantities")
        links.append({"kind": 1, **kept, "id": own, "invoice_line_id": line["id"]})
    return links
