"""Who may do what: client credentials, scopes, the agent's rights and the rolling rate limit.

A token says itself who holds it and until when, so it outlives a restart of the sandbox.
"""

import asyncio
import base64
from collections import deque
from typing import Any

from sandbox.core import Call, Reply, dumps, json_reply, loads
from sandbox.halopsa.tenant import Tenant

TOKEN_SECONDS = 3600

AREAS = {
    "client": "customers",
    "site": "customers",
    "supplier": "suppliers",
    "item": "items",
    "invoice": "invoices",
    "recurringinvoice": "invoices",
    "invoicechange": "invoices",
    "clientcontract": "contracts",
    "softwarelicence": "softwarelicensing",
    "licencechange": "softwarelicensing",
}
"""The scope a route needs. Configuration routes need a right only; which scope is not published."""

ALL_SCOPES = {"all", "all:standard", "admin"}


class Access:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._calls: deque[float] = deque()  # moments of the answered calls of the rolling window

    async def token(self, call: Call) -> Reply:
        form = call.form()
        if form.get("grant_type") != "client_credentials":
            return json_reply({"error": "unsupported_grant_type"}, 400)
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if client_id == "bad" or not client_id or not secret:
            return json_reply({"error": "invalid_client"}, 401)
        asked = form.get("scope") or "all"
        denied = self._denied("missing_scopes", client_id)
        granted = [scope for scope in asked.split() if scope not in denied]
        seconds = int(self._tenant.settings.get("token_seconds", TOKEN_SECONDS))
        claims = {"client": client_id, "scope": granted, "at": repr(_now()), "seconds": seconds}
        return json_reply(
            {
                "access_token": base64.urlsafe_b64encode(dumps(claims)).decode(),
                "token_type": "Bearer",
                "expires_in": seconds,
                "refresh_token": "",
                "id_token": "",
                "scope": " ".join(granted),
            }
        )

    def check(self, call: Call) -> Reply | None:
        claims = _claims(call.headers.get("authorization", ""))
        if claims is None:
            return Reply(401)
        return self._over_limit() or self._forbidden(call, claims)

    def _over_limit(self) -> Reply | None:
        limit = self._tenant.settings.get("rate_limit")
        if not limit:
            return None
        now = _now()
        while self._calls and not 0 <= now - self._calls[0] < float(limit["seconds"]):
            self._calls.popleft()
        if len(self._calls) < int(limit["calls"]):
            self._calls.append(now)
            return None
        calls, seconds = limit["calls"], limit["seconds"]
        reply = json_reply(
            f"You have exceeded {calls} requests per rolling {seconds} seconds.", 429
        )
        if limit.get("retry_after") is not None:
            reply.headers["Retry-After"] = str(limit["retry_after"])
        return reply

    def _forbidden(self, call: Call, claims: dict[str, Any]) -> Reply | None:
        """403 without the scope or the right; 401 when it is missed on one record."""
        route = call.template.split("/")[1].lower()
        kind = "read" if call.method == "GET" else "edit"
        area = AREAS.get(route, "")
        scope, scopes = f"{kind}:{area}", set(claims["scope"])
        denied = self._denied("missing_scopes", claims["client"])
        if area and (scope in denied or not scopes & (ALL_SCOPES | {scope})):
            return json_reply({"error": f"insufficient_scope: {scope}"}, 403)
        rights = {name.lower() for name in self._denied("missing_rights", claims["client"])}
        names = {route, area, f"{kind}:{route}", scope} - {"", f"{kind}:"}
        if not rights & names:
            return None
        if kind == "edit" or not area:
            return json_reply({"error": f"The agent has no right to {kind} {route}."}, 403)
        return Reply(401) if "{id}" in call.template else None

    def _denied(self, setting: str, client_id: str) -> set[str]:
        """What is taken away from everybody, or from the agent behind one client id."""
        denied = set(self._tenant.settings.get(setting) or ())
        for agent in self._tenant.rows("agents"):
            if agent.get("client_id") in (None, client_id):
                denied |= set(agent.get(setting) or ())
        return denied


def _claims(header: str) -> dict[str, Any] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims = loads(base64.urlsafe_b64decode(token.encode()))
        age = _now() - float(claims["at"])
    except (ValueError, KeyError, TypeError):
        return None
    # A negative age: the token comes from another event loop, whose clock says nothing here.
    return claims if age < int(claims["seconds"]) else None


def _now() -> float:
    """The event loop's time, which a simulation may run ahead."""
    return asyncio.get_running_loop().time()
