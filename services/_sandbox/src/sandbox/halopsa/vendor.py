"""The HaloPSA sandbox put together: routes, load, state and the controls of its own."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core import Call, Clock, Faults, Front, Reply, State, Vendor, dumps, json_reply, loads
from sandbox.faults import COMMON
from sandbox.halopsa import documents, person, recurring, registers, write_faults
from sandbox.halopsa.access import Access
from sandbox.halopsa.answers import Refused
from sandbox.halopsa.endpoints import API, Endpoints, discovery, specification
from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import TABLES, Tenant

KINDS = COMMON | write_faults.KINDS | {"xero_error", "xero_late", "stale_list"}
OWN_TABLES = (
    "_settings",
    "_hidden",
    "_xero_waiting",
    "_changes",
    "_licence_changes",
    "_counted",
    "_ready_lines",
)


def build(state: State, clock: Clock, latency_s: float = 0) -> Vendor:
    tenant = Tenant(state, clock)
    access = Access(tenant)
    front = Front(
        state, Faults(state, KINDS), error=_error, check=access.check, latency_s=latency_s
    )

    def route(method: str, base: str, template: str, handler: Any, *, open_to_all: bool) -> Route:
        made = front.route(method, base, template, handler, signed_in=not open_to_all)
        # Paths arrive in lower case, calls are counted under the name as documented.
        plain = Route((base + template).lower(), made.endpoint, methods=[method])
        plain.methods = {method}
        return plain

    endpoints = Endpoints(tenant)
    table = endpoints.table()
    routes = [
        route("POST", "", "/auth/token", access.token, open_to_all=True),
        route("GET", API, "/authinfo", discovery, open_to_all=True),
        route("GET", API, "/swagger/v2/swagger.json", specification(table), open_to_all=True),
        *(route(method, API, path, handler, open_to_all=False) for method, path, handler in table),
    ]
    return Vendor(
        name="halopsa",
        front=front,
        routes=routes,
        load=lambda payload, replace: load(tenant, payload, replace=replace),
        entities=lambda: entities(tenant),
        controls=_controls(tenant),
        ignores_path_case=True,
    )


def load(tenant: Tenant, payload: Row, *, replace: bool) -> dict[str, int]:
    """The load shape's keys; a missing one is empty. Rows keep their ids and their numerals."""
    unknown = sorted(payload.keys() - {*TABLES, "control", "settings"})
    if unknown:
        raise ValueError(f"unknown keys {unknown}; known: {['control', 'settings', *TABLES]}")
    if replace:
        tenant.state.clear_entities()
        for own in OWN_TABLES:
            tenant.state.clear(own)
    tenant.configure(payload.get("control") or {}, payload.get("settings") or {})
    counts: dict[str, int] = {}
    for name in TABLES:
        rows: Iterable[Row] = payload.get(name) or []
        take: Callable[[Tenant, str, Row], Row] = (
            documents.loaded if name in person.DOCUMENTS else registers.loaded
        )
        counts[name] = len([take(tenant, name, row) for row in rows])
    return counts


def entities(tenant: Tenant) -> dict[str, Any]:
    """The load shape again, every record whole: it can be loaded elsewhere."""
    tables: dict[str, Any] = {name: tenant.rows(name) for name in TABLES}
    return tables | {"control": tenant.control | tenant.settings}


def _controls(tenant: Tenant) -> list[Route]:
    def answer(value: Any, status: int = 200) -> Response:
        tenant.state.commit()
        return Response(dumps(value), status, media_type="application/json")

    async def create_due(request: Request) -> Response:
        asked = loads(await request.body() or b"{}")
        until = date.fromisoformat(asked["date"]) if "date" in asked else tenant.clock.today
        try:
            created = recurring.create_due(tenant, until)
        except Refused as refused:
            return answer({"error": refused.body}, 422)
        return answer({"created": [row["id"] for row in created], "invoices": created})

    async def edit(request: Request) -> Response:
        try:
            return answer(person.edit(tenant, loads(await request.body())))
        except (KeyError, ValueError) as failed:
            return answer({"error": f"{type(failed).__name__}: {failed}"}, 422)

    return [
        Route("/create_due", create_due, methods=["POST"]),
        Route("/edit", edit, methods=["POST"]),
    ]


def _error(status: int, _: Call) -> Reply:
    """The bodies are as poor as the vendor's."""
    if status == 429:
        return json_reply("You have exceeded 300 requests per rolling 5 minutes.", 429)
    if status >= 500:
        return json_reply(
            {"ClassName": "System.Exception", "Message": "An error occurred."}, status
        )
    return Reply(status) if status == 401 else json_reply({"error": "forbidden"}, status)
