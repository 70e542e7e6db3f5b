"""Secrets, sealed with AES-256-GCM: whoever moves one to another tenant or connection breaks it.

The first key seals; every key opens. Rotation: a new first key, `Vault.rotate`, the old key away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, SecretStr

from chassis.errors import PermanentError, TransientError
from chassis.records import Record, Records

KEY_VARIABLE = "CHARGELINE_KEY"
KEY_FILE = "key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_COLLISIONS_MAX = 20


@dataclass(frozen=True, repr=False)
class Keys:
    """The keys, the sealing one first. They are never shown: not even in a repr."""

    keys: tuple[bytes, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Names for the keys that give nothing away about them."""
        return tuple(hashlib.sha256(b"chargeline key" + key).hexdigest()[:16] for key in self.keys)


def keys_from(environ: Mapping[str, str], folder: Path) -> Keys:
    """From the environment, else from the folder's key file, which is made on first use."""
    text = environ.get(KEY_VARIABLE, "")
    if text:
        return _parse(text, KEY_VARIABLE)
    file = folder / KEY_FILE
    if not file.exists():
        _write_new(file, [_new_key()])
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise PermanentError("key-file-readable", f"others can read {file}: chmod 600 {file}")
    return _parse(file.read_text(encoding="ascii"), str(file))


def add_key(folder: Path) -> Keys:
    """A new sealing key in the key file; `Vault.rotate` is next, then `drop_old_keys`."""
    lines = (folder / KEY_FILE).read_text(encoding="ascii").split()
    return _rewrite(folder / KEY_FILE, [_new_key(), *lines])


def drop_old_keys(folder: Path) -> Keys:
    """Only the sealing key stays: what was not sealed anew can never be opened again."""
    lines = (folder / KEY_FILE).read_text(encoding="ascii").split()
    return _rewrite(folder / KEY_FILE, lines[:1])


@dataclass(frozen=True)
class Rotated:
    """How many were sealed anew, and which can not be opened: tenant, connection and code."""

    sealed: int
    left: tuple[tuple[str, str, str], ...] = ()


class _Sealed(BaseModel):
    """What is stored: all but the content may be read by anyone."""

    model_config = ConfigDict(frozen=True)
    key: str
    version: int
    nonce: str
    content: str


