"""The Huntress sandbox put together: routes, load, state and the controls of its own."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core import Call, Clock, Faults, Front, Reply, State, Vendor, dumps, loads
from sandbox.huntress.access import Access
from sandbox.huntress.answers import KINDS, error_reply
from sandbox.huntress.endpoints import Endpoints
from sandbox.huntress.tenant import Tenant, entities, load

API = "/v1"


def build(state: State, clock: Clock, latency_s: float = 0) -> Vendor:
    tenant = Tenant(state, clock)
    access = Access(tenant)

    def error(status: int, _: Call) -> Reply:
        return error_reply(tenant.settings, status)

    front = Front(state, Faults(state, KINDS), error=error, check=access.check, latency_s=latency_s)
    table = Endpoints(tenant, access).by_template()
    return Vendor(
        name="huntress",
        front=front,
        routes=[front.route("GET", API, path, handler) for path, handler in table.items()],
        load=lambda payload, replace: load(tenant, payload, replace=replace),
        entities=lambda: entities(tenant),
        controls=[Route("/counts", _counts(tenant), methods=["POST"])],
    )


def _counts(tenant: Tenant) -> Any:
    """One change or a list of them: see `Tenant.change`."""

    async def counts(request: Request) -> Response:
        asked = loads(await request.body())
        try:
            made = [tenant.change(one) for one in (asked if isinstance(asked, list) else [asked])]
        except (KeyError, ValueError) as failed:
            text = {"error": f"{type(failed).__name__}: {failed}"}
            return Response(dumps(text), 422, media_type="application/json")
        tenant.state.commit()
        return Response(dumps({"changed": made}), media_type="application/json")

    return counts
