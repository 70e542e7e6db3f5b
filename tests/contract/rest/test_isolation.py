"""Every route, asked with a key that is not for it: generated from the application itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from gateway.domain.access import Scope
from gateway.rest.app import ROUTERS
from support.rest import Door, bearer

# Sign-in asks for a session, or for none: see test_sign_in.py. Vendors are known by the address
# that they call: see test_incoming.py.
NO_KEY = ("/v1/auth/", "/v1/hooks/")


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of every route."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield from ((method, f"/v1{route.path}") for method in sorted(route.methods or ()))


EVERY = sorted(set(routes()))
ALL = [(m, p) for m, p in EVERY if not p.startswith(NO_KEY)]
OF_TENANT = [(m, p) for m, p in ALL if "{tenant}" in p and not p.endswith("/keys/first")]
OF_PLATFORM = [(m, p) for m, p in ALL if (m, p) not in OF_TENANT]


def filled(path: str, tenant: str) -> str:
    """The path with the tenant's id, and some id for everything else."""
    return re.sub(r"\{\w+\}", "some-id", path.replace("{tenant}", tenant))


def test_the_application_has_no_other_routes(door: Door) -> None:
    paths = door.app.openapi()["paths"]
    told = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert sorted(told) == EVERY
    assert len(ALL) > 25


@pytest.mark.parametrize(("method", "path"), OF_TENANT)
async def test_to_another_tenants_key_the_tenant_does_not_exist(
    door: Door, method: str, path: str
) -> None:
    await door.tenant("first")
    second = await door.tenant("second")
    theirs = await door.http.request(method, filled(path, "first"), headers=bearer(second.key))
    nobodys = await door.http.request(method, filled(path, "nobody"), headers=bearer(second.key))
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["code"] == "tenant-unknown"
    told = {"request": "", "detail": ""}
    assert theirs.json() | told == nobodys.json() | told, "the answer tells nothing"
    assert theirs.json()["detail"].replace("first", "nobody") == nobodys.json()["detail"]


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_without_a_key_nothing_is_answered(door: Door, method: str, path: str) -> None:
    await door.tenant("first")
    for headers in ({}, bearer("ck_0011223344556677_" + "0" * 64), bearer("nonsense")):
        answer = await door.http.request(method, filled(path, "first"), headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] == "not-signed-in"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), OF_PLATFORM)
async def test_a_tenants_owner_is_no_operator(door: Door, method: str, path: str) -> None:
    owner = await door.tenant("first")
    body = {"tenant": "third", "name": "Third", "terms_accepted": "1", "scopes": ["read"]}
    answer = await door.http.request(
        method, filled(path, "first"), headers=bearer(owner.key), json=body
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


@pytest.mark.parametrize(("method", "path"), OF_TENANT)
async def test_an_operator_sees_no_tenant(door: Door, method: str, path: str) -> None:
    await door.tenant("first")
    answer = await door.http.request(method, filled(path, "first"), headers=bearer(door.operator))
    assert (answer.status_code, answer.json()["code"]) == (404, "tenant-unknown")


@pytest.mark.parametrize(("method", "path"), OF_TENANT)
async def test_a_reader_changes_nothing(door: Door, method: str, path: str) -> None:
    await door.tenant("first")
    reader = await door.asking("first", frozenset({Scope.READ}))
    answer = await door.http.request(method, filled(path, "first"), headers=bearer(reader.key))
    administers = re.search(r"/(keys|audit|people|invitations|webhooks|incoming)(/|$)", path)
    if method == "GET" and not administers:
        assert answer.status_code in (200, 404, 422)
        assert answer.json().get("code") not in ("not-allowed", "tenant-unknown", "not-found")
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
