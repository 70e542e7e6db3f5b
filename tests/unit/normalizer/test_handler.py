"""The handler: settings by version, one message a batch, keyed by tenant and bill-to."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.bodies import Bodies
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import Service
from chassis.versions import SettingsVersions
from normalizer.app import build
from schemas import frame
from schemas.accounts import Pax8Account
from schemas.charges import ChargeLines, DecidedLines
from schemas.messages import ChargesNormalized, ChargesReceived
from schemas.settings import EffectivePolicy, Settings
from schemas.uses import Uses
from support.memory_records import MemoryRecords

from .lines import azure, line


class RememberingBus:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def mount(self, service: Service) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Inline:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def load(self) -> bytes:
        return self._body


async def test_a_batch_in_is_a_batch_out_under_the_settings_that_it_names() -> None:
    records, bus = MemoryRecords(), RememberingBus()
    settings = Settings(pax8=Pax8Account(azure_products=("listed",)))
    version = await SettingsVersions(records).store("msp", settings)
    head = ChargesReceived(
        tenant="msp",
        run="run_1",
        revision=3,
        settings=version,
        document="d",
        batch="batch_1",
        bill_to="client:7",
        currency="USD",
        content="c",
        lines=2,
        policy=EffectivePolicy(drop_azure=True),
    )
    lines = [line(1), azure(2, text="x", name="x", product="listed")]
    [route] = build(records=records, outbox=Outbox(records, bus)).routes
    await route.on[ChargesReceived](head, Inline(ChargeLines.dump_json(lines)))
    [message] = bus.messages
    assert (message.topic, message.key) == ("charges.normalized.v1", "msp/client:7")
    out_head, out_body = frame.decode(message.value)
    out = ChargesNormalized.model_validate_json(out_head)
    assert (out.revision, out.kept_lines, out.lines, out.content) == (3, 1, 2, "c")
    empty, sums = frame.split(out_body, 2)
    assert (empty, Uses.model_validate_json(sums).products[0].lines) == (b"[]", 1)
    assert out.lines_at is not None
    laid = DecidedLines.validate_json(await Bodies(records).get("msp", out.lines_at))
    assert [one.outcome for one in laid] == ["kept", "dropped"]
