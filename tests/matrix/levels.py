"""All settings of each modifier at the four levels, through ingest's policy and the normalizer.

The batches are those of a real run, caught on the bus; a cell is another settings version.
"""

from __future__ import annotations

import copy
import itertools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.service import Body, Route, Service
from matrix import table
from matrix.cells import Outcome, currencies, month
from normalizer.handlers import normalize
from schemas.billing import Billing
from schemas.ids import line_id
from schemas.messages import ChargesReceived
from schemas.settings import EffectivePolicy
from support.virtual_loop import in_virtual_time
from support.whole import settings_of
from support.world import World

STATES = (None, True, False)
Batch = tuple[ChargesReceived, bytes]


@dataclass(frozen=True)
class LevelCell:
    """What each level says about one modifier; the others are off."""

    modifier: str
    said: tuple[bool | None, ...]

    def __str__(self) -> str:
        words = {None: "-", True: "on", False: "off"}
        return f"{self.modifier} {'/'.join(words[one] for one in self.said)}"


def every_level_cell() -> Iterator[LevelCell]:
    for modifier in table.MODIFIERS:
        for said in itertools.product(STATES, repeat=len(table.LEVELS)):
            yield LevelCell(modifier, said)


def received() -> list[Batch]:
    """The batches of the month as ingest has published them."""
    with tempfile.TemporaryDirectory() as folder:
        return in_virtual_time(_received(Path(folder)))


async def _received(folder: Path) -> list[Batch]:
    caught: list[Batch] = []

    async def heard(head: ChargesReceived, body: Body) -> None:
        caught.append((head, await body.load()))

    world = World.of(folder, copy.deepcopy(month()))
    route = Route(ChargesReceived.topic, {ChargesReceived: heard})
    world.listener = Service("listener", (route,))
    async with world as w:
        await w.bill()
    return caught


def run(cell: LevelCell, batches: list[Batch]) -> Outcome:
    """Every line of every batch: outcome, rule and the level that decided."""
    settings = with_levels(month().resolved_settings(), cell)
    wanted = table.expected(month().items, month().varieties, settings, currencies(month()))
    version = settings_of(settings)
    billing = Billing(version, "pax8")
    decided: dict[str, Any] = {}
    for head, body in batches:
        policy = _policy(billing, settings, head)
        _, _, lines = normalize(head.model_copy(update={"policy": policy}), body, version)
        decided |= {one["id"]: one for one in json.loads(lines)}
    found = []
    document = str(month().notes["invoice"])
    for line in wanted:
        if not line.item:
            continue
        one = decided.get(line_id("msp", "pax8", document, line.item), {})
        # Ingest and normalizer know nothing of HaloPSA's currencies.
        outcome = "kept" if line.outcome == "held" else line.outcome
        rule = "" if line.outcome == "held" else line.rule
        seen = (one.get("outcome"), one.get("rule") or "", one.get("level") or "")
        if seen != (outcome, rule, line.level):
            found.append(f"{cell}: {line.item} is {seen}, not {(outcome, rule, line.level)}")
    return Outcome(str(cell), len(wanted), found)


def with_levels(settings: dict[str, Any], cell: LevelCell) -> dict[str, Any]:
    """The settings file with the modifier said at each level, for every client alike."""
    above, integration, client, inner = (
        {cell.modifier: said} if said is not None else {} for said in cell.said
    )
    neutral = {k: v for k, v in settings["policy"].items() if k not in table.MODIFIERS}
    rows = [
        row | ({} if row.get("exclude") else {"policy": client, "integration_policy": inner})
        for row in settings["client"]
    ]
    return settings | {
        "policy": neutral | above,
        "integration": {"pax8": {"policy": integration}},
        "client": rows,
    }


def _policy(billing: Billing, settings: dict[str, Any], head: ChargesReceived) -> EffectivePolicy:
    """What ingest would put into force for the batch's bill-to under these settings."""
    for row in settings["client"]:
        if head.client is not None and row.get("halo") == head.client:
            return billing.of(row["company"], row.get("subscription")).policy
    return billing.of(None, None).policy
