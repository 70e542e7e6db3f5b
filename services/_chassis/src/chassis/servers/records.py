"""Records in MongoDB: a document a record, changed by single-document operations alone.

A document's id is tenant, tab and key, so that ids are in the order of tenant and key, and a
range of them is a tenant. Its tags are `name=value` strings under one index. No transaction is
used: one aggregate is one document is one update.

Every write leaves its token, the record's stamp. When an answer is lost, or a retry of the driver
meets what its first try did, the token tells whose write stands there. What can not be told raises
TransientError, and is the same to the caller as a process that died behind its write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pymongo import InsertOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from chassis.clock import Clock
from chassis.errors import TransientError
from chassis.records import Message, Record, may_change, new_stamp, of_one_collection
from chassis.servers import indexes
from chassis.servers.client import DRIVER_ERRORS, Database, Document, DriverError, failure
from chassis.servers.grouped import Grouped, told_apart

_BETWEEN = "\t"  # nothing that a tenant's name may hold comes before it
_BEHIND = "\n"  # the character behind it: ends the range of a tenant's ids
_LOOK = {"version": 1, "made": 1, "write": 1}
_HELD = {"outgoing": "", "held": ""}


class MongoRecords:
    """Implements `chassis.records.Records`.

    `held_s`: how long a record's messages are left to the process that stored them before
    `with_outgoing` shows them to others.
    """

    is_local: ClassVar[bool] = False

    def __init__(self, database: Database, clock: Clock, *, held_s: float = 0.0) -> None:
        self._database = database
        self._grouped: dict[str, Grouped] = {}
        self._clock = clock
        self._held = timedelta(seconds=held_s)

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        found = await _reached(self._of(collection).find(_id(tenant, key)))
        return None if found is None else _record(collection, found)

    async def insert(self, record: Record) -> bool:
        document = self._new(record)
        token = document["made"]
        try:
            await self._of(record.collection).insert(document)
        except DuplicateKeyError:
            found = await self._look(record)
            return found is not None and found["made"] == token
        except DRIVER_ERRORS as error:
            found = await self._look_after(error, record)
            if found is None:
                raise failure(error) from error
            return bool(found["made"] == token)
        return True

    async def insert_in_order(self, records: Sequence[Record]) -> int:
        """An answer that is lost leaves open how many stand: TransientError, and look."""
        if not records:
            return 0
        collection = of_one_collection(records)
        new = [self._new(record) for record in records]
        try:
            await self._database[collection].bulk_write([InsertOne(one) for one in new])
        except BulkWriteError as some:
            told = told_apart(some, len(new))
            number, error = next((n, e) for n, e in enumerate(told) if e is not None)
            if not isinstance(error, DuplicateKeyError):
                raise failure(error) from some
            found = await self._look(records[number])
            if found is not None and found["made"] == new[number]["made"]:
                text = f"{collection} {records[number].key} was inserted by a try that was lost"
                raise TransientError("store-contended", text) from some
            return number
        except DRIVER_ERRORS as error:
            raise failure(error) from error
        return len(new)

    async def replace(self, record: Record) -> bool:
        may_change(record.collection)
        token = _stamp_for(record)
        version = record.version + 1
        change = {"$set": self._content(record, token, version)}
        if not record.outgoing:
            change["$unset"] = _HELD
        stored = {"_id": _id(record.tenant, record.key), "version": record.version}
        try:
            done = await self._of(record.collection).update(stored, change)
        except DRIVER_ERRORS as error:
            found = await self._look_after(error, record)
            if found is None or found["version"] != version:
                raise failure(error) from error
            return bool(found["write"] == token)
        if done is None:
            text = f"{record.collection} {record.key} was changed twice, perhaps once from here"
            raise TransientError("store-contended", text)
        return done

    async def clear(self, record: Record) -> None:
        which: Document = {"_id": _id(record.tenant, record.key), "write": record.stamp}
        await _reached(self._of(record.collection).clear(which, {"$unset": _HELD}))

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        """After a lost answer, gone is taken for deleted here."""
        may_change(collection)
        try:
            done = await self._database[collection].delete_one({"_id": _id(tenant, key)})
        except PyMongoError as error:
            if await self._look_after(error, Record(tenant, collection, key, 0, b"")):
                raise failure(error) from error
            return True
        return bool(done.deleted_count)

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
        ids = {"$gt": _id(tenant, after), "$lt": f"{tenant}{_BEHIND}"}
        return await self._select(
            collection, {**_tagged(collection, tag, value), "_id": ids}, limit
        )

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        ids = {"$gt": _id(tenant, ""), "$lt": f"{tenant}{_BEHIND}"}
        where = {"tags": {"$in": [_tagged(collection, tag, v)["tags"] for v in sorted(values)]}}
        return await self._select(collection, {**where, "_id": ids}, limit)

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        ids = {"$gte": _id(tenant, ""), "$lt": f"{tenant}{_BEHIND}"}
        where = {**_tagged(collection, tag, value), "_id": ids}
        return int(await _reached(self._database[collection].count_documents(where)))

    async def sweep(
        self, collection: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """`after` is `tenant/key` of the last record seen; tenants have no slash in their name."""
        tenant, _, key = after.partition("/")
        where = {**_tagged(collection, tag, value), "_id": {"$gt": _id(tenant, key)}}
        return await self._select(collection, where, limit)

    async def with_outgoing(self, *, limit: int = 100) -> list[Record]:
        before = self._clock.now() - self._held
        found: list[Record] = []
        names = set(await _reached(self._database.list_collection_names()))
        for name in sorted(names - indexes.SILENT):
            if len(found) < limit and not name.startswith("system."):
                where = {"held": {"$lte": before}}
                cursor = self._database[name].find(where).sort("held", 1)
                rows = await _reached(cursor.limit(limit - len(found)).to_list())
                found += [_record(name, row) for row in rows]
        return found

    def _of(self, collection: str) -> Grouped:
        if collection not in self._grouped:
            self._grouped[collection] = Grouped(self._database[collection])
        return self._grouped[collection]

    async def _select(self, collection: str, where: Document, limit: int) -> list[Record]:
        cursor = self._database[collection].find(where).sort("_id", 1).limit(limit)
        return [_record(collection, row) for row in await _reached(cursor.to_list())]

    def _new(self, record: Record) -> Document:
        """What an insert stores."""
        token = _stamp_for(record)
        content = self._content(record, token, version=1)
        return {"_id": _id(record.tenant, record.key), "made": token, **content}

    def _content(self, record: Record, token: bytes, version: int) -> Document:
        """What every write of a record says."""
        content: Document = {
            "version": version,
            "body": record.body,
            "tags": [_tag(name, value) for name, value in sorted(record.tags.items())],
            "write": token,
        }
        if record.outgoing:
            assert record.collection not in indexes.SILENT, f"{record.collection} is not swept"
            content["outgoing"] = [_outgoing(m) for m in record.outgoing]
            content["held"] = self._clock.now()
        return content

    async def _look_after(self, error: DriverError, record: Record) -> Document | None:
        """What stands there after a write that may have happened; other failures are raised."""
        why = failure(error)
        if not isinstance(why, TransientError):
            raise why from error
        return await self._look(record)

    async def _look(self, record: Record) -> Document | None:
        where = {"_id": _id(record.tenant, record.key)}
        return await _reached(self._database[record.collection].find_one(where, _LOOK))


async def _reached[T](asked: Awaitable[T]) -> T:
    """What MongoDB answers, or its failure in our words."""
    try:
        return await asked
    except PyMongoError as error:
        raise failure(error) from error


def _id(tenant: str, key: str) -> str:
    assert _BETWEEN not in tenant, "a tab ends the tenant in an id"
    return f"{tenant}{_BETWEEN}{key}"


def _stamp_for(record: Record) -> bytes:
    """The outbox names a write with messages itself; what was read has the stamp of another."""
    return (record.outgoing and record.stamp) or new_stamp()


def _tag(name: str, value: str) -> str:
    assert "=" not in name, "the first = ends a tag's name"
    return f"{name}={value}"


def _tagged(collection: str, tag: str, value: str) -> Document:
    assert collection not in indexes.BY_KEY, f"{collection} has no index by tag"
    return {"tags": _tag(tag, value)}


def _record(collection: str, found: Document) -> Record:
    tenant, _, key = found["_id"].partition(_BETWEEN)
    tags = dict(tag.split("=", 1) for tag in found["tags"])
    outgoing = tuple(_message(m) for m in found.get("outgoing", ()))
    body = bytes(found["body"])
    stamp = bytes(found["write"])
    return Record(tenant, collection, key, found["version"], body, tags, outgoing, stamp)


def _outgoing(message: Message) -> Document:
    return {
        "topic": message.topic,
        "key": message.key,
        "value": message.value,
        "headers": dict(message.headers),
    }


def _message(found: dict[str, Any]) -> Message:
    return Message(found["topic"], found["key"], bytes(found["value"]), found["headers"])
