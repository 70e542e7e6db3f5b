"""Settings that stand for what a vendor's documents leave open, and what each default rests on.

They are marked where they are declared, so that whoever lists them lists them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, JsonValue

_RESTS_ON = "x-rests-on"


class Assumption(NamedTuple):
    """One of them, with the value in force. `rests_on`: where the default comes from."""

    setting: str  # as in the settings file: table.key
    value: JsonValue
    is_default: bool
    about: str
    rests_on: str


def assumed(default: Any, about: str, rests_on: str, **limits: Any) -> Any:
    """The default of a field whose fact no document settles. It is in the exported schema, too."""
    extra: dict[str, JsonValue] = {_RESTS_ON: rests_on}
    return Field(default=default, description=about, json_schema_extra=extra, **limits)


def assumptions(settings: BaseModel) -> Iterator[Assumption]:
    """All of them, in the order of the models, in every table of the settings."""
    for table, held in settings:
        if not isinstance(held, BaseModel):
            continue
        values = held.model_dump(mode="json")
        for key, field in type(held).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and _RESTS_ON in extra:
                yield Assumption(
                    setting=f"{table}.{key}",
                    value=values[key],
                    is_default=getattr(held, key) == field.default,
                    about=field.description or "",
                    rests_on=str(extra[_RESTS_ON]),
                )
