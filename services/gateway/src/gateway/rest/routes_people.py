"""People of a tenant: invited to a role, changed, sent away; and the platform's subscriptions."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from gateway.domain.access import Role
from gateway.rest.api import Administrator, Operator
from gateway.rest.joining import may_give
from gateway.rest.paging import Page
from gateway.rest.words import Email
from gateway.rest.writing import WriteRoute, show_once
from gateway.signin.invitations import Subscription
from gateway.signin.people import People, Person, normal, person_id

router = APIRouter(route_class=WriteRoute, tags=["people"])

PersonId = Annotated[str, Path(max_length=64)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Invited(_Body):
    """Somebody to be invited, and to which role."""

    email: Email
    role: Role


class Given(_Body):
    """Another role."""

    role: Role


class Subscribed(_Body):
    """Whether an e-mail has an active subscription."""

    email: Email
    active: bool


class Sent(BaseModel):
    """An invitation. `token` is shown this once; it is good for a week and for that e-mail."""

    email: str
    role: Role
    token: str


class Open(BaseModel):
    """An invitation that nobody has used yet; its token was shown once."""

    id: str
    email: str
    role: Role
    made_at: datetime
    made_by: str


class Member(BaseModel):
    """Somebody with a role at the tenant."""

    id: str
    email: str
    name: str
    role: Role
    second_factor: bool


@router.get("/tenants/{tenant}/people")
async def list_people(caller: Administrator) -> Page[Member]:
    """Everybody with a role, by e-mail."""
    found = await caller.api.sign_in.people.at(caller.tenant)
    return Page(items=[_member(person, caller.tenant) for person in found])


@router.post("/tenants/{tenant}/invitations", status_code=HTTPStatus.CREATED)
async def invite(caller: Administrator, asked: Invited, request: Request) -> Sent:
    """Invite somebody: send the token to that e-mail. Nothing tells whether it has an account."""
    may_give(caller.principal, asked.role)
    await caller.audit("invited", about=normal(asked.email), after={"role": asked.role})
    by, door = caller.principal.name, caller.api.sign_in
    _, token = await door.invitations.make(caller.tenant, asked.email, asked.role, by)
    show_once(request)
    return Sent(email=normal(asked.email), role=asked.role, token=token)


@router.get("/tenants/{tenant}/invitations")
async def list_invitations(caller: Administrator) -> Page[Open]:
    """Those that nobody has used yet and that still lead here."""
    found = await caller.api.sign_in.invitations.open_at(caller.tenant)
    return Page(items=[Open(**one.model_dump(include=set(Open.model_fields))) for one in found])


@router.delete("/tenants/{tenant}/invitations/{invitation}", status_code=HTTPStatus.NO_CONTENT)
async def take_back_invitation(
    caller: Administrator, invitation: Annotated[str, Path(max_length=64)]
) -> None:
    """It leads nowhere from now on."""
    taken = await caller.api.sign_in.invitations.take_back(caller.tenant, invitation)
    await caller.audit("invitation-taken-back", about=taken.email, before={"role": taken.role})


@router.put("/tenants/{tenant}/people/{person}")
async def change_role(caller: Administrator, person: PersonId, asked: Given) -> Member:
    """Give another role. The last owner stays one."""
    may_give(caller.principal, asked.role)
    there = await _at(caller, person)
    if there.roles[caller.tenant] == "owner" and asked.role != "owner":
        await _people(caller).not_the_last_owner(caller.tenant, person)
    before = {"role": there.roles[caller.tenant]}
    await caller.audit("role-changed", about=person, before=before, after={"role": asked.role})
    changed = await _people(caller).change(
        person, lambda p: _with_role(p, caller.tenant, asked.role)
    )
    await _an_owner_stays(caller, there)
    return _member(changed, caller.tenant)


@router.delete("/tenants/{tenant}/people/{person}", status_code=HTTPStatus.NO_CONTENT)
async def send_away(caller: Administrator, person: PersonId) -> None:
    """Take the role away; the account stays, its sessions end.

    Keys are the tenant's and stay: the entry in the audit log names those that this person made.
    """
    there = await _at(caller, person)
    if there.roles[caller.tenant] == "owner":
        await _people(caller).not_the_last_owner(caller.tenant, person)
    made = [k for k in await caller.api.keys.of(caller.tenant) if k.created_by == person]
    standing = [key.id for key in made if key.stands(caller.api.clock.now())]
    before = {"role": there.roles[caller.tenant]}
    after = {"keys_that_stand": standing} if standing else None
    await caller.audit("sent-away", about=person, before=before, after=after)

    def without(p: Person) -> Person:
        kept = {tenant: role for tenant, role in p.roles.items() if tenant != caller.tenant}
        return p.model_copy(update={"roles": kept})

    await _people(caller).change(person, without)
    await _an_owner_stays(caller, there)
    await caller.api.sign_in.sessions.revoke_all(person)


@router.put("/subscriptions", tags=["platform"])
async def subscribe(caller: Operator, asked: Subscribed) -> Subscription:
    """Say whether an e-mail has an active subscription: without one its sessions end."""
    await caller.audit("subscription", about=normal(asked.email), after={"active": asked.active})
    door = caller.api.sign_in
    said = await door.invitations.subscribe(asked.email, active=asked.active)
    if not asked.active:
        await door.sessions.revoke_all(person_id(asked.email))
    return said


async def _at(caller: Administrator, person: str) -> Person:
    found = await caller.api.sign_in.people.get(person)
    if found is None or caller.tenant not in found.roles:
        raise PermanentError("person-unknown", f"nobody here is {person}")
    return found


async def _an_owner_stays(caller: Administrator, before: Person) -> None:
    """Two owners who take each other's role at one instant have both looked before: undone."""
    role = before.roles[caller.tenant]
    if role != "owner":
        return
    try:
        await _people(caller).not_the_last_owner(caller.tenant, "")
    except PermanentError:
        await _people(caller).change(before.id, lambda p: _with_role(p, caller.tenant, role))
        raise


def _people(caller: Administrator) -> People:
    return caller.api.sign_in.people


def _with_role(person: Person, tenant: str, role: Role) -> Person:
    return person.model_copy(update={"roles": {**person.roles, tenant: role}})


def _member(person: Person, tenant: str) -> Member:
    return Member(
        id=person.id,
        email=person.email,
        name=person.name,
        role=person.roles[tenant],
        second_factor=person.second_factor,
    )