@dataclass(frozen=True)
class Vault:
    """The secrets of connections, one record each in the collection `secrets` (or `tokens`)."""

    records: Records
    keys: Keys
    collection: str = "secrets"
    random_bytes: Callable[[int], bytes] = os.urandom

    async def put(self, tenant: str, connection: str, fields: Mapping[str, SecretStr]) -> None:
        """Store the fields of a connection in place of what was there."""
        for _ in range(_COLLISIONS_MAX):
            record = await self.records.get(tenant, self.collection, connection)
            version = _read(record.key, record.body).version + 1 if record else 1
            if await self._store(record, (tenant, connection, version), fields):
                return
        raise TransientError("secret-contended", f"the secret of {connection} changes all the time")

    async def get(self, tenant: str, connection: str) -> dict[str, SecretStr] | None:
        """The fields, or None. Open them where they are used, and keep them nowhere."""
        record = await self.records.get(tenant, self.collection, connection)
        return None if record is None else self._fields(record)

    async def forget(self, tenant: str, connection: str) -> bool:
        """True if there was a secret."""
        return await self.records.delete(tenant, self.collection, connection)

    async def rotate(self) -> Rotated:
        """Seal anew, under the first key, whatever an older key sealed.

        Each secret is one update, so a rotation that broke off goes on where it was. One that can
        not be opened stays as it is and stops no other.
        """
        sealed, left = 0, await self._pass()
        while left.sealed:  # until a pass meets nothing that somebody has sealed meanwhile
            sealed += left.sealed
            left = await self._pass()
        return replace(left, sealed=sealed)

    async def _pass(self) -> Rotated:
        sealed, left = 0, []
        for old in self.keys.ids[1:]:
            after = ""
            while found := await self.records.sweep(self.collection, "key", old, after=after):
                for record in found:
                    try:
                        fields = self._fields(record)
                        version = _read(record.key, record.body).version + 1
                    except PermanentError as unreadable:
                        left.append((record.tenant, record.key, unreadable.code))
                        continue
                    sealed += await self._store(
                        record, (record.tenant, record.key, version), fields
                    )
                after = f"{found[-1].tenant}/{found[-1].key}"
        return Rotated(sealed, tuple(left))

    def seal(self, tenant: str, connection: str, version: int, secret: SecretStr) -> bytes:
        """The sealed secret; tenant, connection and version must be the same to open it."""
        nonce = self.random_bytes(_NONCE_BYTES)
        content = AESGCM(self.keys.keys[0]).encrypt(
            nonce, secret.get_secret_value().encode(), _place(tenant, connection, version)
        )
        sealed = _Sealed(
            key=self.keys.ids[0], version=version, nonce=nonce.hex(), content=content.hex()
        )
        return sealed.model_dump_json().encode()

    def open(self, tenant: str, connection: str, version: int, sealed: bytes) -> SecretStr:
        """The secret, or PermanentError: another key, another place, or altered."""
        stored = _read(connection, sealed)
        key = dict(zip(self.keys.ids, self.keys.keys, strict=True)).get(stored.key)
        if key is None:
            raise PermanentError(
                "secret-key-missing",
                f"the secret of {connection} was sealed with a key that is not here",
            )
        if stored.version != version:
            raise _altered(connection)
        try:
            content = AESGCM(key).decrypt(
                bytes.fromhex(stored.nonce),
                bytes.fromhex(stored.content),
                _place(tenant, connection, version),
            )
        except (InvalidTag, ValueError):
            raise _altered(connection) from None
        return SecretStr(content.decode())

    async def _store(
        self,
        record: Record | None,
        place: tuple[str, str, int],
        fields: Mapping[str, SecretStr],
    ) -> bool:
        tenant, connection, version = place
        plain = {name: value.get_secret_value() for name, value in fields.items()}
        body = self.seal(tenant, connection, version, SecretStr(json.dumps(plain)))
        tags = {"key": self.keys.ids[0]}
        if record is None:
            return await self.records.insert(
                Record(tenant, self.collection, connection, version=1, body=body, tags=tags)
            )
        return await self.records.replace(replace(record, body=body, tags=tags))

    def _fields(self, record: Record) -> dict[str, SecretStr]:
        opened = self.open(
            record.tenant, record.key, _read(record.key, record.body).version, record.body
        )
        plain: dict[str, str] = json.loads(opened.get_secret_value())
        return {name: SecretStr(value) for name, value in plain.items()}


def _read(connection: str, sealed: bytes) -> _Sealed:
    try:
        return _Sealed.model_validate_json(sealed)
    except ValueError:
        raise _altered(connection) from None


def _altered(connection: str) -> PermanentError:
    text = f"the secret of {connection} is not as it was stored: enter it again"
    return PermanentError("secret-altered", text)


def _place(tenant: str, connection: str, version: int) -> bytes:
    return json.dumps([tenant, connection, version]).encode()


def _new_key() -> str:
    return base64.b64encode(AESGCM.generate_key(bit_length=8 * _KEY_BYTES)).decode()


def _parse(text: str, place: str) -> Keys:
    """Keys in base64, separated by blanks or commas."""
    try:
        keys = [base64.b64decode(word, validate=True) for word in text.replace(",", " ").split()]
    except binascii.Error:
        keys = []
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        raise PermanentError(
            "key-unreadable",
            f"{place} must hold {_KEY_BYTES} bytes in base64 (openssl rand -base64 32)",
        )
    return Keys(tuple(keys))


def _write_new(file: Path, lines: list[str]) -> None:
    """Readable by its owner alone from its first byte on, and on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write("\n".join(lines) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    _sync_folder(file.parent)


def _rewrite(file: Path, lines: list[str]) -> Keys:
    """Whole or not at all."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    _write_new(fresh, lines)
    fresh.replace(file)
    _sync_folder(file.parent)
    return _parse(file.read_text(encoding="ascii"), str(file))


def _sync_folder(folder: Path) -> None:
    """A lost key file is the loss of every secret, so its name must be on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
