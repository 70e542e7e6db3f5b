"""The only wiring of the normalizer."""

from __future__ import annotations

from chassis.bodies import Bodies
from chassis.bus import Bus
from chassis.records import Records
from chassis.service import Route, Service
from chassis.versions import SettingsVersions
from normalizer.handlers import Handlers
from schemas.messages import ChargesReceived


def build(*, records: Records, bus: Bus) -> Service:
    """`records` for settings and large bodies; the bus to publish on."""
    handlers = Handlers(Bodies(records), SettingsVersions(records), bus)
    route = Route(
        "charges.received.v1", {ChargesReceived: handlers.on_charges_received}, others="park"
    )
    return Service(name="normalizer", routes=(route,))
