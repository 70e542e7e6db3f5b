"""The collections and indexes as declared; a collection has those of two that it is looked up by.

An index costs every write of its collection: half as much again in what was measured.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from chassis.servers.client import Document, failure, open_client
from chassis.servers.settings import ServerSettings

COLLECTIONS = (
    *("bodies", "jobs", "leases", "parked", "parked_lanes"),  # the chassis
    *("commands", "projections", "runs", "secrets", "settings", "tenants"),  # the gateway
    *("counts", "occurrences", "schedules", "syncs"),  # the gateway's counts and schedules
    *("audit", "directory", "idempotency", "keys"),  # the gateway over REST
    *("newest", "setups"),
    *("deliveries", "events", "incoming", "webhooks"),  # the gateway's events
    *("attempts", "devices", "invitations", "sessions", "subscriptions"),  # sign-in
    *("user-names", "users"),
    *("batches", "documents", "pages", "readings", "snapshots"),  # ingest
    *("answers", "catalogs", "charges", "items", "suggestions"),  # lifecycle
    *("answers-poster", "batches-to-post", "plans", "postings"),  # posters
    *("count-links", "count-writes", "counts-posted"),  # the poster for HaloPSA
)
BY_TAG = "by_tag"
HELD = "held"

# Found by their keys alone.
BY_KEY = frozenset(
    {"answers", "answers-poster", "batches", "batches-to-post", "charges", "leases", "plans"}
)
# Their records never hold messages to publish.
SILENT = frozenset(
    {
        *("bodies", "jobs", "leases", "parked", "secrets", "settings"),
        *("audit", "deliveries", "directory", "events", "idempotency", "keys", "webhooks"),
        *("attempts", "devices", "invitations", "sessions", "subscriptions"),
        *("user-names", "users"),
        *("batches-to-post", "pages"),
    }
)


def declared(collection: str) -> Sequence[IndexModel]:
    """`find`, `count` and `sweep` go by tag and then by key; `with_outgoing` by what is held."""
    by_tag = IndexModel([("tags", ASCENDING), ("_id", ASCENDING)], name=BY_TAG)
    held = IndexModel([("held", ASCENDING)], name=HELD, sparse=True)
    found = [] if collection in BY_KEY else [by_tag]
    return found if collection in SILENT else [*found, held]


async def apply(
    settings: ServerSettings, collections: Collection[str] = COLLECTIONS
) -> Sequence[str]:
    """Create what is missing; the names of what was made."""
    client = open_client(settings)
    made: list[str] = []
    try:
        database = client[settings.database]
        for name in sorted(collections):
            collection = database[name]
            there = await _names(collection)
            wanted = [index for index in declared(name) if index.document["name"] not in there]
            if wanted:
                made += [f"{name}.{i}" for i in await collection.create_indexes(wanted)]
    except PyMongoError as error:
        raise failure(error) from error
    finally:
        await client.close()
    return made


async def _names(collection: AsyncCollection[Document]) -> set[str]:
    return set(await collection.index_information())
