"""Invoices made from recurring invoices: what is due, how often, and with which quantities."""

from collections.abc import Iterable
from datetime import date, timedelta

from sandbox.halopsa import documents, prorata, xero
from sandbox.halopsa import lines as line_sets
from sandbox.halopsa.answers import invalid, missing
from sandbox.halopsa.fields import EMPTY_DATE, INVOICE, READ_ONLY, Row
from sandbox.halopsa.tenant import Tenant, as_number, day_of, midnight, months_later

MONTHS = {2: 1, 3: 12, 4: 3, 5: 6, 7: 36, 8: 24, 9: 48}
WEEK = 1
OVERDUE_MAX = 60
READY = "_ready_lines"  # pro-rata lines that wait for the next creation of invoices

NOT_COPIED = READ_ONLY | {
    "id",
    "invoice_date",
    "duedate",
    "thirdpartyinvoicenumber",
    "xeroid",
    "posted",
    "dateposted",
    "approval_status",
    "paymentstatus",
    "lines",
    "period_start_date",
    "period_end_date",
}


def due(tenant: Tenant, until: date) -> list[Row]:
    """Recurring invoices whose creation date has come, the oldest id (nearest to zero) first."""
    found = [row for row in tenant.rows("recurring_invoices") if _is_due(row, until)]
    return sorted(found, key=lambda row: -int(row["id"]))


def create_due(tenant: Tenant, until: date) -> list[Row]:
    """Every invoice that is due, several of one recurring invoice when it has fallen behind."""
    created = _create_ready(tenant)
    for waiting in due(tenant, until):
        row = waiting
        for _ in range(OVERDUE_MAX):
            if not _is_due(row, until):
                break
            created.append(create(tenant, row))
            row = tenant.get("recurring_invoices", row["id"]) or {}
    return created


def process(tenant: Tenant, ids: Iterable[int]) -> list[Row]:
    """The API's way to create now, due or not; all are there or none is made."""
    rows = []
    for number in ids:
        row = tenant.get("recurring_invoices", number)
        if row is None:
            raise missing("recurring invoice")
        if row.get("disabled"):
            raise invalid("This recurring invoice is disabled.")
        _following(row, tenant.clock.today)  # an unknown period is refused before anything is made
        rows.append(row)
    return [create(tenant, row) for row in rows]


def create(tenant: Tenant, source: Row) -> Row:
    """One real invoice; licence counts are read now, and the next creation date moves on."""
    planned = day_of(source.get("nextcreationdate"))
    issued = planned or tenant.clock.today
    following = _following(source, issued)
    billed: list[Row] = []
    for line in source["lines"]:
        counted = prorata.quantity(tenant, source, line)
        billed.append(line if counted is None else line | {"qty_order": counted})
        billed += prorata.shares(tenant, source, line, issued)
    header = _header(tenant, source, issued, following)
    header["lines"] = [line_sets.copied(tenant, header, line) for line in billed]
    prorata.counted(tenant, source)
    _move_on(tenant, source, header, following if planned else None)
    return _saved(tenant, header)


def licence_changed(tenant: Tenant, change: Row) -> None:
    """Where a link wants a change billed at once, or made ready to be billed."""
    for source in tenant.rows("recurring_invoices"):
        last = day_of(source.get("lastcreated"))
        following = day_of(source.get("nextcreationdate"))
        if source.get("disabled") or last is None or following is None:
            continue
        for line in source["lines"]:
            for link in prorata.links_of(line):
                if as_number(link.get("licence_id")) != as_number(change["licence_id"]):
                    continue
                part = prorata.part(line, link, change, (last, following))
                if part is not None and prorata.choice(link) == prorata.AT_ONCE:
                    _create_parts(tenant, source, [part])
                elif part is not None and prorata.choice(link) == prorata.READY:
                    number = tenant.state.next_number("ready_lines")
                    row = {"source": source["id"], "line": part}
                    tenant.state.put(READY, str(number), row)


def _create_ready(tenant: Tenant) -> list[Row]:
    """One invoice for each recurring invoice that has lines waiting."""
    waiting: dict[int, list[Row]] = {}
    for row in tenant.state.rows(READY):
        waiting.setdefault(int(row["source"]), []).append(row["line"])
    tenant.state.clear(READY)
    sources = {number: tenant.get("recurring_invoices", number) for number in waiting}
    return [
        _create_parts(tenant, source, waiting[number])
        for number, source in sources.items()
        if source is not None
    ]


def _create_parts(tenant: Tenant, source: Row, parts: list[Row]) -> Row:
    following = day_of(source.get("nextcreationdate")) or tenant.clock.today
    header = _header(tenant, source, tenant.clock.today, following)
    header["lines"] = [line_sets.copied(tenant, header, line) for line in parts]
    return _saved(tenant, header)


def _header(tenant: Tenant, source: Row, issued: date, following: date) -> Row:
    kept = {
        name: value
        for name, value in source.items()
        if name in INVOICE and name not in NOT_COPIED and name != "client_id"
    }
    return documents.loaded(
        tenant,
        "invoices",
        kept
        | {
            "client_id": _bill_to(tenant, source),
            "invoice_date": midnight(issued),
            "recurring_invoice_id": source["id"],
            "period_start_date": midnight(issued),
            "period_end_date": midnight(following - timedelta(days=1)),
            "creation_source": 1,
        },
    )


def _saved(tenant: Tenant, header: Row) -> Row:
    created = documents.save(tenant, "invoices", header, "created by schedule")
    created = documents.mailed(tenant, created, "autosendemailforautorinvoices")
    xero.push(tenant, created, None)
    return created


def _is_due(row: Row, until: date) -> bool:
    planned, last = day_of(row.get("nextcreationdate")), day_of(row.get("enddate"))
    if not row or row.get("disabled") or planned is None:
        return False
    return planned <= until and (last is None or planned <= last)


def _bill_to(tenant: Tenant, source: Row) -> int:
    client = tenant.get("clients", source.get("client_id")) or {}
    other = as_number(client.get("client_to_invoice_recurring"))
    return int(other) if other and other > 0 else int(source["client_id"])


def _following(source: Row, day: date) -> date:
    period = int(as_number(source.get("period")) or 0)
    if period == WEEK:
        return day + timedelta(days=7)
    if period not in MONTHS:
        raise invalid(f"Unknown period {period} on recurring invoice {source['id']}.")
    start = day_of(source.get("startdate")) or day
    anchor = start.day if start.day > day.day else day.day
    return months_later(day, MONTHS[period], anchor)


def _move_on(tenant: Tenant, source: Row, created: Row, following: date | None) -> None:
    """Lines marked to bill once have done so and go."""
    row = source | {
        "lines": [line for line in source["lines"] if not line.get("onetimecharge")],
        "lastcreated": created["invoice_date"],
        "nextcreationdate": midnight(following) if following else source["nextcreationdate"],
    }
    if isinstance(row.get("schedule"), dict):
        row["schedule"] = row["schedule"] | {
            "nextcreationdate": row["nextcreationdate"] or EMPTY_DATE,
            "lastcreated": row["lastcreated"],
            "invoice_id": created["id"],
        }
    documents.save(tenant, "recurring_invoices", row, "moved on")
