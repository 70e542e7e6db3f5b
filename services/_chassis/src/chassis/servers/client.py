"""MongoDB's client, with the concerns that nobody may forget set where it is made."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from chassis.servers.settings import ServerSettings

type Document = dict[str, Any]
type Database = AsyncDatabase[Document]


def open_client(settings: ServerSettings) -> AsyncMongoClient[Document]:
    """Acknowledged means on the disk of a majority; what is read can not be rolled back."""
    return AsyncMongoClient(
        settings.mongodb,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        retryWrites=True,
        retryReads=True,
        serverSelectionTimeoutMS=int(settings.request_timeout_s * 1000),
        connectTimeoutMS=int(settings.request_timeout_s * 1000),
        socketTimeoutMS=int(settings.request_timeout_s * 1000),
        appname=f"chargeline-{settings.replica}"[:128],
    )
