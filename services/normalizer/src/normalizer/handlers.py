"""The handler of the normalizer: bytes in, decisions, bytes out. It keeps nothing."""

from __future__ import annotations

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.service import Body
from chassis.versions import SettingsVersions
from normalizer.domain import rows
from normalizer.domain.decide import decide
from schemas import frame
from schemas.messages import ChargesNormalized, ChargesReceived
from schemas.settings import Settings
from schemas.uses import Uses


class Handlers:
    """Stateless, so it publishes directly: the same batch in gives the same bytes out."""

    def __init__(self, bodies: Bodies, settings: SettingsVersions, outbox: Outbox) -> None:
        self._bodies = bodies
        self._settings = settings
        self._outbox = outbox

    async def on_charges_received(self, head: ChargesReceived, body: Body) -> None:
        """Decide every line under the policy that the batch carries.

        The lines are laid down once; the message says where, and what they come to.
        """
        settings = await self._settings.read(head.tenant, head.settings)
        normalized, uses, lines = normalize(head, await body.load(), settings)
        at, parts = self._bodies.packed(head.tenant, lines)
        normalized = normalized.model_copy(update={"lines_at": at})
        sums = frame.join(b"[]", uses.model_dump_json(exclude_defaults=True).encode())
        key = f"{head.tenant}/{head.bill_to}"
        message = await self._bodies.message(normalized, key, sums)
        await self._outbox.publish(message, parts)


def normalize(
    head: ChargesReceived, body: bytes, settings: Settings
) -> tuple[ChargesNormalized, Uses, bytes]:
    """The whole stage: decode, decide, ids, encode. What it said, the sums, and the lines."""
    received = rows.read(body)
    found = len(received.rows)
    without_lines = not found and (head.hold or head.exclude)
    if found != head.lines and not without_lines:
        raise PermanentError(
            "lines-differ", f"batch {head.batch} names {head.lines} lines and has {found}"
        )
    decided = decide(head, received.rows, settings)
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
    return normalized, decided.uses, rows.write(received, decided.rows)


_CARRIED = (set(ChargesReceived.model_fields) & set(ChargesNormalized.model_fields)) - {
    "kind",
    "body",
    "policy",
}
