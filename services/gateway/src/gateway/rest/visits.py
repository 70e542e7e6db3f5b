"""A visit: a session, whose it is, and how far its sign-in has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from chassis.errors import PermanentError
from gateway.rest.api import Api, api_of
from gateway.rest.cookies import (
    DEVICE,
    refuse_other_sites,
    session_secret,
    set_device,
    set_session,
)
from gateway.signin.people import Person, normal
from gateway.signin.sessions import HALF_OPEN, Session

_READS = {"GET", "HEAD", "OPTIONS"}

type Next = Literal["enrol", "second-factor", "done"]


class Where(BaseModel):
    """How far the sign-in has come: a factor to enrol, one to give, or done."""

    next: Next
    factors: list[Literal["totp", "passkey"]] = []


@dataclass(frozen=True)
class Visit:
    """A session and whose it is."""

    api: Api
    session: Session
    person: Person


async def half_open(request: Request) -> Visit:
    """Whoever has given a first factor at least."""
    api = api_of(request)
    secret = session_secret(request, api.sign_in.origin)
    session = await api.sign_in.sessions.get(secret) if secret else None
    person = await api.sign_in.people.get(session.person) if session and session.person else None
    if session is None or person is None or session.state == "asked":
        raise PermanentError("not-signed-in", "sign in first")
    return Visit(api, session, person)


async def signed_in(visit: Annotated[Visit, Depends(half_open)]) -> Visit:
    """Whoever has given both factors."""
    if visit.session.state != "open":
        raise PermanentError("second-factor-missing", "give the second factor first")
    return visit


async def enrolling(visit: Annotated[Visit, Depends(half_open)]) -> Visit:
    """Whoever may add a factor: with both given just now, or while there is none to give.

    A device that was left open, or a session that was stolen, leads to no factor of its own.
    """
    if not visit.person.second_factor:
        return visit
    if visit.session.state != "open":
        raise PermanentError("second-factor-missing", "give the second factor first")
    if visit.api.clock.now() - visit.session.made_at >= HALF_OPEN:
        raise PermanentError("sign-in-again", "sign in again before you change how you sign in")
    return visit


async def from_our_pages(request: Request) -> None:
    """What sets a cookie, or begins something for whoever is signed in."""
    if request.method not in _READS:
        refuse_other_sites(request, api_of(request).sign_in.origin)


async def opened_here(request: Request) -> None:
    """A page that another site's link or picture must not open."""
    refuse_other_sites(request, api_of(request).sign_in.origin)


HalfOpen = Annotated[Visit, Depends(half_open)]
SignedIn = Annotated[Visit, Depends(signed_in)]
Enrolling = Annotated[Visit, Depends(enrolling)]


def where(person: Person) -> Where:
    factors: list[Literal["totp", "passkey"]] = []
    if person.totp:
        factors.append("totp")
    if person.passkeys:
        factors.append("passkey")
    return Where(next="second-factor" if factors else "enrol", factors=factors)


async def begin(request: Request, answer: Response, person: Person) -> None:
    door = api_of(request).sign_in
    agent = request.headers.get("User-Agent", "")
    _, secret = await door.sessions.begin(person.id, "password", agent, address_of(request))
    set_session(answer, secret)


async def opened(visit: Visit, request: Request, answer: Response) -> Where:
    """Under a new secret; the failures of the account are forgotten, the device is remembered."""
    door = visit.api.sign_in
    if not await door.devices.knows(request.cookies.get(DEVICE), visit.person.id):
        set_device(answer, await door.devices.remember(visit.person.id))
    _, secret = await door.sessions.opened(visit.session, visit.person.id)
    await door.attempts.succeeded(visit.person.email)
    set_session(answer, secret)
    return Where(next="done")


async def counted_as(request: Request, person: str, account: str) -> str:
    """Under what name the tries of this device for that account are counted."""
    devices = api_of(request).sign_in.devices
    return await devices.counted_as(request.cookies.get(DEVICE), person, account)


async def may_use(request: Request, email: str, *, invited: bool) -> None:
    """A subscription, or an invitation to a tenant that has one, opens the platform."""
    said = await api_of(request).sign_in.invitations.subscribed(email)
    if said is False or (said is None and not invited):
        raise PermanentError(
            "not-subscribed",
            f"{normal(email)} has no active subscription: renew it, or ask to be invited",
        )


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""
