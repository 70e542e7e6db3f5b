"""Which system a command asks: the gateway that is named, else the one over the data folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chargeline.desk import Desk, Reading
from chargeline.session import Where, opened, reading
from chassis.errors import PermanentError


@asynccontextmanager
async def acting(where: Where, *, running: bool = True) -> AsyncIterator[Desk]:
    """To act; `running`: with the services at work, where they are in this process."""
    if where.url is not None:
        from chargeline.desk_remote import desk_at

        _refuse_options(where, where.url)
        async with desk_at(where.url, os.environ) as desk:
            await _bring(desk, where)
            yield desk
        return
    from chargeline.desk_here import desk_of

    async with opened(where, running=running) as system:
        yield desk_of(system)


@asynccontextmanager
async def looking(where: Where) -> AsyncIterator[Reading]:
    """To look: nothing is changed, and the owner of the data folder may be at work."""
    if where.url is not None:
        async with acting(where) as desk:
            yield desk
        return
    from chargeline.desk_here import reading_of

    async with reading(where) as store:
        yield reading_of(store, str(where.folder))


def only_here(where: Where, what: str) -> None:
    """PermanentError `only-embedded` for what a gateway is not asked for."""
    if where.url is not None:
        text = f"`{what}` works on a data folder: without CHARGELINE_URL and --url, where that is"
        raise PermanentError("only-embedded", text)


def _refuse_options(where: Where, url: str) -> None:
    """What says how a system of this process is to be, says nothing to one elsewhere."""
    given = {
        "--sandbox": where.sandbox,
        "--data": where.data is not None,
        "--sandbox-url": where.sandbox_url is not None,
        "--today": where.today is not None,
    }
    for option, there in given.items():
        if there:
            text = f"{option} is for a system in this process, and {url} is named: leave one out"
            raise PermanentError("only-embedded", text)


async def _bring(desk: Desk, where: Where) -> None:
    """A settings file becomes a new version there; credentials are sealed for its addresses."""
    if where.settings is None:
        return
    from chargeline.settings_file import merged, read_settings

    file = read_settings(where.settings)
    await desk.runs.change_settings(desk.tenant, lambda now: merged(now, file.settings))
    for vendor, (client_id, secret) in file.credentials.items():
        await desk.accounts.seal(vendor, client_id, secret)
