"""Signing in with another firm: there, back, and a second factor of our own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from chassis.errors import PermanentError
from gateway.rest.api import Api, api_of
from gateway.rest.cookies import ATTEMPT, set_attempt
from gateway.rest.paging import Page
from gateway.rest.visits import (
    Enrolling,
    address_of,
    begin,
    enrolling,
    from_our_pages,
    half_open,
    may_use,
    opened_here,
    where,
)
from gateway.signin.oidc import Attempt, Identity
from gateway.signin.people import Person

router = APIRouter(prefix="/auth/oidc", tags=["sign-in"], dependencies=[Depends(from_our_pages)])

Key = Annotated[str, Path(max_length=32)]
Given = Annotated[str, Query(max_length=4096)]


class Shown(BaseModel):
    """A provider that is set up."""

    key: str
    name: str


@router.get("")
async def list_providers(request: Request) -> Page[Shown]:
    """Whom one can sign in with here."""
    providers = api_of(request).sign_in.oidc.providers
    return Page(items=[Shown(key=p.key, name=p.name) for p in providers.values()])


@router.get("/{provider}/start", status_code=HTTPStatus.SEE_OTHER)
async def start(provider: Key, request: Request) -> RedirectResponse:
    """Off to the provider."""
    return await _off(api_of(request), provider, request, None)


@router.get(
    "/{provider}/link", status_code=HTTPStatus.SEE_OTHER, dependencies=[Depends(opened_here)]
)
async def link(provider: Key, request: Request, visit: Enrolling) -> RedirectResponse:
    """Off to the provider, to link its account to the one that is signed in."""
    return await _off(visit.api, provider, request, visit.person.id)


@router.get("/{provider}/callback", status_code=HTTPStatus.SEE_OTHER)
async def callback(
    provider: Key, request: Request, state: Given = "", code: Given = "", error: Given = ""
) -> RedirectResponse:
    """Back from the provider: the first factor is given, the second comes next."""
    api = api_of(request)
    door = api.sign_in
    secret = request.cookies.get(ATTEMPT)
    session = await door.sessions.get(secret) if secret else None
    if session is None or not session.challenge:
        raise PermanentError("provider-refused", "this sign-in was not begun here: begin again")
    await door.sessions.revoke(session.id)  # an answer is good once
    attempt = _attempt(session.challenge)
    if error or attempt.provider != provider:
        raise PermanentError("provider-refused", f"the other firm has refused: {error[:100]}")
    identity = await door.oidc.ended(attempt, code, state, api.clock.now())
    person = await _person(request, identity, attempt)
    answer = RedirectResponse(f"{door.origin}/#{where(person).next}", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(ATTEMPT, path="/", secure=True, httponly=True, samesite="lax")
    if attempt.person is None:
        await begin(request, answer, person)
    return answer


async def _off(api: Api, provider: str, request: Request, person: str | None) -> RedirectResponse:
    door = api.sign_in
    address, attempt = await door.oidc.begin(provider, person)
    agent = request.headers.get("User-Agent", "")
    told = attempt.model_dump_json()
    _, secret = await door.sessions.begin(None, "asked", agent, address_of(request), told)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    set_attempt(answer, secret)
    return answer


async def _person(request: Request, identity: Identity, attempt: Attempt) -> Person:
    """The account that it leads to: linked before or now, or of an e-mail that was verified."""
    door = api_of(request).sign_in
    if attempt.person is not None:
        visit = await enrolling(await half_open(request))  # still signed in, and as the same
        if visit.person.id != attempt.person:
            raise PermanentError("provider-refused", "somebody else has signed in meanwhile")
        return await _linked(request, attempt.person, identity)
    known = await door.people.by_name("login", identity.login)
    if known is not None and identity.login in known.logins:
        await may_use(request, known.email, invited=bool(known.roles))
        return known
    if identity.email is None:
        raise PermanentError(
            "login-not-linked",
            "no account is linked to it: sign in here, and link it there",
        )
    person = await door.people.by_email(identity.email)
    await may_use(request, identity.email, invited=bool(person and person.roles))
    if person is None:
        person = await door.people.make(identity.email, identity.name)
    elif not (person.roles or person.second_factor):
        # Anybody may have begun it with that e-mail; whoever did has shown nothing.
        await door.people.change(person.id, lambda p: p.model_copy(update={"password": None}))
        await door.sessions.revoke_all(person.id)
    return await _linked(request, person.id, identity)


def _attempt(challenge: str) -> Attempt:
    try:
        return Attempt.model_validate_json(challenge)
    except ValidationError:  # another kind of session's secret in the cookie
        raise PermanentError("provider-refused", "this sign-in was not begun here") from None


async def _linked(request: Request, person: str, identity: Identity) -> Person:
    people = api_of(request).sign_in.people
    await people.name(person, "login", identity.login)
    return await people.change(
        person,
        lambda p: p.model_copy(
            update={"logins": tuple(dict.fromkeys((*p.logins, identity.login)))}
        ),
    )
