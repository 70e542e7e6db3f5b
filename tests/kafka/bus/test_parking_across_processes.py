"""A message parked by one process is retried from another that does not run its group."""

from __future__ import annotations

import pytest

from chassis.errors import PermanentError
from chassis.parked import Retried
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body
from support.embedded import Sent, sent, service
from support.served import open_served

pytestmark = pytest.mark.servers


async def test_a_command_has_the_service_work_its_lane_off(
    settings: ServerSettings, store: ServerStore
) -> None:
    seen, broken = [], True

    async def on_sent(head: Sent, body: Body) -> None:
        if broken and head.number == 0:
            raise PermanentError("content-differs", "not the same")
        seen.append(head.number)

    store.bus.mount(service(on_sent))
    await store.start()
    command = open_served(settings.model_copy(update={"replica": "command"}))
    try:
        await command.bus.publish([sent(n) for n in range(4)])
        await store.bus.idle()
        [parked] = await command.parking.list("msp")
        again = await command.parking.retry("msp", parked.id)
        assert (again.done, again.cause and again.cause.code) == (0, "content-differs")
        broken = False
        assert await command.parking.retry("msp", parked.id) == Retried(4)
        assert seen == [0, 1, 2, 3]
    finally:
        await command.stop()
