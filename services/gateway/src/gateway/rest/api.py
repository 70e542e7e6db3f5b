"""What the routes work with, and how a route finds out who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast

from fastapi import Depends, Path, Request

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.vault import Vault
from gateway.app import Gateway
from gateway.audit import Audit
from gateway.domain.access import OF_ROLE, Principal, Scope
from gateway.explaining import Explains
from gateway.incoming import Incoming
from gateway.keys import ApiKeys
from gateway.rest.cookies import session_secret
from gateway.rest.live import Live
from gateway.rest.rates import RateLimits, Rates
from gateway.signin.door import SignIn
from gateway.signin.oidc import Provider
from gateway.tenants import Tenants
from vendors.connections import Connections

TENANT_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"


@dataclass(frozen=True)
class Api:
    """One value, made by whoever starts the process; the routes get it from the application."""

    gateway: Gateway
    tenants: Tenants
    keys: ApiKeys
    audit: Audit
    vault: Vault
    connections: Connections
    sign_in: SignIn
    rates: Rates
    outbox: Outbox
    clock: Clock
    incoming: Incoming
    live: Live
    explains: Explains | None = None

    @classmethod
    def build(
        cls,
        gateway: Gateway,
        outbox: Outbox,
        connections: Connections,
        origin: str,
        providers: Mapping[str, Provider] | None = None,
        limits: RateLimits | None = None,
    ) -> Self:
        """Over the process's own store; `origin` is the address that people's browsers show."""
        clock, vault = connections.clock, connections.vault
        sign_in = SignIn.build(
            outbox=outbox, vault=vault, clock=clock, origin=origin, providers=providers or {}
        )
        return cls(
            gateway=gateway,
            tenants=Tenants(outbox, clock),
            keys=ApiKeys(outbox, clock),
            audit=Audit(outbox, clock),
            vault=vault,
            connections=connections,
            sign_in=sign_in,
            rates=Rates(limits or RateLimits(), clock),
            outbox=outbox,
            clock=clock,
            incoming=Incoming(outbox, clock),
            live=Live(gateway.log),
        )


def api_of(request: Request) -> Api:
    """What the application was built from."""
    return cast("Api", request.app.state.api)


async def principal_of(request: Request) -> Principal:
    """Who asks: by a key, or by the cookie of somebody who is signed in.

    PermanentError `not-signed-in` when nobody says, or what they say is not true.
    """
    known = getattr(request.state, "principal", None)
    if known is not None:  # a write under an idempotency key has asked before its route does
        return cast("Principal", known)
    found = await _principal(request, seen=True)
    api_of(request).rates.of_caller(found.name, request.scope)
    request.state.principal = found
    return found


async def standing(request: Request) -> Principal:
    """Who asked a while ago, as they stand now: an answer that goes on keeps no session alive."""
    return await _principal(request, seen=False)


async def _principal(request: Request, *, seen: bool) -> Principal:
    api = api_of(request)
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = await api.keys.principal(text)
    else:
        found = await _signed_in(request, api, seen=seen)
    if found is None:
        raise PermanentError(
            "not-signed-in", "sign in, or send a key that stands as `Authorization: Bearer ck_…`"
        )
    return found


async def _signed_in(request: Request, api: Api, *, seen: bool) -> Principal | None:
    secret = session_secret(request, api.sign_in.origin)
    session = await api.sign_in.sessions.get(secret, seen=seen) if secret else None
    if session is None or session.state != "open" or session.person is None:
        return None
    person = await api.sign_in.people.get(session.person)
    tenant = request.path_params.get("tenant")
    if person is None:
        return None
    role = person.roles.get(str(tenant))
    scopes = OF_ROLE[role] if role else frozenset[Scope]()
    return Principal(
        name=person.id, tenant=str(tenant) if role else None, scopes=scopes, person=person.id
    )


@dataclass(frozen=True)
class Caller:
    """Whoever was let in: the tenant of the path, and what is done goes under their name."""

    api: Api
    tenant: str
    principal: Principal
    request_id: str

    async def audit(self, action: str, **told: Any) -> None:
        """Said before it is done: no change is without its entry."""
        by = self.principal.name
        await self.api.audit.add(self.tenant, by, action, request=self.request_id, **told)


def allowed(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """The dependency of a route under a tenant.

    To a caller of another tenant the tenant does not exist: 404 whatever the path, never a hint.
    """

    async def caller(
        request: Request,
        tenant: Annotated[str, Path(pattern=TENANT_ID)],
        principal: Annotated[Principal, Depends(principal_of)],
    ) -> Caller:
        if not principal.sees(tenant):
            raise PermanentError("tenant-unknown", f"there is no tenant {tenant}")
        if not principal.may(scope, tenant):
            raise PermanentError("not-allowed", f"this needs the scope `{scope}`")
        return Caller(api_of(request), tenant, principal, request.state.request_id)

    caller.__name__ = f"caller_who_may_{scope}"
    return caller


async def operator(
    request: Request, principal: Annotated[Principal, Depends(principal_of)]
) -> Caller:
    """The dependency of a route of the platform."""
    if not principal.may(Scope.OPERATE, None):
        raise PermanentError("not-allowed", f"this needs the scope `{Scope.OPERATE}`")
    return Caller(api_of(request), "-", principal, request.state.request_id)


Reader = Annotated[Caller, Depends(allowed(Scope.READ))]
Configurer = Annotated[Caller, Depends(allowed(Scope.CONFIGURE))]
Runner = Annotated[Caller, Depends(allowed(Scope.RUN))]
Approver = Annotated[Caller, Depends(allowed(Scope.APPROVE))]
Administrator = Annotated[Caller, Depends(allowed(Scope.ADMINISTER))]
Operator = Annotated[Caller, Depends(operator)]
