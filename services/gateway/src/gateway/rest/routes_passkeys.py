"""Passkeys: added by whoever is signed in or has no second factor yet, and signed in with."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from gateway.rest.api import api_of
from gateway.rest.cookies import session_secret, set_session
from gateway.rest.paging import Page
from gateway.rest.visits import (
    Enrolling,
    SignedIn,
    Visit,
    Where,
    address_of,
    from_our_pages,
    may_use,
    opened,
)
from gateway.rest.words import Text
from gateway.signin.people import Passkey, Person

router = APIRouter(
    prefix="/auth/passkeys", tags=["sign-in"], dependencies=[Depends(from_our_pages)]
)


_SHOWN = {"id", "name", "made_at"}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPasskey(_Body):
    """What the browser got from the device."""

    answer: dict[str, Any]
    name: Text = "passkey"


class Answered(_Body):
    """What the browser got from the device."""

    answer: dict[str, Any]


class Shown(BaseModel):
    """A passkey of the account."""

    id: str
    name: str
    made_at: datetime


@router.get("")
async def list_passkeys(visit: SignedIn) -> Page[Shown]:
    """The account's passkeys, as they were added."""
    return Page(items=[Shown(**k.model_dump(include=_SHOWN)) for k in visit.person.passkeys])


@router.delete("/{passkey}", status_code=HTTPStatus.NO_CONTENT)
async def remove_passkey(visit: Enrolling, passkey: Annotated[str, Path(max_length=1024)]) -> None:
    """The device is lost: it signs nobody in from now on. A second factor has to stay."""
    door, person = visit.api.sign_in, visit.person

    def without(p: Person) -> Person:
        if passkey not in [key.id for key in p.passkeys]:
            raise PermanentError("passkey-unknown", "none of your passkeys is that one")
        left = p.model_copy(update={"passkeys": _others(p, passkey)})
        if not left.second_factor:
            raise PermanentError("last-factor", "add another passkey, or an app, first")
        return left

    await door.people.change(person.id, without)
    await door.sessions.revoke_all(person.id, but=visit.session.id)


@router.post("/options")
async def passkey_options(visit: Enrolling) -> dict[str, Any]:
    """What `navigator.credentials.create` takes."""
    options, challenge = visit.api.sign_in.passkeys.to_register(visit.person)
    await visit.api.sign_in.sessions.change(visit.session, challenge=challenge)
    return options


@router.post("", status_code=HTTPStatus.CREATED)
async def add_passkey(
    visit: Enrolling, asked: NewPasskey, request: Request, answer: Response
) -> Where:
    """The device's answer: a passkey of this account."""
    door, person = visit.api.sign_in, visit.person
    now = visit.api.clock.now()
    key = door.passkeys.registered(asked.answer, visit.session.challenge, asked.name, now)
    await door.people.name(person.id, "passkey", key.id)
    await door.people.change(
        person.id, lambda p: p.model_copy(update={"passkeys": (*_others(p, key.id), key)})
    )
    if visit.session.state != "open":
        return await opened(visit, request, answer)
    await door.sessions.change(visit.session, challenge="")
    return Where(next="done")


@router.post("/sign-in/options")
async def passkey_sign_in_options(request: Request, answer: Response) -> dict[str, Any]:
    """What `navigator.credentials.get` takes: any passkey of this host."""
    door = api_of(request).sign_in
    options, challenge = door.passkeys.to_sign_in()
    _, secret = await door.sessions.begin(
        None, "asked", request.headers.get("User-Agent", ""), address_of(request), challenge
    )
    set_session(answer, secret)
    return options


@router.post("/sign-in")
async def passkey_sign_in(asked: Answered, request: Request, answer: Response) -> Where:
    """Both factors in one: the device, and its check of the person."""
    api = api_of(request)
    door = api.sign_in
    number, address = str(asked.answer.get("id", "")), address_of(request)
    await door.attempts.count(f"passkey {number}", address)
    secret = session_secret(request, door.origin)
    session = await door.sessions.get(secret) if secret else None
    person = await door.people.by_name("passkey", number)
    key = next((k for k in person.passkeys if k.id == number), None) if person else None
    if session is None or not session.challenge or person is None or key is None:
        raise PermanentError("sign-in-refused", "this passkey is not known here")
    used = door.passkeys.signed_in(asked.answer, session.challenge, key)
    await door.attempts.give_back(f"passkey {number}", address)
    await may_use(request, person.email, invited=bool(person.roles))
    await door.people.change(
        person.id, lambda p: p.model_copy(update={"passkeys": (*_others(p, used.id), used)})
    )
    return await opened(Visit(api, session, person), request, answer)


def _others(person: Person, number: str) -> tuple[Passkey, ...]:
    """What stands just now beside that one: another device's may have come meanwhile."""
    return tuple(key for key in person.passkeys if key.id != number)
