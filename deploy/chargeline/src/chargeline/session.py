"""Opens the embedded system for a command: data folder, sandbox, settings, credentials, clock."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from chargeline.settings_file import SettingsFile, merged, read_settings, settings_from
from chargeline.system import Options, System
from chassis.clock import SystemClock
from chassis.embedded.store import EmbeddedStore
from chassis.errors import PermanentError
from chassis.http import Retries
from chassis.store import Store
from chassis.telemetry.exporting import traced
from vendors.connections import HALOPSA, HUNTRESS, PAX8

if TYPE_CHECKING:
    from chassis.servers.settings import ServerSettings

TENANT = "main"  # one tenant a data folder; a renamed MSP keeps its ids
SANDBOX_DAY = date(2026, 11, 5)
_INSIDE = "http://sandbox"
_UNHURRIED = 6_000  # calls a minute


@dataclass(frozen=True)
class Where:
    """What the options of a command say about where to work."""

    data: Path | None = None
    settings: Path | None = None
    sandbox: bool = False
    sandbox_url: str | None = None
    today: date | None = None
    clients: int = 50
    lines: int = 1000
    seed: int = 7
    source: str = PAX8
    counts: bool = False  # the generated world has a Huntress account, too
    url: str | None = None  # a gateway's address: nothing of the above is meant then

    @property
    def hint(self) -> str:
        """What a printed command needs to find the same data folder."""
        return f" --data {shlex.quote(str(self.data))}" if self.data is not None else ""

    @property
    def folder(self) -> Path:
        """The data folder: named, from the environment, or `.chargeline` here."""
        return self.data or Path(os.environ.get("CHARGELINE_DATA", ".chargeline"))


def with_folder(where: Where) -> Where:
    """A sandbox run for which nobody named a folder has one of its own."""
    if where.data is None and where.sandbox and "CHARGELINE_DATA" not in os.environ:
        return replace(where, data=Path(tempfile.mkdtemp(prefix="chargeline-")))
    return where


@asynccontextmanager
async def opened(
    where: Where, *, running: bool = True, host: bool = False
) -> AsyncIterator[System]:
    """The system over the data folder, with the file's settings imported and credentials sealed.

    Over servers the services run in processes of their own, unless this one is asked to `host`.
    """
    where = with_folder(where)
    file = read_settings(where.settings) if where.settings else None
    folder = usable(where.folder)
    transport, close = None, None
    if where.sandbox:
        transport, close, generated = await _inside(where, folder)
        file = file or generated
    root = where.sandbox_url.rstrip("/") if where.sandbox_url else None
    today = where.today or (SANDBOX_DAY if where.sandbox else None)
    options = Options(
        sandbox=_INSIDE if where.sandbox else root,
        transport=transport,
        clock=SystemClock(today),
        retries=Retries(),
        servers=(servers := servers_of(folder)),
        hosts=servers is None or where.sandbox or host or "CHARGELINE_HOST" in os.environ,
        keeps_schedules=host,
    )
    try:
        with traced("chargeline", f"{socket.gethostname()}-{os.getpid()}", os.environ):
            system = System.open(folder, options)
            try:
                await _prepare(system, file, sandbox=options.sandbox is not None, ask=running)
                if running:
                    await system.start()
                yield system
            finally:
                await system.stop()
                system.close()
    finally:
        if close is not None:
            close()


def usable(folder: Path) -> Path:
    """The folder, made if it is not there; PermanentError where there can be none."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"{folder} can be no data folder ({error.strerror}): name another one with --data"
        raise PermanentError("data-folder-unusable", text) from None
    return folder


@asynccontextmanager
async def reading(where: Where) -> AsyncIterator[Store]:
    """The store, to read: nothing is changed, and its owner may be at work."""
    servers = servers_of(where.folder)
    if servers is None and not where.folder.is_dir():
        raise PermanentError(
            "data-folder-missing",
            f"there is no data folder {where.folder}: name it with --data, or run something first",
        )
    store: Store
    if servers is None:
        store = EmbeddedStore.open(where.folder, read_only=True)
    else:
        from chassis.servers.store import ServerStore

        store = ServerStore.open(servers, clock=SystemClock())
    try:
        yield store
    finally:
        await store.stop()
        store.close()


