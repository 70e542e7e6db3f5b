"""The Pax8 sandbox put together: its tables, what loads into them, sign-in and routes.

Tables: companies, products, subscriptions, invoices by id; `items/<invoice id>` and draft_items by
position, because items may come without ids or with equal ones.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core import (
    Call,
    Clock,
    Faults,
    Front,
    Reply,
    Row,
    State,
    Vendor,
    dumps,
    json_reply,
    loads,
)
from sandbox.generate import generate_large
from sandbox.pax8.answers import KINDS, error_reply
from sandbox.pax8.endpoints import Endpoints

BY_ID = ("companies", "products", "subscriptions")
# Not in the load shape proper, but taken when given: the endpoints beside the billing ones.
EXTRAS = ("contacts", "pricing", "orders", "usage_summaries", "usage_lines", "history")
AUDIENCES = {
    "https://api.pax8.com",
    "api://p8p.client",
    "api://provisioning",
    "api://usage",
}


def build(state: State, clock: Clock, latency_s: float = 0) -> Vendor:
    faults = Faults(state, KINDS)

    def check(call: Call) -> Reply | None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and state.get("_tokens", token) is not None
        return None if known else error_reply(401, call)

    front = Front(state, faults, error=error_reply, check=check, latency_s=latency_s)
    endpoints = Endpoints(state, clock)
    routes = [
        front.route("POST", "/v1", "/token", _token(state), signed_in=False),
        *[
            front.route("GET", "/v1", template, handler)
            for template, handler in endpoints.by_template().items()
        ],
    ]
    return Vendor(
        name="pax8",
        front=front,
        routes=routes,
        load=lambda payload, replace: load(state, payload, replace=replace),
        entities=lambda: entities(state),
        controls=[Route("/load_large", _load_large(state), methods=["POST"])],
    )


def load(state: State, payload: dict[str, Any], *, replace: bool) -> dict[str, int]:
    """Adds to what is there; a known id is replaced, an invoice together with its items."""
    known = {*BY_ID, *EXTRAS, "invoices", "draft_items"}
    if unknown := set(payload) - known:
        raise ValueError(f"unknown keys {sorted(unknown)}; known: {sorted(known)}")
    for name in BY_ID:
        for row in payload.get(name, []):
            _ = row["id"]
    for document in payload.get("invoices", []):
        _ = document["invoice"]["id"]
    if replace:
        state.clear_entities()
    for name in BY_ID:
        for row in payload.get(name, []):
            state.put(name, row["id"], row)
    for document in payload.get("invoices", []):
        invoice_id = document["invoice"]["id"]
        state.put("invoices", invoice_id, document["invoice"])
        state.clear(f"items/{invoice_id}")
        state.delete("_large", invoice_id)
        _append(state, f"items/{invoice_id}", document.get("items", []))
    for name in ("draft_items", *EXTRAS):
        _append(state, name, payload.get(name, []))
    return {name: len(rows) for name, rows in payload.items()}


def entities(state: State) -> dict[str, Any]:
    """In the load shape: what is answered here loads into another sandbox."""
    found: dict[str, Any] = {name: state.rows(name) for name in BY_ID}
    found["invoices"] = [
        {"invoice": invoice, "items": state.rows(f"items/{invoice['id']}")}
        for invoice in state.rows("invoices")
    ]
    found["draft_items"] = state.rows("draft_items")
    return found | {name: rows for name in EXTRAS if (rows := state.rows(name))}


def _load_large(state: State) -> Any:
    """{"clients": 400, "lines_per_client": 500}: a document served by arithmetic, not held."""

    async def load_large(request: Request) -> Response:
        asked = loads(await request.body())
        document = generate_large(int(asked["clients"]), int(asked["lines_per_client"]))
        load(
            state, document.pax8() | {"invoices": [{"invoice": document.invoice()}]}, replace=False
        )
        sizes = {"clients": document.clients, "lines_per_client": document.lines_per_client}
        state.put("_large", document.invoice_id, sizes)
        state.commit()
        answer = {"invoice": document.invoice_id, "lines": document.count}
        return Response(dumps(answer), media_type="application/json")

    return load_large


def _append(state: State, table: str, rows: list[Row]) -> None:
    start = len(state.keys(table))
    for position, row in enumerate(rows, start):
        state.put(table, str(position), row)


def _token(state: State) -> Any:
    async def token(call: Call) -> Reply:
        try:
            asked = call.json()
        except ValueError:
            return error_reply(400, call, "The body is not JSON")
        names = ("client_id", "client_secret", "audience", "grant_type")
        given = [str(asked.get(name) or "") for name in names] if isinstance(asked, dict) else [""]
        refused = (
            not all(given)
            or given[0] == "bad"
            or given[2] not in AUDIENCES
            or given[3] != "client_credentials"
        )
        if refused:
            # The one error of the API that does not have the usual body.
            odd = {"error": "access_denied", "error_description": "Unauthorized"}
            return json_reply(odd, 401)
        name = f"pax8-sandbox-{state.next_number('token')}"
        state.put("_tokens", name, {"client_id": given[0]})
        return json_reply({"access_token": name, "expires_in": 86400, "token_type": "Bearer"})

    return token
