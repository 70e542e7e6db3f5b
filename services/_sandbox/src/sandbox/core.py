"""Shared plumbing of the vendor sandboxes: counted calls, faults at the door, control routes.

A vendor's module writes handlers `async def h(call: Call) -> Reply` and mounts them with
`Front.route`. A handler reads and writes the state without awaiting in between, so one request is
one atomic change; its rows are committed before the answer leaves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import (
    AFTER,
    BEFORE,
    COMMON,
    ConnectionBroken,
    ConnectionReset,
    Fault,
    Faults,
    LostAnswer,
    UnknownFaultError,
)
from sandbox.state import Clock, Row, State
from sandbox.wire import dumps, loads

__all__ = [
    "COMMON",
    "Call",
    "Clock",
    "ConnectionBroken",
    "ConnectionReset",
    "Fault",
    "Faults",
    "Front",
    "LostAnswer",
    "Reply",
    "Row",
    "State",
    "UnknownFaultError",
    "Vendor",
    "control_routes",
    "dumps",
    "json_reply",
    "loads",
]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=dumps(value))


@dataclass
class Call:
    """One request, read whole. `path` and `template` are without mount prefix and API base."""

    method: str
    path: str
    template: str
    params: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    faults: Faults

    def json(self) -> Any:
        """Raises ValueError when the body is not JSON."""
        return loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def fault(self, kind: str) -> Fault | None:
        """The due fault of that kind, if any; it counts as fired, so ask only where it can act."""
        return self.faults.take({kind}, self.method, self.path, self.template)


REFUSED = frozenset({401, 403, 429})  # statuses of calls that are turned away at the door

type Handler = Callable[[Call], Awaitable[Reply]]
type Check = Callable[[Call], Reply | None]
type ErrorBody = Callable[[int, Call], Reply]  # a vendor's body for a status


class Front:
    """The door of one vendor: counts a call, then lets faults, sign-in and the handler have it."""

    def __init__(
        self,
        state: State,
        faults: Faults,
        *,
        error: ErrorBody,
        check: Check,
        latency_s: float = 0,
    ) -> None:
        self.state, self.faults = state, faults
        self.latency_s = latency_s
        self._error, self._check = error, check

    def route(
        self, method: str, base: str, template: str, handler: Handler, *, signed_in: bool = True
    ) -> Route:
        """`base + template` is mounted, `template` is what is counted.

        Without sign-in (token endpoints) a fault hits only when its path says so.
        """

        async def endpoint(request: Request) -> Response:
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            call = Call(
                method=request.method,
                path=path[len(base) :],
                template=template,
                params={name: str(value) for name, value in request.path_params.items()},
                query=dict(request.query_params),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.body(),
                faults=self.faults,
            )
            try:
                reply = await self._answer(call, handler, signed_in=signed_in)
                if reply.status in REFUSED:
                    self._count("_refused", f"{method} {template}")
            finally:
                self.state.commit()
            return Response(reply.body, reply.status, reply.headers, reply.media_type)

        route = Route(base + template, endpoint, methods=[method])
        # Starlette adds HEAD to GET; a vendor's counters should not see both as one.
        route.methods = {method}
        return route

    async def _answer(self, call: Call, handler: Handler, *, signed_in: bool) -> Reply:
        self._count("_calls", f"{call.method} {call.template}")
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        fault = self._take(BEFORE, call, signed_in=signed_in)
        if fault is not None and fault.kind == "reset":
            raise ConnectionReset
        if fault is not None and not fault.options.get("commit"):
            spoilt = await self._spoil(fault, call)
            if spoilt is not None:
                return spoilt
        refused = self._check(call) if signed_in else None
        reply = refused or await handler(call)
        if fault is not None and fault.options.get("commit"):
            self.state.commit()
            reply = await self._spoil(fault, call) or reply
        if reply.status < 400:
            fault = self._take(AFTER, call, signed_in=signed_in)
            if fault is not None and fault.kind == "lost_answer":
                raise LostAnswer
            if fault is not None:
                reply.body = reply.body[: max(1, len(reply.body) // 2)]
        return reply

    def _take(self, kinds: frozenset[str], call: Call, *, signed_in: bool) -> Fault | None:
        if signed_in:
            return self.faults.take(kinds, call.method, call.path, call.template)
        named = {fault["path"].lower() for fault in self.faults.pending()}
        if not named & {call.path.lower(), call.template.lower()}:
            return None
        return self.faults.take(kinds, call.method, call.path, call.template)

    async def _spoil(self, fault: Fault, call: Call) -> Reply | None:
        options = fault.options
        if fault.kind == "slow":
            await asyncio.sleep(float(options.get("seconds", 1)))
            return None
        if fault.kind == "html":
            page = b"<html><body><h1>Bad gateway</h1></body></html>"
            return Reply(int(options.get("status", 502)), page, "text/html")
        if fault.kind == "empty_500":
            return Reply(500)
        status = {"error_500": 500, "rate_limit": 429, "unauthorized": 401, "forbidden": 403}
        reply = self._error(status[fault.kind], call)
        if "retry_after" in options:
            reply.headers["Retry-After"] = str(options["retry_after"])
        return reply

    def _count(self, table: str, name: str) -> None:
        count = int((self.state.get(table, name) or {"n": 0})["n"])
        self.state.put(table, name, {"n": count + 1})

    def calls(self) -> dict[str, int]:
        """By method and path, answered or not."""
        return self._counted("_calls")

    def refused(self) -> dict[str, int]:
        """Those of them that were turned away: by the rate limit, or without a right."""
        return self._counted("_refused")

    def _counted(self, table: str) -> dict[str, int]:
        names, rows = self.state.keys(table), self.state.rows(table)
        return {name: int(row["n"]) for name, row in zip(names, rows, strict=True)}


@dataclass
class Vendor:
    """One vendor's sandbox. `load` merges by id or replaces all; it returns rows taken by key."""

    name: str
    front: Front
    routes: list[Route]  # relative to /<name>
    load: Callable[[dict[str, Any], bool], dict[str, int]]
    entities: Callable[[], dict[str, Any]]
    controls: list[Route] = field(default_factory=list)  # relative to /_sandbox/<name>
    ignores_path_case: bool = False  # its routes are then written in lower case


