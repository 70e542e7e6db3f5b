"""Signing in with another firm: OpenID Connect, code flow with PKCE, for providers set up here.

Only what the provider's own token says counts: signed with a key that it publishes, by an algorithm
from a list, for us, for this very attempt. An e-mail counts when the provider says it has verified
it; else the login has to be linked by whoever is signed in.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, SecretStr

from chassis.errors import PermanentError, TransientError

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # never `none`, never a shared secret
SCOPE = "openid email profile"
_LEEWAY_S = 60
_ANY_DIRECTORY = "{tenantid}"
_ANSWER_S = 10.0

# Where each provider says how it is spoken to. Entra's has the directory's own id in it.
DISCOVERY = {
    "google": "https://accounts.google.com/.well-known/openid-configuration",
    "entra": "https://login.microsoftonline.com/{directory}/v2.0/.well-known/openid-configuration",
    "intuit": "https://developer.api.intuit.com/.well-known/openid_configuration",
}
NAMES = {
    "google": "Google Workspace",
    "entra": "Microsoft Entra ID",
    "intuit": "Intuit (QuickBooks Online)",
}


@dataclass(frozen=True)
class Provider:
    """One provider as configured. `discovery`: the address of its configuration."""

    key: str
    name: str
    discovery: str
    client_id: str
    client_secret: SecretStr


class Attempt(BaseModel):
    """What has to come back from the provider. `person`: who links it, None to sign in."""

    model_config = ConfigDict(frozen=True)

    provider: str
    state: str
    nonce: str
    verifier: str
    person: str | None = None


class Identity(BaseModel):
    """Who the provider says it is. `email` only when the provider has verified it."""

    model_config = ConfigDict(frozen=True)

    provider: str
    subject: str
    email: str | None = None
    name: str = ""

    @property
    def login(self) -> str:
        """What an account is found by: never the e-mail, which moves from person to person."""
        return f"{self.provider} {self.subject}"


def providers_from(environ: Mapping[str, str]) -> dict[str, Provider]:
    """`CHARGELINE_OIDC_GOOGLE_CLIENT_ID` and `…_CLIENT_SECRET`, and so on; Entra's `…_DIRECTORY`.

    `…_DISCOVERY` names another address, for a provider of one's own under one of the names.
    """
    found: dict[str, Provider] = {}
    for key, address in DISCOVERY.items():
        prefix = f"CHARGELINE_OIDC_{key.upper()}_"
        client_id = environ.get(f"{prefix}CLIENT_ID", "")
        if not client_id:
            continue
        given = environ.get(f"{prefix}DISCOVERY", address)
        found[key] = Provider(
            key=key,
            name=NAMES[key],
            discovery=given.replace(
                "{directory}", environ.get(f"{prefix}DIRECTORY", "organizations")
            ),
            client_id=client_id,
            client_secret=SecretStr(environ.get(f"{prefix}CLIENT_SECRET", "")),
        )
    return found


class Oidc:
    """The providers, and what each has published about itself, read once a process."""

    def __init__(self, providers: Mapping[str, Provider], origin: str) -> None:
        self.providers = providers
        self._origin = origin
        self._published: dict[str, dict[str, Any]] = {}

    async def begin(self, key: str, person: str | None) -> tuple[str, Attempt]:
        """Where to send the browser, and what to remember until it comes back."""
        provider = self._known(key)
        attempt = Attempt(
            provider=key,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            person=person,
        )
        published = await self._configuration(provider)
        async with self._client(provider) as client:
            address, _ = client.create_authorization_url(
                published["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address), attempt

    async def ended(self, attempt: Attempt, code: str, state: str, now: datetime) -> Identity:
        """Who it is. PermanentError `provider-refused` when anything of it does not hold."""
        if not _same(attempt.state, state):
            raise _refused("it answers another attempt")
        provider = self._known(attempt.provider)
        published = await self._configuration(provider)
        try:
            async with self._client(provider) as client:
                token = await client.fetch_token(
                    published["token_endpoint"], code=code, code_verifier=attempt.verifier
                )
            keys = await _get(published["jwks_uri"])
        except OAuthError as error:
            raise _refused(f"{error.error}: {error.description}") from error
        except httpx.HTTPError as error:
            raise _away(provider, error) from error
        claims = _claims(str(token.get("id_token", "")), keys)
        _check(claims, provider, published, attempt, now)
        return Identity(
            provider=provider.key,
            subject=str(claims["sub"]),
            email=verified_email(claims, published),
            name=str(claims.get("name", "")),
        )

    def _known(self, key: str) -> Provider:
        if key not in self.providers:
            raise PermanentError("provider-unknown", f"there is no sign-in with {key} here")
        return self.providers[key]

    def _client(self, provider: Provider) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            provider.client_id,
            provider.client_secret.get_secret_value(),
            scope=SCOPE,
            redirect_uri=f"{self._origin}/v1/auth/oidc/{provider.key}/callback",
            code_challenge_method="S256",
            trust_env=False,
            timeout=_ANSWER_S,
        )

    async def _configuration(self, provider: Provider) -> dict[str, Any]:
        if provider.key not in self._published:
            try:
                self._published[provider.key] = await _get(provider.discovery)
            except httpx.HTTPError as error:
                raise _away(provider, error) from error
        return self._published[provider.key]


async def _get(address: str) -> Any:
    async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_S) as client:
        answer = await client.get(address)
    answer.raise_for_status()
    try:
        return answer.json()
    except ValueError as error:
        raise httpx.DecodingError(f"{address} answers with no JSON") from error


def verified_email(claims: Mapping[str, Any], published: Mapping[str, Any]) -> str | None:
    """The e-mail, if the provider itself has verified it.

    Where anybody may bring a directory of their own, its administrator's word is not the firm's.
    """
    one_firm = _ANY_DIRECTORY not in str(published["issuer"])
    verified = one_firm and claims.get("email_verified") is True
    return str(claims["email"]) if verified and claims.get("email") else None


def _claims(token: str, keys: Any) -> dict[str, Any]:
    try:
        return dict(jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims)
    except (JoseError, ValueError) as error:
        raise _refused(f"its token does not hold ({error})") from error


def _check(
    claims: dict[str, Any],
    provider: Provider,
    published: dict[str, Any],
    attempt: Attempt,
    now: datetime,
) -> None:
    """Issuer, audience, time and nonce, as OpenID Connect Core 3.1.3.7 asks."""
    issuer = str(published["issuer"]).replace(_ANY_DIRECTORY, str(claims.get("tid", "")))
    audience = claims.get("aud")
    to = audience if isinstance(audience, list) else [audience]
    seconds = now.timestamp()
    wrong = [
        name
        for name, holds in (
            ("issuer", claims.get("iss") == issuer),
            ("audience", provider.client_id in to),
            ("party", len(to) == 1 or claims.get("azp") == provider.client_id),
            ("expiry", _number(claims.get("exp")) > seconds - _LEEWAY_S),
            ("time", _number(claims.get("iat")) < seconds + _LEEWAY_S),
            ("nonce", _same(str(claims.get("nonce", "")), attempt.nonce)),
            ("subject", bool(claims.get("sub"))),
        )
        if not holds
    ]
    if wrong:
        raise _refused(f"its token is not for this attempt ({', '.join(wrong)})")


def _same(said: str, wanted: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "replace"), wanted.encode())


def _number(claim: Any) -> float:
    """Seconds since 1970; one that is none has long expired."""
    return float(claim) if isinstance(claim, int | float) else 0.0


def _refused(why: str) -> PermanentError:
    return PermanentError("provider-refused", f"the other firm's answer is not taken: {why}")


def _away(provider: Provider, error: Exception) -> TransientError:
    return TransientError("provider-away", f"{provider.name} does not answer ({error})")
