"""What a status means, as data: a vendor's module holds one table for reads and one for writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from chassis.log import HIDDEN
from vendors import json


@dataclass(frozen=True, slots=True)
class Refuse:
    """It can not happen until somebody does something: `advice` says what."""

    code: str
    advice: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It did not happen: try later, after `wait_s` if the vendor names no time itself."""

    code: str
    advice: str
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """It may have happened: look before doing it again."""

    code: str
    advice: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """The token is not accepted: renew it once; a second time it is a refusal."""

    code: str
    advice: str


type Outcome = Refuse | Wait | Look | SignIn


@dataclass(frozen=True, slots=True)
class Statuses:
    """Outcome by status; `server` for every 5xx, `other` for everything not listed."""

    known: Mapping[int, Outcome]
    server: Outcome
    other: Outcome

    def of(self, status: int) -> Outcome:
        """What an answer with that status (not 2xx) means."""
        found = self.known.get(status)
        if found is not None:
            return found
        return self.server if status >= 500 else self.other


TEXT_MAX = 300


def said(body: bytes, secrets: Collection[str] = ()) -> str:
    """The vendor's own words in an error body of any of the known shapes; one line, cut short.

    `secrets` were sent with the request: what repeats one goes into logs and answers without it.
    """
    if not body.strip():
        return ""
    try:
        text = _words(json.loads(body))
    except ValueError:
        plain = body.decode(errors="replace").strip()
        text = "a web page instead of an answer" if plain.startswith("<") else plain
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)} - {""}:
            text = text.replace(form, HIDDEN)
    text = " ".join(text.split())
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _words(body: Any) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(words for one in body if (words := _words(one)))
    if not isinstance(body, dict):
        return str(body)
    for name in ("message", "errorMessage", "error_description", "Message", "error"):
        if isinstance(body.get(name), str) and body[name]:
            return "; ".join(
                part for part in (body[name], _words(body.get("details") or [])) if part
            )
    return "; ".join(f"{field}: {_words(text)}" for field, text in body.items())
