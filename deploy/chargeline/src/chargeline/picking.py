"""What the defaults of the settings are picked from, as the vendor lists it."""

from __future__ import annotations

from typing import Any

from chargeline import shown
from chargeline.desks import acting
from chargeline.report import DONE, NEEDS_A_PERSON
from chargeline.session import Where
from gateway.accounts import PickList
from vendors.connections import HALOPSA

type Answer = tuple[int, dict[str, Any] | None]


async def lists(where: Where, *, kind: str | None, as_json: bool) -> Answer:
    """Every list, or that of one kind; one that could not be read needs a person."""
    async with acting(where, running=False) as desk:
        found = [one for one in await desk.accounts.lists(HALOPSA) if kind in (None, one.kind)]
    code = NEEDS_A_PERSON if any(one.missing for one in found) else DONE
    if as_json:
        rows = [one.model_dump(mode="json") for one in found]
        return code, {"schema": "chargeline.lists.v1", "lists": rows}
    for one in found:
        _show(one)
    return code, None


def _show(one: PickList) -> None:
    source = f"from {one.source}" if one.source else f"[yellow]{shown.safe(one.missing)}[/]"
    shown.out.print(f"\n[bold]{one.kind}[/]  {source}", soft_wrap=True)
    for why in one.tried:
        shown.out.print(f"  [dim]tried[/] {shown.safe(why)}", soft_wrap=True)
    for choice in one.choices:
        shown.out.print(f"  {shown.safe(choice.value):12} {shown.safe(choice.name)}")
    if one.typed:
        shown.out.print(f"  [dim]any other code may be typed: {one.kind} under \\[defaults][/]")
