"""How Huntress answers: pages with tokens, objects under their name, errors in no fixed form."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sandbox.core import COMMON, Call, Reply, Row, dumps, json_reply, loads

KINDS = COMMON | {"repeated_row", "token_repeats", "url_without_token", "foreign_next_url"}
DEFAULT_LIMIT, MAX_LIMIT = 10, 500

_WORDS = {
    400: "There is an unexpected value in the request",
    401: "The request could not be authenticated",
    403: "The credentials lack a permission",
    404: "The requested resource is unavailable",
    429: "Too many requests within the rate limit timeframe",
    500: "An error has occurred",
}


class RefusedError(Exception):
    """A handler's way to answer with an error status."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status, self.message = status, message


def error_reply(settings: Mapping[str, Any], status: int, message: str = "") -> Reply:
    """No error body is declared: which one comes is a setting."""
    words = message or _WORDS[status]
    form = settings["error_form"]
    if form in {"text", "html"}:
        body = words if form == "text" else f"<html><body><h1>{words}</h1></body></html>"
        return Reply(status, body.encode(), "text/plain" if form == "text" else "text/html")
    bodies: dict[str, Any] = {
        "error": {"error": words},
        "errors": {"errors": [words]},
        "errors_map": {"errors": {"base": [words]}},
        "message": {"message": words},
    }
    return json_reply(bodies[form], status)


def page_reply(call: Call, settings: Mapping[str, Any], key: str, rows: list[Row]) -> Reply:
    """One page. The token says after which row the next one starts, so rows may come and go."""
    limit = _limit(call)
    field, downwards = _order(call, rows)
    ordered = sorted(rows, key=lambda row: _place(row, field), reverse=downwards)
    token = call.query.get("page_token")
    after = None if token is None else _opened(token, field, downwards=downwards)
    left = [row for row in ordered if after is None or _is_later(row, field, after, downwards)]
    content, rest = left[:limit], left[limit:]
    if after is not None and content and call.fault("repeated_row"):
        before = [row for row in ordered if row not in left]
        content = [*before[-1:], *content][:limit] if before else content
    if len(content) > 1 and (fault := call.fault("truncate_page")):
        content = content[: len(content) - int(fault.options.get("rows", 1))]
    if call.fault("page_cap_ignored"):
        content, rest = left, []
    return json_reply(
        {key: content, "pagination": _pagination(call, settings, field, (content, rest, ordered))}
    )


def _pagination(
    call: Call, settings: Mapping[str, Any], field: str, pages: tuple[list[Row], ...]
) -> Row:
    content, rest, ordered = pages
    extra: Row = {}
    if settings["legacy_paging"]:
        pages_in_all = -(-len(ordered) // _limit(call))
        extra = {"current_page": 1, "total_pages": pages_in_all, "total_count": len(ordered)}
        extra["limit"] = _limit(call)
    if not rest or not content:
        return extra | ({"next_page_token": None} if settings["last_page"] == "null" else {})
    _, downwards = _order(call, ordered)
    token = _sealed(content[-1], field, downwards=downwards)
    if call.fault("token_repeats"):
        token = call.query.get("page_token") or token
    host = call.headers.get("host", "sandbox")
    if call.fault("foreign_next_url"):
        host = "elsewhere.example"
    address = f"https://{host}/huntress/v1{call.path}?limit={_limit(call)}&page_token={token}"
    if call.fault("url_without_token"):
        return extra | {"next_page_url": address}
    return extra | {"next_page_token": token, "next_page_url": address}


def _limit(call: Call) -> int:
    asked = call.query.get("limit", str(DEFAULT_LIMIT))
    if not asked.isdecimal() or not 1 <= int(asked) <= MAX_LIMIT:
        raise RefusedError(400, f"limit must be between 1 and {MAX_LIMIT}")
    return int(asked)


def _order(call: Call, rows: list[Row]) -> tuple[str, bool]:
    """By id downwards unless told otherwise."""
    field, direction = (
        call.query.get("sort_field", "id"),
        call.query.get("sort_direction", "desc"),
    )
    if direction not in {"asc", "desc"} or (rows and field not in rows[0]):
        raise RefusedError(400, "sort_field or sort_direction does not have a valid value")
    return field, direction == "desc"


def _place(row: Row, field: str) -> tuple[Any, int]:
    return (row["id"] if field == "id" else str(row.get(field) or ""), int(row["id"]))


def _is_later(row: Row, field: str, after: tuple[Any, int], downwards: bool) -> bool:  # noqa: FBT001
    place = _place(row, field)
    return place < after if downwards else place > after


def _sealed(row: Row, field: str, *, downwards: bool) -> str:
    value, number = _place(row, field)
    return base64.urlsafe_b64encode(dumps([field, downwards, value, number])).decode()


def _opened(token: str, field: str, *, downwards: bool) -> tuple[Any, int]:
    try:
        of_field, of_direction, value, number = loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error):
        raise RefusedError(400, "page_token is not valid") from None
    if (of_field, of_direction) != (field, downwards):
        raise RefusedError(400, "page_token belongs to another order")
    return value, int(number)
