"""Rows of a small Huntress account, and a client that reads it from the sandbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
from pydantic import SecretStr

from sandbox import huntress as sandbox_huntress
from sandbox.app import build_app
from support.vendors import TestLine
from vendors.huntress import Huntress, HuntressCredentials

ACCOUNT = 5501
KEYS = {"public_key": "hk_public", "secret_key": SecretStr("hs_secret")}


def organization(number: int, **changes: Any) -> dict[str, Any]:
    """Endpoints and training; tests change it."""
    return {
        "id": number,
        "account_id": ACCOUNT,
        "name": f"Organization {number}",
        "key": f"organization-{number}",
        "agents_count": 21,
        "billable_identity_count": 0,
        "sat_learner_count": 17,
        "logs_sources_count": 0,
        "actual_usages": {
            "edr": {"billable_agents_count": 19, "unresponsive_agents_count": 2},
            "sat": {"learners_count": 17},
        },
    } | changes


def organizations(count: int) -> list[dict[str, Any]]:
    return [organization(700_000 + place) for place in range(count)]


class HuntressSystem:
    """The sandbox in memory and a client to it; time passes only when somebody sleeps."""

    def __init__(self, **keys: Any) -> None:
        self.app = build_app(None, vendors={"huntress": sandbox_huntress.build})
        self.line = TestLine(httpx.ASGITransport(app=self.app))
        credentials = HuntressCredentials(**{**KEYS, **keys})
        # As patient as `Connections` makes it.
        line = replace(self.line.line, retries=replace(self.line.line.retries, wait_max_s=60.0))
        self.huntress = Huntress("http://sandbox/huntress", credentials, line)

    async def load(self, **payload: Any) -> None:
        await self.control("load", payload)

    async def spoil(self, **fault: Any) -> None:
        await self.control("faults", {"faults": [fault]})

    async def control(self, name: str, payload: Any) -> Any:
        url = f"http://sandbox/_sandbox/huntress/{name}"
        answer = await self.line.http.post(url, json=payload)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def calls(self) -> dict[str, int]:
        answer = await self.line.http.get("http://sandbox/_sandbox/huntress/state")
        return dict(answer.json()["calls"])

    async def close(self) -> None:
        await self.line.http.aclose()
        self.app.close()
