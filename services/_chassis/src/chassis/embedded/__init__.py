"""The embedded system's store and bus: one durable SQLite file in a data folder, one owner."""

from chassis.embedded.store import EmbeddedStore
from chassis.embedded.writer import Executor, InlineExecutor, ThreadExecutor

__all__ = ["EmbeddedStore", "Executor", "InlineExecutor", "ThreadExecutor"]
