"""The settings file: TOML in, a settings version and credentials out; a typo names its line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from chassis.errors import PermanentError
from schemas.settings import ClientMapping, IntegrationSettings, Policy, ProductMapping, Settings

SECRETS = ("client_id", "client_secret")
_ACCOUNTS = ("pax8", "halopsa")


@dataclass(frozen=True)
class SettingsFile:
    """What a file says: settings without secrets, and the credentials by vendor."""

    settings: Settings
    credentials: Mapping[str, tuple[str, SecretStr]]


def read_settings(path: Path) -> SettingsFile:
    """PermanentError `settings-file` names the line, what is wrong, and the nearest key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _wrong(path, None, f"cannot be read ({error.strerror})") from error
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(path, None, f"is not TOML: {error}") from error
    return settings_from(told, path, text)


def settings_from(told: dict[str, Any], path: Path | None = None, text: str = "") -> SettingsFile:
    """The same from a dictionary of the file's shape."""
    place = path or Path("settings")
    credentials = {}
    for vendor in _ACCOUNTS:
        account = dict(told.get(vendor, {}))
        found = [str(account.pop(name, "")) for name in SECRETS]
        if any(found):
            credentials[vendor] = (found[0], SecretStr(found[1]))
        if vendor in told:
            told = {**told, vendor: account}
    _check_keys(told, Settings, [], place, text)
    try:
        return SettingsFile(Settings.model_validate(told), credentials)
    except ValidationError as error:
        first = error.errors()[0]
        where = [part for part in first["loc"] if isinstance(part, str)]
        line = _line_of(text, where)
        says = f"`{'.'.join(where)}`: {first['msg']}" if where else str(first["msg"])
        raise _wrong(place, line, says) from error


def merged(before: Settings, file: Settings) -> Settings:
    """The file imported over the settings in force.

    The file decides everything it can say, and its rows win; rows that commands or matching decided
    about other companies and products stay, and so do decisions about replaced documents.
    """
    named = {(r.source, r.company, r.subscription) for r in file.client}
    products = {(r.source, r.product, r.term) for r in file.product}
    clients = [r for r in before.client if (r.source, r.company, r.subscription) not in named]
    kept = [r for r in before.product if (r.source, r.product, r.term) not in products]
    return file.model_copy(
        update={
            "client": (*clients, *file.client),
            "product": (*kept, *file.product),
            "chains": {**before.chains, **file.chains},
        }
    )


_TABLES: Mapping[str, type[BaseModel]] = {
    "client": ClientMapping,
    "product": ProductMapping,
    "integration": IntegrationSettings,
    "policy": Policy,
    "integration_policy": Policy,
}


def _check_keys(
    told: Mapping[str, Any], model: type[BaseModel], above: list[str], path: Path, text: str
) -> None:
    known = set(model.model_fields)
    for key, value in told.items():
        if key not in known:
            asked = [*known, *SECRETS] if above and above[-1] in _ACCOUNTS else sorted(known)
            near = difflib.get_close_matches(key, asked, n=1, cutoff=0.0)
            where = f"[{'.'.join(above)}]" if above else "the top level"
            raise _wrong(
                path,
                _line_of(text, [*above, key]),
                f"there is no `{key}` in {where}: did you mean `{near[0]}`?",
            )
        inner = _TABLES.get(key) or model.model_fields[key].annotation
        for table in _tables(key, value):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                _check_keys(table, inner, [*above, key], path, text)


def _tables(key: str, value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list):
        return [row for row in value if isinstance(row, dict)]
    if not isinstance(value, dict):
        return []
    return list(value.values()) if key == "integration" else [value]


def _line_of(text: str, where: list[str]) -> int | None:
    """The line of a key, under its table's heading if it has one. TOML's parser keeps no lines."""
    if not where:
        return None
    heading = where[:-1]
    inside = not heading
    fallback = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            parts = [part.strip(" \"'") for part in header[1].split(".")]
            inside = parts == heading or parts[: len(where)] == where
            if inside and parts[: len(where)] == where:
                return number
        elif re.match(rf"\s*[\"']?{re.escape(where[-1])}[\"']?\s*=", line):
            if inside:
                return number
            fallback = fallback or number
        elif inside is False and re.search(rf"\b{re.escape(where[-1])}\s*=", line):
            fallback = fallback or number
    return fallback


def _wrong(path: Path, line: int | None, says: str) -> PermanentError:
    place = f"{path}, line {line}" if line else str(path)
    return PermanentError("settings-file", f"{place}: {says}")
