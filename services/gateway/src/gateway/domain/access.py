"""Who may do what: roles of people, scopes of keys. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

type Role = Literal["owner", "approver", "clerk", "viewer"]


class Scope(StrEnum):
    """What one route asks for; a key names its scopes, a person has those of the role."""

    READ = "read"  # everything of the tenant but its secrets, which nobody reads
    CONFIGURE = "configure"  # settings, mappings, connections, schedules
    RUN = "run"  # ingest, plan, retry, sync
    APPROVE = "approve"  # have something written at a destination, or taken back
    ADMINISTER = "administer"  # people, keys, webhooks
    OPERATE = "operate"  # the platform: make tenants; belongs to no tenant


OF_ROLE: dict[Role, frozenset[Scope]] = {
    "owner": frozenset(Scope) - {Scope.OPERATE},
    "approver": frozenset({Scope.READ, Scope.CONFIGURE, Scope.RUN, Scope.APPROVE}),
    "clerk": frozenset({Scope.READ, Scope.CONFIGURE, Scope.RUN}),
    "viewer": frozenset({Scope.READ}),
}


class Principal(BaseModel):
    """Whoever asks: a key or a person, within one tenant or, for an operator, within none.

    `name` is what the audit log shows: `key:<id>` or `user:<id>`. `person` is who answers for it:
    a key counts as whoever had it made.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    tenant: str | None
    scopes: frozenset[Scope]
    person: str = ""

    def may(self, scope: Scope, tenant: str | None) -> bool:
        """True for a scope it has, in its own tenant; an operator acts on the platform alone."""
        if scope is Scope.OPERATE:
            return self.tenant is None and scope in self.scopes
        return tenant is not None and self.tenant == tenant and scope in self.scopes

    def sees(self, tenant: str) -> bool:
        """False: for this caller the tenant does not exist."""
        return self.tenant == tenant
