"""Passkeys: added by whoever is signed in or has no second factor yet, and signed in with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from gateway.rest.api import api_of
from gateway.rest.cookies import session_secret, set_session
from gateway.rest.visits import Enrolling, Visit, Where, address_of, may_use, opened
from gateway.rest.words import Text

router = APIRouter(prefix="/auth/passkeys", tags=["sign-in"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPasskey(_Body):
    """What the browser got from the device."""

    answer: dict[str, Any]
    name: Text = "passkey"


class Answered(_Body):
    """What the browser got from the device."""

    answer: dict[str, Any]


@router.post("/options")
async def passkey_options(visit: Enrolling) -> dict[str, Any]:
    """What `navigator.credentials.create` takes."""
    options, challenge = visit.api.sign_in.passkeys.to_register(visit.person)
    await visit.api.sign_in.sessions.change(visit.session, challenge=challenge)
    return options


@router.post("", status_code=HTTPStatus.CREATED)
async def add_passkey(visit: Enrolling, asked: NewPasskey, answer: Response) -> Where:
    """The device's answer: a passkey of this account."""
    door, person = visit.api.sign_in, visit.person
    now = visit.api.clock.now()
    key = door.passkeys.registered(asked.answer, visit.session.challenge, asked.name, now)
    await door.people.name(person.id, "passkey", key.id)
    await door.people.change(
        person.id, lambda p: p.model_copy(update={"passkeys": (*p.passkeys, key)})
    )
    if visit.session.state != "open":
        return await opened(visit, answer)
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
    await door.attempts.may_try("passkey", address_of(request))
    secret = session_secret(request, door.origin)
    session = await door.sessions.get(secret) if secret else None
    number = str(asked.answer.get("id", ""))
    person = await door.people.by_name("passkey", number)
    key = next((k for k in person.passkeys if k.id == number), None) if person else None
    if session is None or not session.challenge or person is None or key is None:
        await door.attempts.failed(f"passkey {number}", address_of(request))
        raise PermanentError("sign-in-refused", "this passkey is not known here")
    used = door.passkeys.signed_in(asked.answer, session.challenge, key)
    await may_use(request, person.email, invited=bool(person.roles))
    keys = tuple(used if k.id == used.id else k for k in person.passkeys)
    await door.people.change(person.id, lambda p: p.model_copy(update={"passkeys": keys}))
    return await opened(Visit(api, session, person), answer)
