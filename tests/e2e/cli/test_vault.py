"""`chargeline vault rotate`: counted, resumable, and refused to who may not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from chassis.clock import SystemClock
from chassis.embedded.store import EmbeddedStore
from chassis.vault import KEY_VARIABLE, Keys, Vault, add_key, keys_from
from support.stores import open_store

PLANTED = {"client_id": SecretStr("id"), "client_secret": SecretStr("planted-s3cret")}
SECRETS = 200


def sealed(folder: Path) -> Keys:
    """A data folder with secrets of many tenants; the key that seals them."""
    keys = keys_from({}, folder)

    async def seal() -> None:
        store = open_store(folder, SystemClock())
        vault = Vault(store.records, keys)
        await asyncio.gather(*(vault.put(f"t{n % 9}", f"c{n}", PLANTED) for n in range(SECRETS)))
        await store.stop()
        store.close()

    asyncio.run(seal())
    return keys


def opened_by(folder: Path, keys: Keys) -> int:
    """How many secrets open with these keys."""

    async def count() -> int:
        store = open_store(folder, SystemClock())
        vault = Vault(store.records, keys)
        found = [await vault.get(f"t{n % 9}", f"c{n}") for n in range(SECRETS)]
        await store.stop()
        store.close()
        return found.count(PLANTED)

    return asyncio.run(count())


def command(folder: Path, **environ: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "chargeline", "vault", "rotate", "--json", "--data", str(folder)]
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


def lines(folder: Path) -> list[str]:
    return (folder / "key").read_text().split()


def test_every_secret_is_sealed_anew_and_the_old_key_is_gone(tmp_path: Path) -> None:
    old = sealed(tmp_path)
    with command(tmp_path) as process:
        said, complained = process.communicate()
    assert process.returncode == 0, complained
    told = json.loads(said)
    new = keys_from({}, tmp_path)
    assert (told["sealed"], told["left"], told["old_keys_dropped"]) == (SECRETS, [], True)
    assert told["key"] == new.ids[0] != old.ids[0]
    assert len(lines(tmp_path)) == 1
    assert opened_by(tmp_path, new) == SECRETS
    assert "planted" not in said + complained
    assert lines(tmp_path)[0] not in said + complained


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    old = sealed(tmp_path)
    kills = 0
    for wait_s in (0.0, 0.02, 0.1):
        with command(tmp_path) as process:
            while len(lines(tmp_path)) == 1 and process.poll() is None:
                time.sleep(0.001)  # until the new key is on the disk: then it seals
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += process.returncode == -signal.SIGKILL
        assert opened_by(tmp_path, keys_from({}, tmp_path)) == SECRETS, "both keys open meanwhile"
    assert kills > 0
    with command(tmp_path) as process:
        _, complained = process.communicate()
    assert process.returncode == 0, complained
    new = keys_from({}, tmp_path)
    assert len(new.keys) == 1
    assert new.ids != old.ids
    assert opened_by(tmp_path, new) == SECRETS


@pytest.mark.folder  # servers have many owners: rotation is for all of them at once
def test_whose_folder_it_is_goes_first(tmp_path: Path) -> None:
    sealed(tmp_path)
    owner = EmbeddedStore.open(tmp_path)
    try:
        with command(tmp_path) as process:
            _, complained = process.communicate()
    finally:
        owner.close()
    assert (process.returncode, "data-folder-in-use" in complained) == (4, True)
    assert len(lines(tmp_path)) == 1, "nothing was begun"


def test_the_environment_names_both_keys(tmp_path: Path) -> None:
    old = sealed(tmp_path)
    [before] = lines(tmp_path)
    with command(tmp_path, **{KEY_VARIABLE: before}) as process:
        _, complained = process.communicate()
    assert (process.returncode, "vault-one-key" in complained) == (4, True)
    both = add_key(tmp_path)
    with command(tmp_path, **{KEY_VARIABLE: " ".join(lines(tmp_path))}) as process:
        said, complained = process.communicate()
    assert process.returncode == 0, complained
    told = json.loads(said)
    assert (told["sealed"], told["old_keys_dropped"]) == (SECRETS, False)
    assert opened_by(tmp_path, Keys(both.keys[:1])) == SECRETS
    assert opened_by(tmp_path, both) == SECRETS
    assert before not in said + complained
    assert old.keys[0] == both.keys[1]
