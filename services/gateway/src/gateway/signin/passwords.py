"""Passwords: hashed with argon2id, and refused when they are known or easily guessed.

The rule is local: no password leaves the process to be looked up. zxcvbn knows 30,000 passwords
that people are known to use, names, words, keyboard walks and dates.
"""

from __future__ import annotations

from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from chassis.errors import PermanentError

CHARS_MIN, CHARS_MAX = 12, 128
_JUDGED_MAX = 72  # letters that zxcvbn takes; more only make it stronger
_SCORE_MIN = 3  # of 4: safe from somebody who tries 10,000 a second for months

# RFC 9106's second choice, for machines that share their memory; made once, it holds no state.
_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
_NOBODYS = _HASHER.hash("nobody has this password")


def hashed(password: str, about: Sequence[str]) -> str:
    """The hash to keep. `about`: words of the person, which must not carry the password.

    PermanentError `password-weak` says why, and what would be stronger.
    """
    if len(password) < CHARS_MIN:
        raise PermanentError("password-weak", f"a password has at least {CHARS_MIN} letters")
    if len(password) > CHARS_MAX:
        raise PermanentError("password-weak", f"a password has at most {CHARS_MAX} letters")
    parts = [part for word in about for part in (word, *word.split("@"))]
    words = [piece for part in parts for piece in (part, *part.split("."))]
    found = zxcvbn(password[:_JUDGED_MAX], user_inputs=[word for word in words if len(word) > 2])
    if found["score"] < _SCORE_MIN:
        said = [found["feedback"]["warning"], *found["feedback"]["suggestions"]]
        text = " ".join(part.rstrip(".") + "." for part in said if part)
        raise PermanentError("password-weak", text or "it is easily guessed: use more words.")
    return _HASHER.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """True for the right one. Nobody's takes as long: the time tells nothing of who there is."""
    try:
        _HASHER.verify(kept or _NOBODYS, password[:CHARS_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def outdated(kept: str) -> bool:
    """True when today's cost is higher: hash it again while the password is at hand."""
    return _HASHER.check_needs_rehash(kept)
