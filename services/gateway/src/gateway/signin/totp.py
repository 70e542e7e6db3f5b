"""Codes of an authenticator app, and the recovery codes for when it is lost."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

import pyotp

ISSUER = "Chargeline"
RECOVERY_CODES = 10
_STEP_S = 30
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that is read as another
_GROUPS, _GROUP = 3, 5


def new_seed() -> str:
    """160 random bits, base32."""
    return pyotp.random_base32()


def address(seed: str, email: str) -> str:
    """What the app's camera reads: an `otpauth://` address."""
    return pyotp.TOTP(seed).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(seed: str, code: str, now: datetime, last: int) -> int | None:
    """The step whose code that is, a step early or late; None for a wrong or a used one."""
    here = int(now.timestamp()) // _STEP_S
    for step in (here, here - 1, here + 1):
        right = pyotp.TOTP(seed).generate_otp(step)
        if secrets.compare_digest(right.encode(), code.replace(" ", "").encode()) and step > last:
            return step
    return None


def new_recovery_codes(choice: Callable[[str], str] = secrets.choice) -> list[str]:
    """Each opens once; about 74 random bits."""
    return ["-".join(_word(choice) for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(code.replace(" ", "").lower().encode()).hexdigest()


def _word(choice: Callable[[str], str]) -> str:
    return "".join(choice(_ALPHABET) for _ in range(_GROUP))
