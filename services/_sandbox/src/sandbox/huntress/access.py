"""Whose key it is, and the account's limit: 60 calls in any 60 seconds, whichever key they use."""

import asyncio
import base64
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from sandbox.core import Call, Reply, Row
from sandbox.huntress.answers import error_reply
from sandbox.huntress.tenant import KEYS, Tenant

ANYBODY = "*"  # as the public key of a loaded one


@dataclass(frozen=True)
class Caller:
    """`account` None: a reseller's key."""

    kind: str
    account: Any


class Access:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._calls: dict[str, deque[float]] = defaultdict(deque)  # moments, by account

    def check(self, call: Call) -> Reply | None:
        caller = self.caller(call)
        if caller is None:
            return error_reply(self._tenant.settings, 401)
        return self._over_limit(str(caller.account))

    def caller(self, call: Call) -> Caller | None:
        """Without keys loaded any pair but `bad` is the account-level key of the first account."""
        scheme, _, coded = call.headers.get("authorization", "").partition(" ")
        try:
            public, found, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            return None
        if scheme.lower() != "basic" or not (public and found and secret) or public == "bad":
            return None
        if any(one.get("installation_key") in (public, secret) for one in self._tenant.accounts()):
            return None
        known = self._tenant.state.rows(KEYS)
        first = self._tenant.accounts()[0]["id"]
        if not known:
            return Caller("account", first)
        key: Row = (
            self._tenant.state.get(KEYS, public) or self._tenant.state.get(KEYS, ANYBODY) or {}
        )
        if not key or key.get("secret", secret) != secret:
            return None
        kind = str(key.get("kind", "account"))
        return Caller(kind, None if kind == "reseller" else key.get("account", first))

    def _over_limit(self, account: str) -> Reply | None:
        limit = self._tenant.settings["rate_limit"]
        if not limit:
            return None
        now, calls = asyncio.get_running_loop().time(), self._calls[account]
        while calls and not 0 <= now - calls[0] < float(limit["seconds"]):
            calls.popleft()
        if len(calls) < int(limit["calls"]):
            calls.append(now)
            return None
        reply = error_reply(self._tenant.settings, 429)
        if limit.get("retry_after") is not None:
            reply.headers["Retry-After"] = str(limit["retry_after"])
        return reply
