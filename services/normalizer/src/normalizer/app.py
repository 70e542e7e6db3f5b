"""The only wiring of the normalizer."""

from __future__ import annotations

from chassis.bodies import Bodies
from chassis.outbox import Outbox
from chassis.records import Records
from chassis.service import Route, Service
from chassis.versions import SettingsVersions
from normalizer.handlers import Handlers
from schemas.messages import ChargesReceived


def build(*, records: Records, outbox: Outbox) -> Service:
    """`records` for settings and large bodies; `outbox` is the process's own over the same."""
    handlers = Handlers(Bodies(records), SettingsVersions(records), outbox)
    route = Route(
        "charges.received.v1", {ChargesReceived: handlers.on_charges_received}, others="park"
    )
    return Service(name="normalizer", routes=(route,))
