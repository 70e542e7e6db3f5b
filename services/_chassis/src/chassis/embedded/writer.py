"""Executors: who runs the SQL. One writer with group commit on its thread, or all of it inline.

A piece of work is a function of a connection, and may be run again if its commit does not come
about. Works that wait at the same moment share one commit; one that fails takes no other with it.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from chassis.embedded.sqlite import failure, translated
from chassis.errors import TransientError

type Work[T] = Callable[[sqlite3.Connection], T]

_GROUP_MAX = 500  # works in one commit
_TURNS = 2  # of the loop that a work waits: what the same event has set going commits with it
_QUIET_S = 1.0  # without a commit; then what was committed moves into the file


class Executor(Protocol):
    """Writes are durable when awaited; `committed` runs on the loop right after the commit."""

    commits: int

    def start(self, writer: sqlite3.Connection | None, reader: sqlite3.Connection) -> None:
        """Take the connections over; without a writer every write is refused."""
        ...

    async def write[T](self, work: Work[T], committed: Callable[[T], None] | None = None) -> T:
        """Do it in a commit, and wait for that."""
        ...

    def submit[T](
        self, work: Work[T], committed: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        """Do it in a commit, in the order of calls."""
        ...

    def later(self, work: Work[None]) -> None:
        """Do it in the next commit that somebody waits for. Nobody hears whether it was done."""
        ...

    async def read[T](self, work: Work[T]) -> T:
        """Read what is committed."""
        ...

    def close(self) -> None:
        """Commit what was handed in, then close the connections."""
        ...


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    committed: Callable[[Any], None] | None
    future: asyncio.Future[Any] | None
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell whoever waits; who no longer waits still had the effect."""
        if self.error is None and self.committed is not None:
            self.committed(self.result)
        if self.future is None or self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def _commit_together(connection: sqlite3.Connection, group: list[_Waiting]) -> None:
    """Run the works and commit them as one; every one then has its result or its error.

    Hardly ever one fails: only then they are run again, each behind a savepoint of its own.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for waiting in group:
                waiting.result = waiting.work(connection)
        except Exception:  # noqa: BLE001 - whose it is, the second time tells
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for waiting in group:
                _attempt(connection, waiting)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for waiting in group:
            waiting.error = waiting.error or failure(error)


def _attempt(connection: sqlite3.Connection, waiting: _Waiting) -> None:
    connection.execute("SAVEPOINT work")
    try:
        waiting.result = waiting.work(connection)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever handed the work in
        waiting.error = failure(error) if isinstance(error, sqlite3.Error) else error
        connection.execute("ROLLBACK TO work")  # fails if SQLite gave the whole commit up
    connection.execute("RELEASE work")


class InlineExecutor:
    """Runs on the calling loop, without threads: deterministic where the loop is.

    `pause` is awaited before every call, so other tasks get their turn there, as they would with a
    store elsewhere; a simulation lets time pass in it, or ends the process.
    """

    def __init__(self, pause: Callable[[], Awaitable[None]] | None = None) -> None:
        self.commits = 0
        self._later: list[Work[None]] = []
        self._pause = pause or _next_turn
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    def start(self, writer: sqlite3.Connection | None, reader: sqlite3.Connection) -> None:
        self._writer, self._reader = writer, reader

    async def write[T](self, work: Work[T], committed: Callable[[T], None] | None = None) -> T:
        await self._pause()
        return await self.submit(work, committed)

    def submit[T](
        self, work: Work[T], committed: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(work, committed, future)
        if self._writer is None:
            waiting.error = _closed()
        else:
            works, self._later = self._later, []
            _commit_together(self._writer, [waiting, *map(_unheard, works)])
            self.commits += 1
        waiting.settle()
        return future

    def later(self, work: Work[None]) -> None:
        self._later.append(work)

    async def read[T](self, work: Work[T]) -> T:
        await self._pause()
        if self._reader is None:
            raise _closed()
        with translated():
            return work(self._reader)

    def close(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None


class ThreadExecutor:
    """One writer thread that commits whatever has queued up meanwhile; reads run at the caller.

    A read in WAL mode waits for nobody and mostly finds its pages in memory: the way to another
    thread and back would cost more than the read.
    """

    def __init__(self) -> None:
        self.commits = 0
        self._next: list[_Waiting] = []
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._later: queue.SimpleQueue[Work[None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._reader: sqlite3.Connection | None = None

    def start(self, writer: sqlite3.Connection | None, reader: sqlite3.Connection) -> None:
        self._reader = reader
        if writer is not None:
            self._thread = threading.Thread(
                target=self._run, args=(writer,), name="store-writer", daemon=True
            )
            self._thread.start()

    async def write[T](self, work: Work[T], committed: Callable[[T], None] | None = None) -> T:
        return await self.submit(work, committed)

    def submit[T](
        self, work: Work[T], committed: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._thread is None:
            future.set_exception(_closed())
            return future
        if not self._next:
            self._after_turns(_TURNS, future.get_loop())
        self._next.append(_Waiting(work, committed, future))
        return future

    def _after_turns(self, turns: int, loop: asyncio.AbstractEventLoop) -> None:
        if turns:
            loop.call_soon(self._after_turns, turns - 1, loop)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        group, self._next = self._next, []
        if group:
            self._queue.put(group)

    def later(self, work: Work[None]) -> None:
        self._later.put(work)

    async def read[T](self, work: Work[T]) -> T:
        if self._reader is None:
            raise _closed()
        try:
            return work(self._reader)
        except sqlite3.Error as error:
            raise failure(error) from error

    def close(self) -> None:
        if self._thread is not None:
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _run(self, connection: sqlite3.Connection) -> None:
        open_, moved = True, True
        while open_:
            group: list[_Waiting] = []
            try:
                waiting = self._queue.get(timeout=None if moved else _QUIET_S)
            except queue.Empty:
                _move(connection)
                moved = True
                continue
            while waiting is not None:
                group += waiting
                if len(group) >= _GROUP_MAX:
                    break
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
            open_ = waiting is not None
            if group:
                while not self._later.empty():  # this thread alone takes them out
                    group.append(_unheard(self._later.get()))
                _commit_together(connection, group)
                self.commits += 1
                moved = False
                _tell(group)
        connection.close()


def _move(connection: sqlite3.Connection) -> None:
    """What is committed moves into the file while nobody waits, so that hardly a run waits for it.

    As far as readers let it, and no failure counts: it stays committed where it is.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _tell(group: list[_Waiting]) -> None:
    """Settle the works on the loops they came from, with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        if waiting.future is not None:
            by_loop.setdefault(waiting.future.get_loop(), []).append(waiting)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(group: list[_Waiting]) -> None:
    for waiting in group:
        waiting.settle()


def _unheard(work: Work[None]) -> _Waiting:
    return _Waiting(work, None, None)


def _closed() -> TransientError:
    return TransientError("store-away", "the store is closed")


async def _next_turn() -> None:
    await asyncio.sleep(0)
