"""Records in MongoDB: a document a record, changed by single-document operations alone.

A document's id is `tenant/key`, so that a range of ids is a tenant, and its tags are `name=value`
strings under one index. No transaction is used: one aggregate is one document is one update.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    PyMongoError,
)

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError
from chassis.records import Message, Record
from chassis.servers.client import Database, Document

_TOKEN_BYTES = 9
_AFTER_SLASH = "0"  # the character behind "/": ends the range of a tenant's ids


class MongoRecords:
    """Implements `chassis.records.Records`.

    `held_s`: how long a record's messages are left to the process that stored them before
    `with_outgoing` shows them to others.
    """

    def __init__(self, database: Database, clock: Clock, *, held_s: float = 0.0) -> None:
        self._database = database
        self._clock = clock
        self._held = timedelta(seconds=held_s)

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        found = await _reached(self._database[collection].find_one({"_id": _id(tenant, key)}))
        return None if found is None else _record(collection, found)

    async def insert(self, record: Record) -> bool:
        document = self._document(record, version=1)
        try:
            await _written(self._database[record.collection].insert_one(document))
        except DuplicateKeyError:
            return False
        except ConnectionFailure as lost:
            return await self._look(record, document, lost)
        return True

    async def replace(self, record: Record) -> bool:
        document = self._document(record, version=record.version + 1)
        stored = {"_id": document["_id"], "version": record.version}
        try:
            done = await _written(self._database[record.collection].replace_one(stored, document))
        except ConnectionFailure as lost:
            return await self._look(record, document, lost)
        return bool(done.matched_count)

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        found = self._database[collection].delete_one({"_id": _id(tenant, key)})
        return bool((await _reached(found)).deleted_count)

    async def find(
        self,
        tenant: str,
        collection: str,
        tag: str,
        value: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[Record]:
        ids = {"$gt": _id(tenant, after), "$lt": f"{tenant}{_AFTER_SLASH}"}
        return await self._select(collection, {"tags": f"{tag}={value}", "_id": ids}, limit)

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        ids = {"$gt": _id(tenant, ""), "$lt": f"{tenant}{_AFTER_SLASH}"}
        where = {"tags": f"{tag}={value}", "_id": ids}
        return int(await _reached(self._database[collection].count_documents(where)))

    async def sweep(
        self, collection: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """`after` is `tenant/key` of the last record seen, which is its id."""
        where = {"tags": f"{tag}={value}", "_id": {"$gt": after}}
        return await self._select(collection, where, limit)

    async def with_outgoing(self, *, limit: int = 100) -> list[Record]:
        before = self._clock.now() - self._held
        found: list[Record] = []
        for name in sorted(await _reached(self._database.list_collection_names())):
            if len(found) < limit and not name.startswith("system."):
                where = {"held": {"$lte": before}}
                cursor = self._database[name].find(where).sort("held", 1)
                rows = await _reached(cursor.limit(limit - len(found)).to_list())
                found += [_record(name, row) for row in rows]
        return found

    async def _select(self, collection: str, where: Document, limit: int) -> list[Record]:
        cursor = self._database[collection].find(where).sort("_id", 1).limit(limit)
        return [_record(collection, row) for row in await _reached(cursor.to_list())]

    def _document(self, record: Record, version: int) -> Document:
        document: Document = {
            "_id": _id(record.tenant, record.key),
            "version": version,
            "body": record.body,
            "tags": [f"{name}={value}" for name, value in sorted(record.tags.items())],
            "write": os.urandom(_TOKEN_BYTES),  # by it a writer knows its own write again
        }
        if record.outgoing:
            document["outgoing"] = [_outgoing(m) for m in record.outgoing]
            document["held"] = self._clock.now()
        return document

    async def _look(self, record: Record, written: Document, lost: ConnectionFailure) -> bool:
        """The answer was lost, also on PyMongo's second try: see whether the write is there."""
        try:
            found = await self._database[record.collection].find_one({"_id": written["_id"]})
        except PyMongoError as error:
            raise _away(error) from lost
        if found is None or found["version"] < written["version"]:
            raise _away(lost) from lost
        return bool(found["write"] == written["write"])


async def _reached[T](asked: Awaitable[T]) -> T:
    """What MongoDB answers; anything but an answer is an outage."""
    try:
        return await asked
    except PyMongoError as error:
        raise _away(error) from error


async def _written[T](asked: Awaitable[T]) -> T:
    """As `_reached`, but duplicates and lost connections are for the caller to answer."""
    try:
        return await asked
    except (DuplicateKeyError, ConnectionFailure):
        raise
    except DocumentTooLarge as error:
        raise PermanentError("record-too-large", f"MongoDB takes 16 MB a record: {error}") from None
    except PyMongoError as error:
        raise _away(error) from error


def _away(error: PyMongoError) -> TransientError:
    return TransientError("store-away", f"MongoDB did not answer: {error}")


def _id(tenant: str, key: str) -> str:
    return f"{tenant}/{key}"


def _record(collection: str, found: Document) -> Record:
    tenant, _, key = found["_id"].partition("/")
    tags = dict(tag.split("=", 1) for tag in found["tags"])
    outgoing = tuple(_message(m) for m in found.get("outgoing", ()))
    body = bytes(found["body"])
    return Record(tenant, collection, key, found["version"], body, tags, outgoing)


def _outgoing(message: Message) -> Document:
    return {
        "topic": message.topic,
        "key": message.key,
        "value": message.value,
        "headers": dict(message.headers),
    }


def _message(found: dict[str, Any]) -> Message:
    return Message(found["topic"], found["key"], bytes(found["value"]), found["headers"])
