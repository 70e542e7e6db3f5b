"""Example: what has been posted per client and currency, from Chargeline's billing events.

    KAFKA=host:port TENANT=msp python consumer.py [--once]

It reads from the beginning each time; the ledger knows what it has taken. `--once` ends when all
that is there has been read, with 1 if that is not what a statement says. LEDGER names the SQLite
file, which is of one topic; TOPIC the topic if it has a prefix. Needs Python 3.12 and aiokafka.
"""

import asyncio
import json
import os
import sqlite3
import sys
from decimal import Decimal

from aiokafka import AIOKafkaConsumer

TABLES = """
CREATE TABLE IF NOT EXISTS seen (source, id, PRIMARY KEY (source, id));
CREATE TABLE IF NOT EXISTS documents (document PRIMARY KEY, revision, statement);
CREATE TABLE IF NOT EXISTS batches
    (batch PRIMARY KEY, document, revision, client, currency, posted);
"""
# The newest revision counts; among equal ones the last, because a tenant's events have an order.
PUT_BATCH = """INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    revision = excluded.revision, client = excluded.client, posted = excluded.posted
    WHERE excluded.revision >= revision"""
PUT_DOCUMENT = """INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
    revision = excluded.revision, statement = excluded.statement
    WHERE excluded.revision >= revision"""
# A batch that the last run to end did not form again is void: its charges are in other batches.
STANDING = """SELECT client, currency, posted, document, b.revision > d.revision
    FROM batches b LEFT JOIN documents d USING (document)
    WHERE b.revision >= coalesce(d.revision, 0)"""


class Ledger:
    """One tenant's money. An event and the note that it was taken are one transaction."""

    def __init__(self, path: str = ":memory:") -> None:
        self.db = sqlite3.connect(path)
        self.db.executescript(TABLES)

    def take(self, value: bytes) -> None:
        """An event may come again, with the same source and id: it counts once."""
        event = json.loads(value)
        data, key = event["data"], (event["source"], event["id"])
        with self.db:
            if not self.db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", key).rowcount:
                return
            if event["type"] == "chargeline.run.ended.v1":
                ended = (event["subject"], data["revision"], json.dumps(data["statement"]))
                self.db.execute(PUT_DOCUMENT, ended)
            elif (
                "batch" in data and data.get("command") != "undo"
            ):  # a refused undo changes nothing
                client = data.get("client_name") or data["bill_to"]
                row = (data["batch"], data["document"], data["revision"], client, data["currency"])
                money = [m["price"] for m in data.get("money", ()) if m["outcome"] == "posted"]
                self.db.execute(PUT_BATCH, (*row, str(sum(map(Decimal, money)))))

    def totals(self) -> dict[tuple[str, str], Decimal]:
        """What stands at the destination, by client and currency."""
        found: dict[tuple[str, str], Decimal] = {}
        for client, currency, posted, *_ in self.db.execute(STANDING):
            found[client, currency] = found.get((client, currency), Decimal(0)) + Decimal(posted)
        return found

    def checked(self) -> list[str]:
        """Each document's statement beside the sum of its batches."""
        rows, found = self.db.execute(STANDING).fetchall(), []
        for document, text in self.db.execute("SELECT document, statement FROM documents"):
            newer = any(row[4] for row in rows if row[3] == document)  # undone, or planned again
            for currency, sides in json.loads(text)["currencies"].items():
                total = sum(Decimal(r[2]) for r in rows if (r[3], r[1]) == (document, currency))
                said = Decimal(sides["price"]["posted"])
                sign = "=" if total == said else "since" if newer else "DIFFERS FROM"
                found.append(f"{document}  {currency}  {total} {sign} statement {said}")
        return sorted(found)


async def main(*, once: bool) -> int:
    ledger = Ledger(os.environ.get("LEDGER", "ledger.db"))
    before: dict[tuple[str, str], Decimal] = {}
    tenant, topic = os.environ["TENANT"].encode(), os.environ.get("TOPIC", "billing.events.v1")
    # Without a group there is nothing to commit: the ledger is where reading has come to.
    reading = {"group_id": None, "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=os.environ["KAFKA"], **reading) as kafka:
        ends = await kafka.end_offsets(kafka.assignment())
        while not once or any([await kafka.position(p) < end for p, end in ends.items()]):
            for records in (await kafka.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.key == tenant:
                        ledger.take(record.value)
            now = ledger.totals()
            for key in sorted(before.keys() | now.keys()):
                if before.get(key, 0) != now.get(key, 0):
                    sys.stdout.write(f"{'  '.join(key)}  {now.get(key, 0)}\n")
            before = now
    checked = ledger.checked()
    sys.stdout.write("\n".join(checked) + "\n")
    return 1 if any(" DIFFERS FROM " in line for line in checked) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(once="--once" in sys.argv)))
