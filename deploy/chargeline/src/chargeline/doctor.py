"""Looks at everything a run needs before it starts, and says what to do about each fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.table import Table

from chargeline.desk import Desk
from chargeline.shown import out, safe
from chassis.errors import Failure
from schemas.assumed import Assumption
from schemas.settings import Settings
from vendors.connections import HALOPSA, HUNTRESS, PAX8

_VALUE = 12  # columns
_CODES = ("income", "expense")


@dataclass(frozen=True)
class Check:
    """One thing looked at: fine (True), wrong (False) or not known yet (None)."""

    what: str
    ok: bool | None
    to_do: str = ""


async def examine(desk: Desk) -> list[Check]:
    """All checks, in the order in which one would mend them."""
    settings = await desk.queries.settings(desk.tenant)
    return [
        Check("version", ok=True, to_do=f"chargeline {version('chargeline')}"),
        *_settings(settings, sandbox=await desk.accounts.sandbox()),
        *await _vendors(desk),
        await _waiting(desk),
    ]


def show(findings: Sequence[Check], assumed: Sequence[Assumption]) -> None:
    """For a person: each finding whole, then what nobody could look up, with the value in force."""
    for f in findings:
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}[f.ok]
        out.print(f"{mark} {safe(f.what)}  [dim]{safe(f.to_do)}[/]", soft_wrap=True)
    out.print("\n[bold]What the vendors' documents leave open[/]: each is a setting (* set by you)")
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", max_width=_VALUE)
    table.add_column("what it is, and where the default comes from")
    for one in assumed:
        table.add_row(
            safe(one.setting),
            safe(_value(one)),
            f"{safe(one.about)}: [dim]{safe(one.rests_on)}[/]",
        )
    out.print(table)


def _value(one: Assumption) -> str:
    mark = "" if one.is_default else " *"
    if one.value is None or one.value in ([], {}):
        return f"not set{mark}"
    if isinstance(one.value, list):
        return ", ".join(map(str, one.value)) + mark
    return f"{one.value}{mark}"


def _settings(settings: Settings, *, sandbox: bool) -> list[Check]:
    found = []
    if not settings.halopsa.url and not sandbox:
        text = (
            "no url under [halopsa]: the address you open HaloPSA at, such as https://x.halopsa.com"
        )
        found.append(Check("settings", ok=False, to_do=text))
    defaults = settings.defaults
    missing = [name for name in _CODES if getattr(defaults, name) is None]
    lifecycle = settings.policy.lifecycle or "create"
    if lifecycle == "default" and defaults.item is None:
        text = "lifecycle is `default` and [defaults] names no item: set item = ID"
        found.append(Check("defaults", ok=False, to_do=text))
    elif lifecycle == "create" and missing:
        text = f"[defaults] has no {' and no '.join(missing)}: HaloPSA's own defaults are used"
        found.append(Check("defaults", ok=None, to_do=text))
    rows = f"{len(settings.client)} client rows, {len(settings.product)} product rows"
    found.append(Check("settings", ok=True, to_do=f"version {settings.version[:12]}: {rows}"))
    return found


async def _vendors(desk: Desk) -> list[Check]:
    """What "test credentials" tries. Not every tenant has counts."""
    found: list[Check] = []
    counts = (HUNTRESS,) if await desk.accounts.sealed(HUNTRESS) else ()
    for vendor in (PAX8, HALOPSA, *counts):
        try:
            findings = await desk.accounts.probe(vendor)
        except Failure as failure:
            found.append(Check(vendor, ok=False, to_do=failure.text))
            continue
        found += [Check(f"{vendor}: {f.right}", f.ok, f.to_do) for f in findings]
    return found


async def _waiting(desk: Desk) -> Check:
    parked, failed = await desk.waits.parked(), len(await desk.waits.failed())
    if parked or failed:
        text = f"{parked} messages parked, {failed} jobs failed: `chargeline parked list`"
        return Check("waiting", ok=False, to_do=text)
    return Check("waiting", ok=True, to_do="no message is parked, no job has failed")
