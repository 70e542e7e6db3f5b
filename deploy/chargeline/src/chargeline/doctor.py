"""Looks at everything a run needs before it starts, and says what to do about each fault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from chargeline.session import TENANT
from chargeline.system import System
from chassis.errors import Failure
from schemas.settings import Settings
from vendors.probe import Finding, probe_halo, probe_pax8

_CODES = ("income", "expense")


@dataclass(frozen=True)
class Check:
    """One thing looked at: fine (True), wrong (False) or not known yet (None)."""

    what: str
    ok: bool | None
    to_do: str = ""


async def examine(system: System) -> list[Check]:
    """All checks, in the order in which one would mend them."""
    tenant = TENANT
    settings = await system.gateway.queries.settings(tenant)
    return [
        Check("version", ok=True, to_do=f"chargeline {version('chargeline')}"),
        *_settings(settings, sandbox=system.options.sandbox is not None),
        *await _vendors(system, tenant, settings),
        await _waiting(system, tenant),
    ]


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


async def _vendors(system: System, tenant: str, settings: Settings) -> list[Check]:
    opened: Sequence[tuple[str, Callable[[], Awaitable[list[Finding]]]]] = (
        ("pax8", lambda: _pax8(system, tenant, settings)),
        ("halopsa", lambda: _halo(system, tenant, settings)),
    )
    found: list[Check] = []
    for vendor, look in opened:
        try:
            findings = await look()
        except Failure as failure:
            found.append(Check(vendor, ok=False, to_do=failure.text))
            continue
        found += [Check(f"{vendor}: {f.right}", f.ok, f.to_do) for f in findings]
    return found


async def _pax8(system: System, tenant: str, settings: Settings) -> list[Finding]:
    return await probe_pax8(await system.connections.pax8(tenant, settings))


async def _halo(system: System, tenant: str, settings: Settings) -> list[Finding]:
    return await probe_halo(await system.connections.halo(tenant, settings))


async def _waiting(system: System, tenant: str) -> Check:
    parked = len(await system.store.parking.list(tenant))
    failed = len(await system.jobs.failed(tenant))
    if parked or failed:
        text = f"{parked} messages parked, {failed} jobs failed: `chargeline parked list`"
        return Check("waiting", ok=False, to_do=text)
    return Check("waiting", ok=True, to_do="no message is parked, no job has failed")
