"""Every secret under a new key: the folder's own, or the one that the environment names first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chargeline import shown
from chargeline.report import DONE, NEEDS_A_PERSON
from chargeline.session import Where, servers_of
from chargeline.system import Options, open_store
from chassis.errors import PermanentError
from chassis.vault import KEY_VARIABLE, Keys, Vault, add_key, drop_old_keys, keys_from


async def rotate(where: Where, *, as_json: bool) -> tuple[int, dict[str, Any] | None]:
    """Nobody else owns the folder meanwhile; over servers, all processes go on."""
    folder, servers = where.folder, servers_of(where.folder)
    if servers is None and not folder.is_dir():
        raise PermanentError("data-folder-missing", f"there is no data folder {folder}")
    environ = _environment(over_servers=servers is not None)
    store = open_store(folder, Options(servers=servers))  # refused here while somebody owns it
    try:
        keys = _keys(folder, environ)
        rotated = await Vault(store.records, keys).rotate()
        own = not environ.get(KEY_VARIABLE)
        dropped = own and not rotated.left
        if dropped:
            drop_old_keys(folder)
    finally:
        await store.stop()
        store.close()
    if not as_json:
        shown.err.print(f"{rotated.sealed} secrets sealed anew under the key {keys.ids[0]}")
        for tenant, connection, code in rotated.left:
            says = f"{tenant} {connection}: {code}; enter these credentials again, then rotate"
            shown.err.print(says, markup=False)
        if not own and not rotated.left:
            shown.err.print(f"nothing needs the old keys: take them out of {KEY_VARIABLE}")
    told = {
        "schema": "chargeline.vault.v1",
        "key": keys.ids[0],
        "sealed": rotated.sealed,
        "left": [{"tenant": t, "connection": c, "code": code} for t, c, code in rotated.left],
        "old_keys_dropped": dropped,
    }
    return NEEDS_A_PERSON if rotated.left else DONE, told if as_json else None


def _environment(*, over_servers: bool) -> Mapping[str, str]:
    if not over_servers:
        return os.environ
    from chassis.servers.process import with_secrets

    return with_secrets(os.environ)


def _keys(folder: Path, environ: Mapping[str, str]) -> Keys:
    """The new key first. More than one in the key file: a rotation that broke off goes on."""
    if environ.get(KEY_VARIABLE):
        keys = keys_from(environ, folder)
        if len(keys.keys) == 1:
            text = f"{KEY_VARIABLE} holds one key: put a new one before it, in every process first"
            raise PermanentError("vault-one-key", text)
        return keys
    keys = keys_from({}, folder)
    return keys if len(keys.keys) > 1 else add_key(folder)
