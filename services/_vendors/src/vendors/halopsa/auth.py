"""HaloPSA sign-in: client credentials as a form, a bearer token for an hour."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import SecretStr

from vendors.calls import Request

SCOPE = "all"


@dataclass(frozen=True, slots=True)
class HaloCredentials:
    """`tenant` is asked for by some hosted instances; `token_url` None is `<base>/auth/token`."""

    client_id: str
    client_secret: SecretStr
    tenant: str | None = None
    scope: str = SCOPE
    token_url: str | None = None

    def request(self, base_url: str) -> Request:
        """Asks for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret.get_secret_value(),
            "scope": self.scope,
        }
        return Request(
            "POST",
            self.token_url or f"{base_url}/auth/token",
            "signing in to HaloPSA",
            params={"tenant": self.tenant} if self.tenant else None,
            content=urlencode(form).encode(),
            media_type="application/x-www-form-urlencoded",
            secrets=(self.client_secret.get_secret_value(),),
        )
