"""The settings file: TOML in, a settings version and credentials out; a typo names its line."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from chassis.errors import PermanentError
from schemas.count_settings import CountRule, Schedule
from schemas.setting_values import CURRENCY, LIMIT
from schemas.settings import ClientMapping, IntegrationSettings, Policy, ProductMapping, Settings

SECRETS = ("client_id", "client_secret")
FROM_FILE = "settings"  # the evidence of a row that a file brought
_A_KEY = "[key]"  # what pydantic adds where the key of a table is wrong
_SHOWN_MAX = 80  # characters of a value that is refused
_ACCOUNTS = ("pax8", "halopsa", "huntress")  # Huntress calls the two public and secret key


@dataclass(frozen=True)
class SettingsFile:
    """What a file says: settings without secrets, and the credentials by vendor."""

    settings: Settings
    credentials: Mapping[str, tuple[str, SecretStr]]


def read_settings(path: Path) -> SettingsFile:
    """PermanentError `settings-file` names the line, what is wrong, and the nearest key."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _wrong(path, None, f"cannot be read ({error.strerror})") from error
    try:
        text = data.decode()
        told = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are two of them
        raise _wrong(path, None, f"is not TOML: {error}") from error
    return settings_from(told, path, text)


def settings_from(told: dict[str, Any], path: Path | None = None, text: str = "") -> SettingsFile:
    """The same from a dictionary of the file's shape."""
    place = path or Path("settings")
    credentials = {}
    for vendor in _ACCOUNTS:
        if not isinstance(told.get(vendor), dict):
            continue  # absent, or what the model refuses
        account = dict(told[vendor])
        found = [str(account.pop(name, "")) for name in SECRETS]
        if any(found):
            credentials[vendor] = (found[0], SecretStr(found[1]))
        told = {**told, vendor: account}
    _check_keys(told, Settings, [], place, text)
    try:
        return SettingsFile(Settings.model_validate(told), credentials)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["loc"]
        at = said or tuple(first.get("ctx", {}).get("at", ()))  # what several values say together
        where = [part for part in at if isinstance(part, str) and part != _A_KEY]
        row = next((part for part in at if isinstance(part, int)), 0)
        says = f"`{'.'.join(where)}` {_said(first)}" if said else str(first["msg"])
        raise _wrong(place, _line_of(text, where, row), says) from error


_ALLOWED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "string_type": "a text in quotes",
    "model_type": "a table",
    "dict_type": "a table",
    "tuple_type": "a list",
    "greater_than_equal": "a whole number from {ge} on",
}
_LOOKS = {
    CURRENCY: "three capital letters, e.g. EUR",
    LIMIT: 'a number in quotes, not below zero, e.g. "2500.00"',
}


def _said(error: ErrorDetails) -> str:
    """What is there, what is allowed, and which of it is nearest."""
    there, message, ctx = error["input"], error["msg"], error.get("ctx", {})
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "value_error":
        return f"can not be: {message.removeprefix('Value error, ')}"
    allowed = _ALLOWED.get(error["type"]) or _LOOKS.get(ctx.get("pattern", ""))
    allowed = (allowed or message.removeprefix("Input should be ")).format(**ctx)
    if error["type"] == "literal_error" and isinstance(there, str):
        names = re.findall("'([^']*)'", ctx["expected"])
        allowed += f"; did you mean `{difflib.get_close_matches(there, names, 1, 0.0)[0]}`?"
    told = json.dumps(there) if isinstance(there, str | bool | int | float) else "something else"
    return f"is {told[:_SHOWN_MAX]}; allowed: {allowed}"


def merged(before: Settings, file: Settings) -> Settings:
    """The file imported over the settings in force.

    The file decides everything it can say. Of the rows in force those stay that a command or
    matching decided about companies and products which the file does not mention; what an earlier
    import brought goes with it. Decisions about replaced documents stay, and schedules of which the
    file says nothing.
    """
    told = file.model_fields_set
    named = {(r.source, r.company, r.subscription) for r in file.client}
    products = {(r.source, r.product, r.term) for r in file.product}
    clients = [
        r
        for r in before.client
        if r.evidence != FROM_FILE and (r.source, r.company, r.subscription) not in named
    ]
    kept = [
        r
        for r in before.product
        if r.evidence != FROM_FILE and (r.source, r.product, r.term) not in products
    ]
    return file.model_copy(
        update={
            "client": (*clients, *file.client),
            "product": (*kept, *file.product),
            "chains": {**before.chains, **file.chains},
            "schedule": file.schedule if "schedule" in told else before.schedule,
        }
    )


_BY_SOURCE = ("integration", "schedule")  # a table a source
_TABLES: Mapping[str, type[BaseModel]] = {
    "client": ClientMapping,
    "product": ProductMapping,
    "integration": IntegrationSettings,
    "schedule": Schedule,
    "rule": CountRule,
    "policy": Policy,
    "integration_policy": Policy,
}


def _check_keys(
    told: Mapping[str, Any],
    model: type[BaseModel],
    above: list[str],
    path: Path,
    text: str,
    row: int = 0,
) -> None:
    known = set(model.model_fields)
    for key, value in told.items():
        if key not in known:
            asked = [*known, *SECRETS] if above and above[-1] in _ACCOUNTS else sorted(known)
            near = difflib.get_close_matches(key, asked, n=1, cutoff=0.0)
            where = f"[{'.'.join(above)}]" if above else "the top level"
            raise _wrong(
                path,
                _line_of(text, [*above, key], row),
                f"there is no `{key}` in {where}: did you mean `{near[0]}`?",
            )
        inner = _TABLES.get(key) or model.model_fields[key].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            continue
        for place, (below, table) in enumerate(_tables(key, value)):
            _check_keys(table, inner, [*above, key, *below], path, text, row or place)


def _tables(key: str, value: Any) -> list[tuple[list[str], Mapping[str, Any]]]:
    """The tables under a key, each with what its heading says behind it."""
    if isinstance(value, list):
        return [([], row) for row in value if isinstance(row, dict)]
    if not isinstance(value, dict):
        return []
    if key in _BY_SOURCE:
        return [([name], one) for name, one in value.items() if isinstance(one, dict)]
    return [([], value)]


def _line_of(text: str, where: list[str], row: int = 0) -> int | None:
    """The line of a key under its table's heading, in that row of a list of tables.

    TOML's parser keeps no lines. Without the key itself, its table's heading is the best there is.
    """
    if not where:
        return None
    key = re.compile(rf"(?:^|[{{,.])\s*[\"']?{re.escape(where[-1])}[\"']?\s*[=.]")
    inside = len(where) == 1
    rows, best = -1, None
    for number, line in enumerate(text.splitlines(), start=1):
        heading = re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line)
        if heading:
            parts = [part.strip(" \"'") for part in heading[2].split(".")]
            rows += len(heading[1]) == 2 and parts == where[:1]
            right_row = rows in (-1, row) or parts[0] != where[0]
            if right_row and parts[: len(where)] == where:
                return number
            inside = right_row and parts == where[: len(parts)]
            best = number if inside else best
        elif inside and key.search(line):
            return number
    return best


def _wrong(path: Path, line: int | None, says: str) -> PermanentError:
    place = f"{path}, line {line}" if line else str(path)
    return PermanentError("settings-file", f"{place}: {says}")
