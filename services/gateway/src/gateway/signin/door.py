"""Everything that signing in works with, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.vault import Vault
from gateway.signin.attempts import Attempts
from gateway.signin.devices import Devices
from gateway.signin.factors import Factors
from gateway.signin.invitations import Invitations
from gateway.signin.oidc import Oidc, Provider
from gateway.signin.passkeys import Passkeys
from gateway.signin.people import People
from gateway.signin.sessions import Sessions


@dataclass(frozen=True)
class SignIn:
    """`origin`: the address that people's browsers show; requests from elsewhere change nothing."""

    people: People
    sessions: Sessions
    attempts: Attempts
    devices: Devices
    invitations: Invitations
    factors: Factors
    passkeys: Passkeys
    oidc: Oidc
    origin: str

    @classmethod
    def build(
        cls,
        *,
        outbox: Outbox,
        vault: Vault,
        clock: Clock,
        origin: str,
        providers: Mapping[str, Provider],
    ) -> Self:
        """Over the process's own store. `origin` is `https://host`, or `http://localhost:port`."""
        people = People(outbox, clock)
        return cls(
            people=people,
            sessions=Sessions(outbox, clock),
            attempts=Attempts(outbox, clock),
            devices=Devices(outbox, clock),
            invitations=Invitations(outbox, clock),
            factors=Factors(people, vault, clock),
            passkeys=Passkeys(urlsplit(origin).hostname or "localhost", origin),
            oidc=Oidc(providers, origin),
            origin=origin,
        )
