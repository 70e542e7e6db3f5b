"""Group commit over MongoDB: what is asked side by side of one collection goes as one command.

A command costs the driver and the server several times what a document in it does. So while one is
under way, the next collects whatever handlers ask meanwhile; nobody waits for company, and one by
itself goes as the plain operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    BulkWriteError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from chassis.servers.client import Document

type Change = tuple[Document, Document]  # which document, and the update

_AT_ONCE = 32  # as many messages as are handled side by side, so memory holds no more than before
_DUPLICATE = 11000


class Grouped:
    """Finds, inserts and updates of one collection, each by `_id`. Raises what the driver would."""

    def __init__(self, collection: AsyncCollection[Document]) -> None:
        self._collection = collection
        self._finds: _Group[str, Document | None] = _Group(self._found)
        self._inserts: _Group[Document, None] = _Group(self._inserted)
        self._updates: _Group[Change, bool | None] = _Group(self._updated)
        # By themselves: they often miss their record, and nobody needs to know.
        self._clears: _Group[Change, bool | None] = _Group(self._cleared)

    async def find(self, key: str) -> Document | None:
        """The document, as a command shows it that began after this was asked."""
        return await self._finds.ask(key)

    async def insert(self, document: Document) -> None:
        """DuplicateKeyError when its `_id` was there."""
        await self._inserts.ask(document)

    async def update(self, which: Document, update: Document) -> bool | None:
        """Whether a document was `which`, also if an earlier try of the driver made it another.

        The update sets `version` and `write`, which names it. None: the document was changed again
        since, and nobody can say.
        """
        return await self._updates.ask((which, update))

    async def clear(self, which: Document, update: Document) -> None:
        """An update of what may be gone by now."""
        await self._clears.ask((which, update))

    async def _found(self, keys: Sequence[str]) -> Sequence[Document | None]:
        if len(keys) == 1:
            return [await self._collection.find_one({"_id": keys[0]})]
        rows = await self._collection.find({"_id": {"$in": sorted(set(keys))}}).to_list()
        by_key = {row["_id"]: row for row in rows}
        return [by_key.get(key) for key in keys]

    async def _inserted(self, documents: Sequence[Document]) -> Sequence[Exception | None]:
        if len(documents) == 1:
            await self._collection.insert_one(documents[0])
            return [None]
        try:
            writes = [InsertOne(document) for document in documents]
            await self._collection.bulk_write(writes, ordered=False)
        except BulkWriteError as some:
            return told_apart(some, len(documents))
        return [None] * len(documents)

    async def _updated(self, changes: Sequence[Change]) -> Sequence[bool | Exception | None]:
        answers = await self._cleared(changes)
        if all(answers):
            return answers
        # Before the next command of ours: only another process can have come between.
        keys = sorted({which["_id"] for which, _ in changes})
        cursor = self._collection.find({"_id": {"$in": keys}}, {"version": 1, "write": 1})
        rows = {row["_id"]: row for row in await cursor.to_list()}
        return [
            answer
            if answer or isinstance(answer, Exception)
            else _seen(rows.get(which["_id"]), update["$set"], answer)
            for (which, update), answer in zip(changes, answers, strict=True)
        ]

    async def _cleared(self, changes: Sequence[Change]) -> Sequence[bool | Exception | None]:
        """False: it was not `which` at the last try. None: one of the group was not."""
        if len(changes) == 1:
            done = await self._collection.update_one(*changes[0])
            return [bool(done.matched_count)]
        try:
            writes = [UpdateOne(which, update) for which, update in changes]
            result = await self._collection.bulk_write(writes, ordered=False)
        except BulkWriteError as some:
            return told_apart(some, len(changes))
        return [True if result.matched_count == len(changes) else None] * len(changes)


def _seen(row: Document | None, new: Document, said: bool | None) -> bool | None:  # noqa: FBT001
    """Whether the update took place, by what stands there and by what the server said of it."""
    if row is None or row["write"] == new["write"]:
        return row is not None
    return None if said is None and row["version"] > new["version"] else False


def told_apart(error: BulkWriteError, number: int) -> Sequence[OperationFailure | None]:
    """What became of each: the errors name their places; a concern not met is everybody's."""
    said = error.details or {}
    concerns = said.get("writeConcernErrors") or ()
    found: list[OperationFailure | None] = [None] * number
    if concerns:
        first = concerns[0]
        unmet = WriteConcernError(first.get("errmsg", ""), first.get("code"), first)
        found = [unmet] * number
    for one in said.get("writeErrors", ()):
        kind = DuplicateKeyError if one["code"] == _DUPLICATE else OperationFailure
        found[one["index"]] = kind(one.get("errmsg", ""), one["code"], one)
    return found


class _Group[A, R]:
    """One command at a time; what is asked while it runs is the next one's."""

    def __init__(
        self, command: Callable[[Sequence[A]], Awaitable[Sequence[R | Exception]]]
    ) -> None:
        self._command = command
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._working: asyncio.Task[None] | None = None

    async def ask(self, item: A) -> R:
        """Its result, or the error that it met."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                results = await self._answers([item for item, _ in some])
                for (_, future), result in zip(some, results, strict=True):
                    if future.done():
                        continue  # nobody waits any more
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
        finally:
            self._working = None

    async def _answers(self, items: Sequence[A]) -> Sequence[R | Exception]:
        """For each of them, whatever happens: nobody waits for ever."""
        try:
            return await self._command(items)
        except PyMongoError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - what can not be encoded, or is too large
            # It says nothing about its neighbours: what of them was written by now, tokens tell.
            if len(items) == 1:
                return [error]
            return [answer for item in items for answer in await self._answers([item])]