def servers_of(folder: Path) -> ServerSettings | None:
    """The servers that the environment names, if it does; `{data}` in the namespace is the folder.

    With it one cluster serves many data folders, which is for tests and trials.
    Raises PermanentError `environment` for variables that are missing or wrong.
    """
    if "CHARGELINE_KAFKA" not in os.environ:
        return None
    from chassis.servers.settings import ServerSettings

    found = ServerSettings.from_environment()
    digest = sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return found.model_copy(update={"namespace": found.namespace.replace("{data}", digest)})


async def _prepare(system: System, file: SettingsFile | None, *, sandbox: bool, ask: bool) -> None:
    if file is not None:
        settings = file.settings
        await system.gateway.runs.change_settings(TENANT, lambda s: merged(s, settings))
    for vendor in (PAX8, HALOPSA, HUNTRESS):
        found = _from_environment(vendor) or (file.credentials.get(vendor) if file else None)
        if found is None and await system.vault.get(TENANT, vendor) is None:
            asks = ask and vendor != HUNTRESS  # not every tenant has counts
            found = (
                ("sandbox", SecretStr("sandbox")) if sandbox else _asked(vendor) if asks else None
            )
        if found is not None:
            await system.seal(TENANT, vendor, found[0], found[1].get_secret_value())


def _from_environment(vendor: str) -> tuple[str, SecretStr] | None:
    client_id = os.environ.get(f"CHARGELINE_{vendor.upper()}_CLIENT_ID")
    secret = os.environ.get(f"CHARGELINE_{vendor.upper()}_CLIENT_SECRET")
    return (client_id, SecretStr(secret)) if client_id and secret else None


def _asked(vendor: str) -> tuple[str, SecretStr] | None:
    if not sys.stdin.isatty():
        return None
    import typer

    client_id = typer.prompt(f"{vendor} client id", err=True)
    secret = typer.prompt(f"{vendor} client secret", hide_input=True, err=True)
    return client_id, SecretStr(secret)


async def _inside(
    where: Where, folder: Path
) -> tuple[httpx.ASGITransport, Callable[[], None], SettingsFile]:
    """The vendor sandboxes in this process; a generated month is loaded when they are empty."""
    from sandbox.app import build_app
    from sandbox.core import dumps
    from sandbox.generate import generate_huntress, generate_month

    today = where.today or SANDBOX_DAY
    app = build_app(folder / "sandbox", today=today)
    month = generate_month(where.seed, clients=where.clients, lines=where.lines)
    worlds: list[tuple[str, Any, dict[str, Any]]] = [
        ("pax8", month.pax8, {}),
        ("halopsa", month.halopsa, {}),
    ]
    settings = month.settings
    if where.counts or where.source == HUNTRESS:
        account = generate_huntress(where.seed, clients=where.clients, first_day=today)
        # Nobody waits a minute for a demonstration; the limit itself is under test elsewhere.
        unlimited = {"settings": account.huntress["settings"] | {"rate_limit": None}}
        load = account.huntress | unlimited
        worlds.append(("huntress", load, {"halopsa": account.halopsa}))
        settings = account.added_to(settings)
        settings["huntress"]["calls_per_minute"] = _UNHURRIED
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=_INSIDE) as client:
        for vendor, payload, beside in worlds:
            state = (await client.get(f"/_sandbox/{vendor}/state")).json()
            if not any(state["entities"].values()):
                for name, load in ((vendor, payload), *beside.items()):
                    answer = await client.post(f"/_sandbox/{name}/load", content=dumps(load))
                    answer.raise_for_status()
    return transport, app.close, settings_from(settings)
