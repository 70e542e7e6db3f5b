"""HaloPSA's answers: JSON bodies, envelopes and the two shapes of a refused write."""

from typing import Any


class Refused(Exception):  # noqa: N818 - it is the vendor's answer, not a fault of ours
    """HaloPSA answers with an error; it names one fault at a time."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def invalid(message: str) -> Refused:
    """400 whose body is one plain JSON string."""
    return Refused(400, message)


def invalid_field(path: str, message: str) -> Refused:
    """400 whose body maps a field's path to its messages."""
    return Refused(400, {path: [message]})


def missing(what: str) -> Refused:
    return Refused(404, f"{what} not found")
