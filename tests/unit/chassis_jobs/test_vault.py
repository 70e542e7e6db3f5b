"""A secret opens where it was sealed and nowhere else."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from chassis.errors import PermanentError
from chassis.vault import KEY_VARIABLE, Keys, Rotated, Vault, add_key, drop_old_keys, keys_from
from support.memory_records import MemoryRecords, Shelf

FIELDS = {"client_id": SecretStr("id-1"), "client_secret": SecretStr("canary-s3cr3t")}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return keys_from({}, tmp_path)


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return Vault(MemoryRecords(), keys)


async def test_a_secret_comes_back_and_is_not_readable_in_the_store(vault: Vault) -> None:
    await vault.put("msp", "halo", FIELDS)
    assert await vault.get("msp", "halo") == FIELDS
    assert await vault.get("msp", "pax8") is None
    assert await vault.get("other", "halo") is None
    record = await vault.records.get("msp", "secrets", "halo")
    assert record is not None
    assert b"canary" not in record.body
    assert "canary" not in repr(vault)
    assert await vault.forget("msp", "halo")
    assert await vault.get("msp", "halo") is None


async def test_putting_again_replaces_and_never_repeats_a_nonce(vault: Vault) -> None:
    await vault.put("msp", "halo", FIELDS)
    first = await vault.records.get("msp", "secrets", "halo")
    await vault.put("msp", "halo", FIELDS)
    second = await vault.records.get("msp", "secrets", "halo")
    assert first is not None
    assert second is not None
    assert first.body != second.body
    assert await vault.get("msp", "halo") == FIELDS


@pytest.mark.parametrize(
    "place", [("other", "halo", 1), ("msp", "pax8", 1), ("msp", "halo", 2), ("m", "sphalo", 1)]
)
def test_a_secret_opens_only_for_its_tenant_connection_and_version(
    vault: Vault, place: tuple[str, str, int]
) -> None:
    sealed = vault.seal("msp", "halo", 1, SecretStr("x"))
    assert vault.open("msp", "halo", 1, sealed) == SecretStr("x")
    with pytest.raises(PermanentError, match="secret-altered"):
        vault.open(*place, sealed)


async def test_a_record_moved_to_another_tenant_does_not_open(vault: Vault) -> None:
    await vault.put("msp", "halo", FIELDS)
    record = await vault.records.get("msp", "secrets", "halo")
    assert record is not None
    await vault.records.insert(replace(record, tenant="thief"))
    with pytest.raises(PermanentError, match="secret-altered"):
        await vault.get("thief", "halo")


def test_any_altered_character_is_noticed(vault: Vault) -> None:
    sealed = vault.seal("msp", "halo", 1, SecretStr("x"))
    for at, old in enumerate(sealed):
        altered = sealed[:at] + bytes([old ^ 1]) + sealed[at + 1 :]
        with pytest.raises(PermanentError, match="secret-"):
            vault.open("msp", "halo", 1, altered)


async def test_rotation_seals_everything_anew_and_the_old_key_can_go(tmp_path: Path) -> None:
    records = MemoryRecords()
    old = Vault(records, keys_from({}, tmp_path))
    for n in range(250):
        await old.put(f"msp{n % 7}", f"connection{n}", FIELDS)
    both = Vault(records, add_key(tmp_path))
    assert await both.get("msp0", "connection0") == FIELDS
    assert await both.rotate() == Rotated(250)
    assert await both.rotate() == Rotated(0)
    new = Vault(records, drop_old_keys(tmp_path))
    assert len(new.keys.keys) == 1
    assert await new.get("msp3", "connection3") == FIELDS
    with pytest.raises(PermanentError, match="secret-key-missing"):
        await old.get("msp3", "connection3")


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert keys_from({}, folder) == keys_from({}, folder)
    file = folder / "key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    add_key(folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(PermanentError, match="key-file-readable"):
        keys_from({}, folder)


@pytest.mark.parametrize("text", ["short", "c2hvcnQ=", " , "])
def test_a_bad_key_in_the_environment_is_refused_without_showing_it(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(PermanentError, match="key-unreadable") as refused:
        keys_from({KEY_VARIABLE: text}, tmp_path)
    assert text == " , " or text not in str(refused.value)
    assert not (tmp_path / "key").exists()


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    keys_from({}, tmp_path)
    text = (tmp_path / "key").read_text().strip()
    assert keys_from({KEY_VARIABLE: text}, tmp_path / "elsewhere") == keys_from({}, tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    assert text not in repr(keys_from({KEY_VARIABLE: text}, tmp_path))


class _Died(Exception):  # noqa: N818 - named for what happened
    """The process is gone."""


async def test_a_rotation_that_dies_anywhere_goes_on_and_both_keys_open_meanwhile(
    tmp_path: Path,
) -> None:
    shelf: Shelf = {}
    old_keys = keys_from({}, tmp_path)
    for n in range(6):
        await Vault(MemoryRecords(shelf), old_keys).put(f"msp{n % 2}", f"connection{n}", FIELDS)
    both = add_key(tmp_path)
    deaths, ended = 0, None
    for calls in range(1, 500):
        left = calls

        async def dying() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise _Died

        try:
            ended = await Vault(MemoryRecords(shelf, dying), both).rotate()
        except _Died:
            deaths += 1
        else:
            break
        for n in range(6):
            for keys in (both, Keys((both.keys[1], both.keys[0]))):  # either process, old or new
                vault = Vault(MemoryRecords(shelf), keys)
                assert await vault.get(f"msp{n % 2}", f"connection{n}") == FIELDS
    assert deaths > 3
    assert ended is not None
    assert ended.left == ()
    new = Vault(MemoryRecords(shelf), Keys(both.keys[:1]))
    for n in range(6):
        assert await new.get(f"msp{n % 2}", f"connection{n}") == FIELDS


async def test_a_secret_that_can_not_be_opened_stops_no_other(vault: Vault) -> None:
    for name in ("a", "b", "c"):
        await vault.put("msp", name, FIELDS)
    broken = await vault.records.get("msp", "secrets", "b")
    assert broken is not None
    damaged = broken.body.replace(b'"version":1', b'"version":7')
    await vault.records.replace(replace(broken, body=damaged))
    both = Vault(vault.records, Keys((b"n" * 32, *vault.keys.keys)))
    assert await both.rotate() == Rotated(2, (("msp", "b", "secret-altered"),))
    new = Vault(vault.records, Keys((b"n" * 32,)))
    assert await new.get("msp", "a") == await new.get("msp", "c") == FIELDS


def test_a_process_may_be_given_both_keys(tmp_path: Path) -> None:
    one, two = (keys_from({}, tmp_path / name) for name in ("one", "two"))
    words = [(tmp_path / name / "key").read_text().strip() for name in ("one", "two")]
    for between in (" ", ",", "\n"):
        both = keys_from({KEY_VARIABLE: between.join(words)}, tmp_path)
        assert both.keys == (*one.keys, *two.keys)
