"""Signing up, signing in and out, second factors, and the devices that are signed in."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.errors import PermanentError
from gateway.rest.api import api_of
from gateway.rest.cookies import drop_session
from gateway.rest.joining import invited_to, joined
from gateway.rest.paging import Page
from gateway.rest.visits import (
    Enrolling,
    HalfOpen,
    SignedIn,
    Where,
    address_of,
    begin,
    counted_as,
    from_our_pages,
    may_use,
    opened,
    where,
)
from gateway.rest.words import Code, Email, Text
from gateway.signin import passwords
from gateway.signin.people import email_taken, normal, person_id

router = APIRouter(prefix="/auth", tags=["sign-in"], dependencies=[Depends(from_our_pages)])

_REFUSED = "e-mail, password or code is wrong"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SigningUp(_Body):
    """A new account: invited, or with an e-mail that has a subscription."""

    email: Email
    name: Text = ""
    password: SecretStr = Field(max_length=1024)
    invitation: str | None = Field(default=None, max_length=200)


class SigningIn(_Body):
    """The first factor."""

    email: Email
    password: SecretStr = Field(max_length=1024)


class NewPassword(_Body):
    """Another password, under the rules of the first."""

    password: SecretStr = Field(max_length=1024)


class GivenCode(_Body):
    """A code of the authenticator app, or a recovery code."""

    code: Code


class Accepting(_Body):
    """An invitation's token."""

    invitation: str = Field(max_length=200)


class Offered(BaseModel):
    """The seed for the app, shown until it was confirmed."""

    seed: str
    address: str


class Confirmed(Where):
    """Recovery codes: each opens once, and this is the only time they are shown."""

    recovery_codes: list[str]


class Me(BaseModel):
    """Who is signed in, and what they are where."""

    id: str
    email: str
    name: str
    roles: dict[str, str]
    totp: bool
    passkeys: list[str]
    recovery_codes_left: int


class Device(BaseModel):
    """A session that is open."""

    id: str
    device: str
    address: str
    made_at: datetime
    seen_at: datetime
    this: bool


@router.post("/sign-up", status_code=HTTPStatus.CREATED)
async def sign_up(asked: SigningUp, request: Request, answer: Response) -> Where:
    """Make an account; a second factor is enrolled next."""
    door = api_of(request).sign_in
    email, address = normal(asked.email), address_of(request)
    counted = f"sign-up {email}"
    await door.attempts.count(counted, address)
    await may_use(request, email, invited=asked.invitation is not None)
    try:
        kept = passwords.hashed(asked.password.get_secret_value(), (email, asked.name))
    except PermanentError:
        await door.attempts.give_back(counted, address)
        raise
    if await door.people.by_email(email) is not None:
        raise email_taken()
    if asked.invitation is not None:
        await invited_to(api_of(request), asked.invitation, email)
    person = await door.people.make(email, asked.name)
    person = await door.people.change(person.id, lambda p: p.model_copy(update={"password": kept}))
    if asked.invitation is not None:
        person = await joined(request, asked.invitation, person)
    await begin(request, answer, person)
    await door.attempts.give_back(counted, address)
    return where(person)


@router.post("/sign-in")
async def sign_in(asked: SigningIn, request: Request, answer: Response) -> Where:
    """The first factor. The answer is the same for a wrong password and for nobody's e-mail."""
    door = api_of(request).sign_in
    who, address = normal(asked.email), address_of(request)
    counted = await counted_as(request, person_id(who), who)
    await door.attempts.count(counted, address)
    person = await door.people.by_email(who)
    password = asked.password.get_secret_value()
    if not passwords.matches(person.password if person else None, password) or person is None:
        raise PermanentError("sign-in-refused", _REFUSED)
    await door.attempts.give_back(counted, address)
    await may_use(request, who, invited=bool(person.roles))
    if person.password and passwords.outdated(person.password):
        again = {"password": passwords.hashed(password, (person.email, person.name))}
        person = await door.people.change(person.id, lambda p: p.model_copy(update=again))
    await begin(request, answer, person)
    return where(person)


@router.post("/code")
async def give_code(visit: HalfOpen, asked: GivenCode, request: Request, answer: Response) -> Where:
    """The second factor: a code of the app, or a recovery code; each opens once."""
    door, person = visit.api.sign_in, visit.person
    address = address_of(request)
    counted = await counted_as(request, person.id, f"code {person.id}")
    await door.attempts.count(counted, address)
    if not await door.factors.code_is_right(person, asked.code):
        raise PermanentError("sign-in-refused", _REFUSED)
    await door.attempts.give_back(counted, address)
    await door.attempts.succeeded(counted)
    return await opened(visit, request, answer)


@router.post("/totp")
async def offer_totp(visit: Enrolling) -> Offered:
    """A new seed for an authenticator app; it counts once a code of it was confirmed."""
    seed, address = await visit.api.sign_in.factors.offer_totp(visit.person)
    return Offered(seed=seed, address=address)


@router.post("/totp/confirm")
async def confirm_totp(
    visit: Enrolling, asked: GivenCode, request: Request, answer: Response
) -> Confirmed:
    """The app's first code: from now on it is asked for."""
    codes = await visit.api.sign_in.factors.confirm_totp(visit.person, asked.code)
    if visit.session.state != "open":
        await opened(visit, request, answer)
    return Confirmed(next="done", recovery_codes=codes)


@router.put("/password", status_code=HTTPStatus.NO_CONTENT)
async def change_password(visit: Enrolling, asked: NewPassword) -> None:
    """Another password; every other session of the account ends."""
    door, person = visit.api.sign_in, visit.person
    about = (person.email, person.name)
    kept = passwords.hashed(asked.password.get_secret_value(), about)
    await door.people.change(person.id, lambda p: p.model_copy(update={"password": kept}))
    await door.sessions.revoke_all(person.id, but=visit.session.id)


@router.get("/session")
async def read_me(visit: SignedIn) -> Me:
    """Who is signed in."""
    person = visit.person
    return Me(
        id=person.id,
        email=person.email,
        name=person.name,
        roles=dict(person.roles),
        totp=person.totp,
        passkeys=[key.name for key in person.passkeys],
        recovery_codes_left=len(person.recovery),
    )


@router.post("/invitations")
async def accept_invitation(visit: SignedIn, asked: Accepting, request: Request) -> dict[str, str]:
    """Take the role that one was invited to; the roles from now on."""
    return dict((await joined(request, asked.invitation, visit.person)).roles)


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(visit: HalfOpen, answer: Response) -> None:
    """This device's session ends."""
    await visit.api.sign_in.sessions.revoke(visit.session.id)
    drop_session(answer)


@router.get("/sessions")
async def list_devices(visit: SignedIn) -> Page[Device]:
    """Where the account is signed in, the device used last first."""
    found = await visit.api.sign_in.sessions.of(visit.person.id)
    return Page(
        items=[
            Device(
                id=one.id[:16],
                device=one.device,
                address=one.address,
                made_at=one.made_at,
                seen_at=one.seen_at,
                this=one.id == visit.session.id,
            )
            for one in found
        ]
    )


@router.delete("/sessions/{device}", status_code=HTTPStatus.NO_CONTENT)
async def revoke_device(visit: SignedIn, device: Annotated[str, Path(max_length=64)]) -> None:
    """End the session of a device; only of one's own."""
    found = await visit.api.sign_in.sessions.of(visit.person.id)
    number = next((one.id for one in found if one.id[:16] == device), None)
    if number is None:
        raise PermanentError("session-unknown", "none of your sessions is that one")
    await visit.api.sign_in.sessions.revoke(number)
