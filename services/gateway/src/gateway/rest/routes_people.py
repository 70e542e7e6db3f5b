"""People of a tenant: invited to a role, changed, sent away; and the platform's subscriptions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict

from chassis.errors import PermanentError
from gateway.domain.access import Role
from gateway.rest.api import Administrator, Operator
from gateway.rest.paging import Page
from gateway.rest.words import Email
from gateway.rest.writing import WriteRoute, show_once
from gateway.signin.invitations import Subscription
from gateway.signin.people import Person, normal

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
    await caller.audit("invited", about=normal(asked.email), after={"role": asked.role})
    by, door = caller.principal.name, caller.api.sign_in
    _, token = await door.invitations.make(caller.tenant, asked.email, asked.role, by)
    show_once(request)
    return Sent(email=normal(asked.email), role=asked.role, token=token)


@router.put("/tenants/{tenant}/people/{person}")
async def change_role(caller: Administrator, person: PersonId, asked: Given) -> Member:
    """Give another role. The last owner stays one."""
    there = await _at(caller, person)
    if there.roles[caller.tenant] == "owner" and asked.role != "owner":
        await _not_the_last_owner(caller, person)
    before = {"role": there.roles[caller.tenant]}
    await caller.audit("role-changed", about=person, before=before, after={"role": asked.role})
    changed = await caller.api.sign_in.people.change(
        person, lambda p: _with_role(p, caller.tenant, asked.role)
    )
    return _member(changed, caller.tenant)


@router.delete("/tenants/{tenant}/people/{person}", status_code=HTTPStatus.NO_CONTENT)
async def send_away(caller: Administrator, person: PersonId) -> None:
    """Take the role away; the account stays, its sessions end."""
    there = await _at(caller, person)
    if there.roles[caller.tenant] == "owner":
        await _not_the_last_owner(caller, person)
    await caller.audit("sent-away", about=person, before={"role": there.roles[caller.tenant]})

    def without(p: Person) -> Person:
        kept = {tenant: role for tenant, role in p.roles.items() if tenant != caller.tenant}
        return p.model_copy(update={"roles": kept})

    await caller.api.sign_in.people.change(person, without)
    await caller.api.sign_in.sessions.revoke_all(person)


@router.put("/subscriptions", tags=["platform"])
async def subscribe(caller: Operator, asked: Subscribed) -> Subscription:
    """Say whether an e-mail has an active subscription: without one nobody uses the platform."""
    await caller.audit("subscription", about=normal(asked.email), after={"active": asked.active})
    return await caller.api.sign_in.invitations.subscribe(asked.email, active=asked.active)


async def _at(caller: Administrator, person: str) -> Person:
    found = await caller.api.sign_in.people.get(person)
    if found is None or caller.tenant not in found.roles:
        raise PermanentError("person-unknown", f"nobody here is {person}")
    return found


async def _not_the_last_owner(caller: Administrator, person: str) -> None:
    people = await caller.api.sign_in.people.at(caller.tenant)
    if not any(p.roles[caller.tenant] == "owner" and p.id != person for p in people):
        raise PermanentError("last-owner", "a tenant has an owner: make somebody else one first")


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
