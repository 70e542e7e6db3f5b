"""Single values of settings: what may be said today, and what was stored before that was asked.

A version is immutable and a message may name it for ever: it is read as it was stored
(`context=STORED`), whatever would be refused where settings come in.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.functional_validators import WrapValidator

STORED: Final = "stored"
SOURCES = ("pax8", "huntress")
CURRENCY = r"^[A-Z]{3}$"  # ISO 4217
LIMIT = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"  # a decimal string, not below zero


class Strict(BaseModel):
    """Refuses unknown keys, and numbers that are none: stored, they could never be read again."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


def is_stored(info: ValidationInfo) -> bool:
    """Whether a stored version is read, not something that is said today."""
    return info.context == STORED


def _as_stored(value: Any, check: Callable[[Any], Any], info: ValidationInfo) -> Any:
    return value if is_stored(info) else check(value)


def _a_source(name: str) -> str:
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.0)[0]
        raise ValueError(f"there is no source `{name}`: did you mean `{near}`?")
    return name


_Stored = WrapValidator(_as_stored)

# "yes" and 1 are no switch positions: who writes them may mean the other one.
type Flag = StrictBool
type Source = Annotated[
    str,
    AfterValidator(_a_source),
    WithJsonSchema({"type": "string", "enum": list(SOURCES)}),
    _Stored,
]
type Currency = Annotated[str, Field(pattern=CURRENCY), _Stored]
type HaloId = Annotated[int, Field(ge=1), _Stored]
type Limit = Annotated[str, Field(pattern=LIMIT), _Stored]