def control_routes(vendor: Vendor, clock: Clock) -> list[Route]:
    """load, faults, state, reset_calls and settings of one vendor, relative to /_sandbox/<name>."""
    front = vendor.front

    def answer(value: Any, status: int = 200) -> Response:
        front.state.commit()
        return Response(dumps(value), status, media_type="application/json")

    async def load(request: Request) -> Response:
        replace = request.query_params.get("replace", "").lower() in {"1", "true", "yes"}
        payload = loads(await request.body())
        if not isinstance(payload, dict):
            return answer({"error": "a load is an object of lists"}, 422)
        try:
            return answer(vendor.load(payload, replace))
        except (KeyError, ValueError) as failed:
            return answer({"error": f"{type(failed).__name__}: {failed}"}, 422)

    async def add_faults(request: Request) -> Response:
        payload = loads(await request.body())
        if isinstance(payload, dict) and "latency_s" in payload:
            front.latency_s = float(payload.pop("latency_s"))
            if not payload:
                return answer({"latency_s": str(front.latency_s)})
        try:
            added = front.faults.add(payload)
        except UnknownFaultError as unknown:
            return answer({"error": str(unknown), "kinds": sorted(front.faults.kinds)}, 422)
        return answer({"added": added, "pending": front.faults.pending()})

    async def clear_faults(_: Request) -> Response:
        front.faults.clear()
        return answer({"pending": []})

    async def state(_: Request) -> Response:
        faults = {"pending": front.faults.pending(), "fired": front.faults.fired()}
        counted = {"calls": front.calls(), "refused": front.refused()}
        return answer({"entities": vendor.entities(), **counted, "faults": faults})

    async def reset_calls(_: Request) -> Response:
        front.state.clear("_calls")
        front.state.clear("_refused")
        return answer({"calls": {}})

    async def settings(request: Request) -> Response:
        asked = loads(await request.body())
        front.latency_s = float(asked.get("latency_s", front.latency_s))
        if "today" in asked:
            clock.set(date.fromisoformat(asked["today"]))
        return answer({"latency_s": front.latency_s, "today": clock.today.isoformat()})

    return [
        Route("/load", load, methods=["POST"]),
        Route("/faults", add_faults, methods=["POST"]),
        Route("/faults", clear_faults, methods=["DELETE"]),
        Route("/state", state, methods=["GET"]),
        Route("/reset_calls", reset_calls, methods=["POST"]),
        Route("/settings", settings, methods=["POST"]),
        *vendor.controls,
    ]
