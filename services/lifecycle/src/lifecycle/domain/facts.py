"""The messages that say what was decided about a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from lifecycle.domain.holds import TEXT_MAX
from lifecycle.domain.resolve import Resolved
from schemas import frame
from schemas.charges import ItemChoices
from schemas.messages import (
    BatchEntry,
    BatchHead,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    Hold,
    ResolveRun,
)
from schemas.money import ZERO

NAME_MAX = 200  # a head is at most 4 KiB

_Holds = TypeAdapter(list[Hold])


def charges_resolved(
    command: ResolveRun, batch: ChargesNormalized, answer: Resolved, client_name: str = ""
) -> tuple[ChargesResolved, bytes]:
    """Head and body: the choices; the lines lie where the normalizer laid them."""
    b = answer.billable
    head = ChargesResolved(
        **_about(batch),
        connection=command.connection,
        policy=batch.policy,
        client=b.client.id if b else batch.client or 0,
        client_name=b.client.name if b else client_name,
        site=b.billed.site if b else None,
        bill_client=b.bill_client if b else None,
        recurring=batch.recurring,
        document_date=batch.document_date,
        period=batch.period,
        kept_lines=batch.kept_lines,
        kept_price=batch.kept_price,
        kept_cost=batch.kept_cost,
        proposed=answer.proposed,
        lines_at=batch.lines_at,
    )
    choices = dict(sorted(answer.choices.items()))
    return head, frame.join(ItemChoices.dump_json(choices), b"[]")


def charges_held(
    connection: str, batch: ChargesNormalized, holds: Sequence[Hold], client_name: str = ""
) -> tuple[ChargesHeld, bytes]:
    """All kept lines wait; what the normalizer held is on its own account."""
    assert holds, "a held batch says why"
    head = ChargesHeld(
        **_about(batch),
        connection=connection,
        client_name=client_name[:NAME_MAX],
        code=holds[0].code,
        text=short(holds[0].text),
        held_lines=batch.kept_lines,
        held_price=batch.kept_price,
        held_cost=batch.kept_cost,
    )
    return head, _Holds.dump_json(list(holds))


def never_seen(command: ResolveRun, entry: BatchEntry, hold: Hold) -> tuple[ChargesHeld, bytes]:
    """For a batch that never came: its money is known to whoever saw it."""
    head = ChargesHeld(
        tenant=command.tenant,
        run=command.run,
        revision=entry.revision,
        settings=command.settings,
        source=command.source,
        document=command.document,
        batch=entry.batch,
        bill_to=entry.bill_to,
        currency=entry.currency,
        content=entry.content,
        lines=entry.lines,
        connection=command.connection,
        code=hold.code,
        text=short(hold.text),
        held_lines=0,
        held_price=ZERO,
        held_cost=ZERO,
    )
    return head, _Holds.dump_json([hold])


def short(text: str) -> str:
    """A head has room for a sentence, not for whatever a vendor puts into a name."""
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _about(batch: BatchHead) -> dict[str, Any]:
    """What every fact about a batch repeats."""
    names = BatchHead.model_fields.keys() - {"kind", "body"}
    return {name: getattr(batch, name) for name in names}
