"""Income and expense codes to choose from: no route lists them for sure, so several are tried.

Every list says which source gave it, and a typed code is always taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

Source = Literal["accounts codes", "accounting integration", "in use", "typed"]

# What the lookup type is called in HaloPSA, whatever its number there.
LOOKUP_NAMES = frozenset({"accounts codes", "accounts code"})


class Code(BaseModel):
    """One account: its code, and its name where the source has one."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str = ""


class CodeList(BaseModel):
    """The codes for one purpose. `source` "typed": nothing could be listed, type the code."""

    model_config = ConfigDict(frozen=True)

    source: Source
    codes: tuple[Code, ...] = ()
    tried: tuple[str, ...] = ()  # sources that gave nothing, and why

    def takes(self, code: str) -> bool:
        """Any code may be typed: a list can be short of what the accounts have."""
        return bool(code.strip())

    def knows(self, code: str) -> bool:
        """True when the list has it; if not, set-up asks once more."""
        return any(c.code == code for c in self.codes)


class AccountCodes(BaseModel):
    """What set-up and doctor show."""

    model_config = ConfigDict(frozen=True)

    income: CodeList
    expense: CodeList


def is_accounts_codes(name: str) -> bool:
    """Whether a lookup type is the list of accounts codes."""
    return " ".join(name.casefold().split()) in LOOKUP_NAMES


def distinct(codes: Iterable[Code]) -> tuple[Code, ...]:
    """One row a code, by code; the first name that is not empty stays."""
    found: dict[str, Code] = {}
    for code in codes:
        text = code.code.strip()
        if text and not (text in found and found[text].name):
            found[text] = Code(code=text, name=code.name.strip())
    return tuple(found[key] for key in sorted(found))


def first_list(attempts: Iterable[tuple[Source, Iterable[Code], str]]) -> CodeList:
    """The first source that gave anything; those before it are named with their reason."""
    tried: list[str] = []
    for source, codes, why in attempts:
        rows = distinct(codes)
        if rows:
            return CodeList(source=source, codes=rows, tried=tuple(tried))
        tried.append(f"{source}: {why or 'empty'}")
    return CodeList(source="typed", tried=tuple(tried))
