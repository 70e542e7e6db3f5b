"""A stored body changed behind everybody's back, as somebody who reaches the store could."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from chassis.embedded.sqlite import FILE
from support.stores import servers_for

type Edit = Callable[[bytes], bytes]

PAGES = "pages"


def edit_page(folder: Path, edit: Edit) -> None:
    """Of the first page; nobody else owns the folder."""
    servers = servers_for(folder)
    if servers is not None:
        with MongoClient[dict[str, Any]](servers.mongodb) as client:
            pages = client[servers.database][PAGES]
            page = pages.find_one(sort=[("_id", 1)])
            assert page is not None, "a document was read"
            pages.update_one({"_id": page["_id"]}, {"$set": {"body": edit(page["body"])}})
        return
    with sqlite3.connect(folder / FILE) as store:
        number, body = store.execute(
            "SELECT id, body FROM records WHERE collection = ? ORDER BY key LIMIT 1", (PAGES,)
        ).fetchone()
        store.execute("UPDATE records SET body = ? WHERE id = ?", (edit(body), number))
    store.close()
