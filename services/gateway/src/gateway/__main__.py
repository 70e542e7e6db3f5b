"""`python -m gateway`: handlers, schedules, and the REST API; and the numbers of the store."""

from __future__ import annotations

from chassis.servers.process import Parts, Served, main
from gateway import app
from gateway.keys import installable
from gateway.rest import app as rest
from gateway.rest.api import Api
from gateway.rest.hardening import away
from gateway.rest.rates import RateLimits
from gateway.sending import Sender
from gateway.signin.oidc import providers_from
from vendors.connections import Connections


def build(parts: Parts) -> Served:
    """Over the tenants' own accounts, for what people try and pick; the jobs' are elsewhere."""
    built = app.build(
        records=parts.records,
        outbox=parts.outbox,
        jobs=parts.jobs,
        vault=parts.vault,
        sender=Sender(parts.clock, loopback=parts.sandbox is not None),
        keeps_schedules=True,
    )
    opened = Connections(parts.vault, parts.http, parts.clock, parts.sandbox, budgets=parts.budgets)
    providers, limits = providers_from(parts.environ), RateLimits.of(parts.environ)
    api = Api.build(built, parts.outbox, opened, parts.origin, providers, limits)
    first = installable(parts.environ)

    async def begin() -> None:
        if first is not None:
            await api.keys.install(*first)

    return Served(built.service, rest.build(api), away, begin, api.live.close)


if __name__ == "__main__":
    main(build, watches_store=True)
