"""Pax8 sign-in: client credentials as a JSON body, a bearer token for a day."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from vendors import json
from vendors.calls import Request

AUDIENCE = "https://api.pax8.com"


@dataclass(frozen=True, slots=True)
class Pax8Credentials:
    """`token_url` None is `<base>/v1/token`; older integrations use another one and audience."""

    client_id: str
    client_secret: SecretStr
    audience: str = AUDIENCE
    token_url: str | None = None

    def request(self, base_url: str) -> Request:
        """Asks for a token."""
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret.get_secret_value(),
            "audience": self.audience,
            "grant_type": "client_credentials",
        }
        url = self.token_url or f"{base_url}/v1/token"
        return Request(
            "POST",
            url,
            "signing in to Pax8",
            content=json.dumps(body),
            secrets=(self.client_secret.get_secret_value(),),
        )
