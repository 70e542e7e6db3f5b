"""Servers' stores for tests, each over a namespace of its own."""

from __future__ import annotations

import itertools
import os
from random import Random

from chassis.clock import SystemClock
from chassis.delivery import DeliverySettings
from chassis.servers import indexes, topics
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore

QUICK = DeliverySettings(wait_first_s=0.001, wait_max_s=0.02, handler_timeout_s=5.0, drain_s=5.0)
_numbers = itertools.count()


def settings_from(environment: dict[str, str], **changes: object) -> ServerSettings:
    """Under a namespace that nobody else has."""
    prefix = "CHARGELINE_"
    given = {k.removeprefix(prefix).lower(): v for k, v in environment.items()}
    own = {"namespace": f"t{os.getpid()}x{next(_numbers)}-"}
    return ServerSettings.model_validate({**given, **own, **changes})


async def prepare(settings: ServerSettings, *more: str) -> None:
    """Topics and indexes, and topics of tests."""
    await topics.apply(settings, more)
    await indexes.apply(settings)


def open_served(settings: ServerSettings) -> ServerStore:
    """Its jitter is seeded."""
    return ServerStore.open(settings, clock=SystemClock(), jitter=Random(1), delivery=QUICK)
