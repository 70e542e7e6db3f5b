"""MongoDB's client, with the concerns that nobody may forget set where it is made.

A write is acknowledged when a majority has it in its journal; a read shows what a majority has.
MongoDB lets a write that changed nothing wait for what it saw, too: whoever is told that somebody
else was there finds it by reading.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    InvalidOperation,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.monitoring import CommandListener

from chassis.errors import PermanentError, TransientError
from chassis.servers.settings import ServerSettings

type Document = dict[str, Any]
type Database = AsyncDatabase[Document]
type DriverError = PyMongoError | DocumentTooLarge

DRIVER_ERRORS = (PyMongoError, DocumentTooLarge)  # the second is none of the first

_SAID_CHARS = 300


def open_client(
    settings: ServerSettings, listeners: Sequence[CommandListener] = ()
) -> AsyncMongoClient[Document]:
    """Connects at first use. The time limit is a call's, with all its retries.

    The server is told it, too, so a write that nobody waits for any more does not land much later.
    Raises PermanentError `environment` for an address or option that the driver can not read.
    """
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            # An option that it can not read the driver leaves out, with a warning: `tls`, say.
            return AsyncMongoClient(
                settings.mongodb,
                w="majority",
                journal=True,
                readConcernLevel="majority",
                readPreference="primary",
                retryWrites=True,
                retryReads=True,
                timeoutMS=int(settings.request_timeout_s * 1000),
                appname=f"chargeline-{settings.replica}"[:128],
                event_listeners=listeners,
            )
    except (PyMongoError, ValueError, TypeError, OSError, UserWarning) as error:
        text = f"CHARGELINE_MONGODB: {_unreadable(settings.mongodb, error)}"
        raise PermanentError("environment", text) from None


def failure(error: DriverError) -> Exception:
    """What an error of the driver means to whoever asked; what is not known here is a bug."""
    code = error.code if isinstance(error, OperationFailure) else None
    if isinstance(error, DocumentTooLarge) or code in _TOO_LARGE:
        return PermanentError("record-too-large", f"MongoDB takes 16 MB a record: {_said(error)}")
    away = isinstance(error, (ConnectionFailure, WriteConcernError)) or code in _AWAY
    closed = isinstance(error, InvalidOperation) and "after close" in str(error)
    if away or closed or error.timeout or error.has_error_label("RetryableWriteError"):
        return TransientError("store-away", f"MongoDB did not answer: {_said(error)}")
    return error


def _unreadable(address: str, error: Exception) -> str:
    """The driver's words, unless they may quote a password: one with `/` or `?` as it is."""
    _, _, options = address.partition("?")
    if isinstance(error, InvalidURI) or "@" in options:
        return (
            "it can not be read as mongodb://user:password@host:port/?options, where user and"
            " password are percent-encoded"
        )
    return _said(error)


def _said(error: Exception) -> str:
    """Its first words; the whole topology follows them."""
    return str(error)[:_SAID_CHARS]


_TOO_LARGE = frozenset({10334, 17419, 17420})
_AWAY = frozenset(
    {
        6,  # host unreachable
        7,  # host not found
        13,  # unauthorized: somebody gives the right, and the work goes on
        18,  # login refused, likewise
        50,  # over the time limit
        64,  # write concern failed
        79,  # write concern not known
        89,  # network timeout
        91,  # shutdown in progress
        100,  # too few members for the write concern
        112,  # write conflict
        133,  # no primary found
        134,  # a majority's view is not there yet
        189,  # primary stepped down
        262,  # over the time limit
        9001,  # socket
        10058,  # not primary, in old servers' words
        10107,  # not primary
        11600,  # interrupted by a shutdown
        11602,  # interrupted by an election
        13388,  # stale configuration
        13435,  # not primary
        13436,  # not primary, recovering
        14031,  # disk full
    }
)
