"""How somebody becomes one of a tenant's people: by an invitation that still stands for its giver.

Nobody gives away more than they have, when they invite and when the invitation is used.
"""

from __future__ import annotations

from fastapi import Request

from chassis.errors import PermanentError
from gateway.domain.access import OF_ROLE, Principal, Role, Scope
from gateway.rest.api import Api, api_of
from gateway.signin.invitations import Invitation
from gateway.signin.people import Person

_OF_KEY = "key:"


def may_give(giver: Principal, role: Role) -> None:
    """PermanentError `not-allowed` for a role that can do what the giver can not."""
    if not giver.scopes >= OF_ROLE[role]:
        raise PermanentError("not-allowed", f"whoever makes somebody {role} may do as much")


async def invited_to(api: Api, token: str, email: str) -> Invitation:
    """The invitation, not used up yet. PermanentError `invitation-unknown` for one that is none."""
    invitation = await api.sign_in.invitations.get(token, email)
    if not await _stands_for_it(api, invitation):
        text = "whoever has sent this invitation may invite nobody any more: ask for another one"
        raise PermanentError("invitation-unknown", text)
    return invitation


async def joined(request: Request, token: str, person: Person) -> Person:
    """The role of the invitation, taken; the tenant's log says who has joined and by whom."""
    api = api_of(request)
    people = api.sign_in.people
    invitation = await invited_to(api, token, person.email)
    tenant, role = invitation.tenant, invitation.role
    before = person.roles.get(tenant)
    if before == "owner" and role != "owner":
        await people.not_the_last_owner(tenant, person.id)
    await api.sign_in.invitations.use(token, person.email)
    await api.audit.add(
        tenant,
        person.id,
        "joined",
        about=person.email,
        before={"role": before} if before else None,
        after={"role": role, "invited_by": invitation.made_by},
        request=request.state.request_id,
    )
    return await people.change(
        person.id, lambda p: p.model_copy(update={"roles": {**p.roles, tenant: role}})
    )


async def _stands_for_it(api: Api, invitation: Invitation) -> bool:
    """A key that was not revoked, or a person who is there; with the right to give that role."""
    by, tenant = invitation.made_by, invitation.tenant
    if by.startswith(_OF_KEY):
        number = by.removeprefix(_OF_KEY)
        keys = [key for key in await api.keys.of(tenant) if key.id == number]
        scopes = frozenset[Scope]().union(*(k.scopes for k in keys if k.revoked_at is None))
    else:
        inviter = await api.sign_in.people.get(by)
        role = inviter.roles.get(tenant) if inviter else None
        scopes = OF_ROLE[role] if role else frozenset[Scope]()
    return Scope.ADMINISTER in scopes and scopes >= OF_ROLE[invitation.role]
