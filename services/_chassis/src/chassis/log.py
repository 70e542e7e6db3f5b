"""The log: one line of JSON per event on stderr, with fields from a list and no secrets.

A field that is not on the list is dropped, so that nobody logs a payload, a header or a body by
accident; add a field here when it can never carry a secret or a person's data.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger

from chassis.telemetry.tracing import trace_id

FIELDS = frozenset(
    """
    event level at logger service tenant connection topic key kind job run revision batch document
    plan source message id code text why attempts tries fence wait_s elapsed_s calls count lines
    bytes status method path vendor version owner place
    group replica trace port library stack
    """.split()
)
TEXT_MAX = 500
HIDDEN = "[hidden]"

_SECRET_LIKE = re.compile(
    r"""
    (?P<label>\b(?:bearer|basic)\s+
      |["']?\b[\w-]*(?:secret|password|passwd|token|api[_-]?key|authorization|cookie|credential)[\w-]*
        ["']?\s*[:=]\s*(?:(?:bearer|basic)\s+)?["']?
    )(?P<value>[^\s"',;&}\]]+)
    |\beyJ[\w-]{8,}(?:\.[\w-]*)*            # a JSON Web Token
    |://[^/\s:@]+:[^/\s@]+@                 # a password in an address
    |\b(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])(?!CL-)[A-Za-z0-9+/=]{40,}   # a long key
    |(?-i:\b(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{40,})   # and one for addresses
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redact(text: str) -> str:
    """The text without what looks like a secret, cut to a readable length."""
    return _SECRET_LIKE.sub(_hidden, text[: TEXT_MAX * 4])[:TEXT_MAX]


def logger(name: str, *, level: str = "info", stream: TextIO | None = None) -> FilteringBoundLogger:
    """A logger whose lines say which part of the system wrote them."""
    wrapped = structlog.wrap_logger(
        _Lines(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _where,
            _listed_fields,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    return cast("FilteringBoundLogger", wrapped.bind(logger=name))


@dataclass
class _Process:
    """What every line of this process says of it."""

    about: dict[str, str] = field(default_factory=dict)


_process = _Process()


def identify(service: str, replica: str) -> None:
    """From now on every line names the process; empty: it does not."""
    given = {"service": service, "replica": replica}
    _process.about = {name: value for name, value in given.items() if value}


class Library(logging.Handler):
    """What libraries say, as lines of this log, redacted as ours are."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = logger("library")
        say = lines.error if record.levelno >= logging.ERROR else lines.warning
        say("library", library=record.name, text=record.getMessage())


class _Lines:
    """Writes to the stderr of the moment, which is not always the one of the import."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        stream = self._stream or sys.stderr
        stream.write(f"{line}\n")
        stream.flush()

    debug = info = warning = error = critical = msg


def _hidden(match: re.Match[str]) -> str:
    return f"{match['label'] or ''}{HIDDEN}"


def _where(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Which process says it, and in which trace."""
    if trace := trace_id():
        event.setdefault("trace", trace)
    for name, value in _process.about.items():
        event.setdefault(name, value)
    return event


def _listed_fields(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Listed fields with plain values; texts redacted, other objects (SecretStr) hidden."""
    return {name: _plain(value) for name, value in event.items() if name in FIELDS}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(value) if isinstance(value, str) else HIDDEN
