"""A failure says what to do with the message or job that met it.

TransientError   it did not happen      wait with jitter, try again
UnknownOutcome   it may have happened   wait out the settle time, look, then decide
PermanentError   it can not happen      park it under a stable code; a person fixes the cause
anything else    a bug                  park it as a bug
"""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - its kinds name themselves
    """What all planned failures share: a stable code with a runbook page, and one sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class TransientError(Failure):
    """It did not happen. `retry_after_s` is what the other side asked for, if it did."""

    def __init__(self, code: str, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code, text)
        self.retry_after_s = retry_after_s


class UnknownOutcome(Failure):
    """A write may have taken effect: look before doing it again."""


class PermanentError(Failure):
    """It can not happen until a person changes something."""
