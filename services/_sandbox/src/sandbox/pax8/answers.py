"""How Pax8 answers: its error body, its page envelope, and the faults that spoil a page."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sandbox.core import COMMON, Call, Reply, Row, dumps, json_reply

KINDS = COMMON | {"changes_between_pages", "duplicate_row", "draft_timeout"}
DEFAULT_SIZE, MAX_SIZE = 10, 200

_TYPES = {
    400: ("BAD_REQUEST", "The request is malformed"),
    401: ("UNAUTHORIZED", "Unauthorized"),
    403: ("FORBIDDEN", "Access to this resource is not allowed"),
    404: ("NOT_FOUND", "Resource does not exist"),
    408: ("REQUEST_TIMEOUT", "The draft could not be computed in time"),
    422: ("UNPROCESSABLE_ENTITY", "The request can not be processed"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    500: ("INTERNAL_SERVER_ERROR", "Something went wrong"),
}


class RefusedError(Exception):
    """A handler's way to answer with an error status."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status, self.message = status, message


def error_reply(status: int, call: Call, message: str = "") -> Reply:
    kind, usual = _TYPES[status]
    body = {
        "type": kind,
        "message": message or usual,
        "instance": f"/v1{call.path}",
        "status": status,
        "details": [],
    }
    return json_reply(body, status)


def page_reply(call: Call, rows: list[Row]) -> Reply:
    """One page of `rows`, spoilt by whatever fault is due."""
    number, size = page_asked(call)
    several = len(rows) > size
    if several and number > 0 and (fault := call.fault("changes_between_pages")):
        rows = rows[1:] if fault.options.get("change") != "appears" else [_sibling(rows[0]), *rows]
    content = rows[number * size : (number + 1) * size]
    total = len(rows)
    if several and call.fault("page_cap_ignored"):
        content = rows
    if content and (fault := call.fault("duplicate_row")):
        displaces = bool(fault.options.get("displace")) and len(content) > 1
        content = [*(content[:-2] if displaces else content[:-1]), content[-1], content[-1]]
    if content and (fault := call.fault("truncate_page")):
        missing = min(int(fault.options.get("rows", 1)), len(content))
        content = content[: len(content) - missing]
        total -= missing if fault.options.get("consistent") else 0
    return envelope(dumps(content)[1:-1], number=number, size=size, total=total)


def envelope(content: bytes, *, number: int, size: int, total: int) -> Reply:
    """`content` is the rows' JSON without brackets; without rows the key is not there at all."""
    page = dumps(
        {"size": size, "totalElements": total, "totalPages": -(-total // size), "number": number}
    )
    rows = b'"content":[' + content + b"]," if content else b""
    return Reply(body=b"{" + rows + b'"page":' + page + b"}")


def page_asked(call: Call) -> tuple[int, int]:
    number, size = _whole(call, "page", 0, 0), _whole(call, "size", DEFAULT_SIZE, 1)
    if size > MAX_SIZE:
        raise RefusedError(422, f"size must be at most {MAX_SIZE}")
    return number, size


def filtered(call: Call, rows: list[Row], *names: str) -> list[Row]:
    """Rows whose field equals the query parameter of that name; numbers by value, texts exactly."""
    for name in names:
        if (wanted := call.query.get(name)) is not None:
            rows = [row for row in rows if _equal(row.get(name), wanted)]
    return rows


def in_order(call: Call, rows: list[Row], *names: str) -> list[Row]:
    """Sorted by `sort=field,direction`; absent values first. Unsorted lists keep the load order."""
    asked = call.query.get("sort")
    if not asked:
        return rows
    name, _, direction = asked.partition(",")
    if name not in names or direction.lower() not in {"", "asc", "desc"}:
        raise RefusedError(422, f"sort is one of {', '.join(names)} with asc or desc")

    def key(row: Row) -> tuple[bool, Any]:
        value = row.get(name)
        if isinstance(value, dict):
            value = None
        return (value is not None, value if value is not None else 0)

    return sorted(rows, key=key, reverse=direction.lower() == "desc")


def day_asked(call: Call, name: str) -> str | None:
    """A yyyy-MM-dd parameter as text, which sorts as the date does."""
    value = call.query.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise RefusedError(400, f"{name} must be yyyy-MM-dd")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as wrong:
        raise RefusedError(400, f"{name} must be yyyy-MM-dd") from wrong


def _sibling(row: Row) -> Row:
    return {**row, "id": str(uuid5(NAMESPACE_OID, f"{row.get('id')} again"))}


def _whole(call: Call, name: str, default: int, least: int) -> int:
    value = call.query.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"-?\d+", value):
        raise RefusedError(400, f"{name} must be a number")
    if int(value) < least:
        raise RefusedError(422, f"{name} must be at least {least}")
    return int(value)


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, int | Decimal):
        try:
            return value == Decimal(wanted)
        except InvalidOperation:
            return False
    return bool(value == wanted)
