"""The only wiring of the REST application."""

from __future__ import annotations

from fastapi import FastAPI

from gateway.rest import (
    problems,
    routes_connections,
    routes_counts,
    routes_events,
    routes_explain,
    routes_following,
    routes_incoming,
    routes_mappings,
    routes_oidc,
    routes_parked,
    routes_passkeys,
    routes_people,
    routes_ready,
    routes_runs,
    routes_settings,
    routes_setup,
    routes_signin,
    routes_statements,
    routes_tenants,
    routes_webhooks,
)
from gateway.rest.api import Api
from gateway.rest.hardening import Hardening
from gateway.rest.measured import Measured
from gateway.rest.rates import Limited

ROUTERS = (
    routes_tenants.router,
    routes_connections.router,
    routes_settings.router,
    routes_setup.router,
    routes_mappings.router,
    routes_runs.router,
    routes_ready.router,
    routes_parked.router,
    routes_explain.router,
    routes_statements.router,
    routes_counts.router,
    routes_events.router,
    routes_webhooks.router,
    routes_incoming.router,
    routes_incoming.door,
    routes_following.router,
    routes_people.router,
    routes_signin.router,
    routes_passkeys.router,
    routes_oidc.router,
)


def build(api: Api) -> FastAPI:
    """OpenAPI 3.1 at /v1/openapi.json."""
    app = FastAPI(
        title="Chargeline",
        version="1",
        summary="Distributor charges into customer invoices, proved to the cent.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the address that it leads to would be the caller's to choose
        separate_input_output_schemas=False,
        responses=problems.RESPONSES,
    )
    app.state.api = api
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.add_middleware(Limited, rates=api.rates)
    app.add_middleware(Hardening)
    app.add_middleware(Measured)
    return app
