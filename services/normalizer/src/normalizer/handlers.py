"""The handler of the normalizer: bytes in, decisions, bytes out. It keeps nothing."""

from __future__ import annotations

from chassis.bodies import Bodies
from chassis.bus import Bus
from chassis.errors import PermanentError
from chassis.service import Body
from chassis.versions import SettingsVersions
from normalizer.domain import rows
from normalizer.domain.decide import decide
from schemas.messages import ChargesNormalized, ChargesReceived
from schemas.settings import Settings


class Handlers:
    """Stateless, so it publishes directly: the same batch in gives the same bytes out."""

    def __init__(self, bodies: Bodies, settings: SettingsVersions, bus: Bus) -> None:
        self._bodies = bodies
        self._settings = settings
        self._bus = bus

    async def on_charges_received(self, head: ChargesReceived, body: Body) -> None:
        """Decide every line under the policy that the batch carries."""
        settings = await self._settings.read(head.tenant, head.settings)
        normalized, lines = normalize(head, await body.load(), settings)
        key = f"{head.tenant}/{head.bill_to}"
        await self._bus.publish([await self._bodies.message(normalized, key, lines)])


def normalize(
    head: ChargesReceived, body: bytes, settings: Settings
) -> tuple[ChargesNormalized, bytes]:
    """The whole stage: decode, decide, ids, encode."""
    received = rows.read(body)
    without_lines = not received and (head.hold or head.exclude)
    if len(received) != head.lines and not without_lines:
        raise PermanentError(
            "lines-differ", f"batch {head.batch} names {head.lines} lines and has {len(received)}"
        )
    decided = decide(head, received, settings)
    carried = head.model_dump(include=_CARRIED)
    carried |= {"policy": head.policy, "money": decided.money}
    normalized = ChargesNormalized(
        **carried,
        kept_lines=decided.kept_lines,
        kept_price=decided.kept_price,
        kept_cost=decided.kept_cost,
        collapsed=decided.collapsed,
        merged=decided.merged,
    )
    return normalized, rows.write(decided.rows)


_CARRIED = (set(ChargesReceived.model_fields) & set(ChargesNormalized.model_fields)) - {
    "kind",
    "body",
    "policy",
}
