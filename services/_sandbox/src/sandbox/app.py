"""The sandbox application: each vendor mounted under its name, the controls under /_sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import halopsa, huntress, pax8
from sandbox.core import Clock, State, Vendor, control_routes

type Build = Callable[[State, Clock, float], Vendor]


class Sandbox(Starlette):
    """Without Starlette's page for status 500: a broken connection must not become an answer."""

    vendors: dict[str, Vendor]
    clock: Clock

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router)

    def close(self) -> None:
        for vendor in self.vendors.values():
            vendor.front.state.close()


@dataclass
class _LowerCasePath:
    """HaloPSA and its like do not care how a path is written."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "path": scope["path"].lower()}, receive, send)


VENDORS: dict[str, Build] = {
    "pax8": pax8.build,
    "halopsa": halopsa.build,
    "huntress": huntress.build,
}


def build_app(
    folder: Path | None,
    *,
    today: date | None = None,
    latency_s: float = 0,
    vendors: dict[str, Build] | None = None,
) -> Sandbox:
    """One state file a vendor under `folder`; None keeps everything in memory."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(folder / "today" if folder else None, today)
    built: dict[str, Vendor] = {}
    for name, build in (VENDORS if vendors is None else vendors).items():
        state = State(folder / f"{name}.sqlite" if folder else None)
        built[name] = build(state, clock, latency_s)
    routes: list[BaseRoute] = [
        Route("/_sandbox/health", _health, methods=["GET"]),
        Route("/_sandbox/clock", _set_clock, methods=["POST"]),
    ]
    for name, vendor in built.items():
        routes.append(Mount(f"/_sandbox/{name}", routes=control_routes(vendor, clock)))
        mount = Mount(f"/{name}", routes=vendor.routes)
        routes.append(
            Mount(f"/{name}", app=_LowerCasePath(mount.app)) if vendor.ignores_path_case else mount
        )
    app = Sandbox(routes=routes)
    app.vendors, app.clock = built, clock
    return app


async def _health(request: Request) -> JSONResponse:
    app: Sandbox = request.app
    return JSONResponse(
        {"status": "ok", "vendors": sorted(app.vendors), "today": app.clock.today.isoformat()}
    )


async def _set_clock(request: Request) -> JSONResponse:
    app: Sandbox = request.app
    app.clock.set(date.fromisoformat((await request.json())["today"]))
    return JSONResponse({"today": app.clock.today.isoformat()})
