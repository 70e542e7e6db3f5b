"""Compares the destination's final state with what must stand there, line by line."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from oracle.expect import Expected, cents, expectations

Row = Mapping[str, Any]
STAMP = "line_"
COMMENTS = ("comment_1", "comment_2")
Kind = Literal["lost", "doubled", "unbalanced"]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong at the destination, with the line it is about."""

    kind: Kind
    line: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.line}: {self.text}"


@dataclass
class Verdict:
    """What the oracle has found; nothing is a good verdict."""

    checked: int = 0
    billed: int = 0
    faults: list[Fault] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Fault]:
        return [one for one in self.faults if one.kind == kind]

    @property
    def lost(self) -> int:
        return len(self.of("lost"))

    @property
    def doubled(self) -> int:
        return len(self.of("doubled"))

    @property
    def unbalanced(self) -> int:
        return len(self.of("unbalanced"))

    def say(self, kind: Kind, line: str, text: str) -> None:
        self.faults.append(Fault(kind, line, text))

    def __str__(self) -> str:
        head = f"lost={self.lost} doubled={self.doubled} unbalanced={self.unbalanced}"
        return "\n".join([head, *(f"  {fault}" for fault in self.faults)])


@dataclass(frozen=True)
class Standing:
    """One line of ours at the destination."""

    stamp: str
    invoice: int
    client: int
    currency: str
    price: Decimal
    cost: Decimal
    text: str
    day: str  # of the document that the line came with
    copied_from: int  # the recurring invoice that this invoice was made from


def judge(load: Row, settings: Row, state: Row) -> Verdict:
    """`load`: {"pax8", "halopsa", "person"?}, as it was put in; `state`: HaloPSA's entities now.

    `person`: what somebody did in HaloPSA's own screens to lines that are not ours, in order.
    """
    verdict = Verdict()
    lines = expectations(load["pax8"], load["halopsa"], settings)
    verdict.checked = len(lines)
    standing = list(ours_in(state))
    _once(standing, verdict)
    _stale(load, lines, standing, verdict)
    _compare([one for one in lines if one.outcome == "billed"], distinct(standing), verdict)
    _foreign(load, state, verdict)
    return verdict


def ours_in(state: Row) -> Iterable[Standing]:
    codes = {int(row["id"]): str(row["code"]) for row in state.get("currencies", ())}
    for table in ("invoices", "recurring_invoices"):
        for invoice in state.get(table, ()):
            if invoice.get("voided"):
                continue
            for line in invoice.get("lines", ()):
                stamp = stamp_of(line)
                if stamp is not None:
                    yield _standing(stamp.split(" "), invoice, line, codes)


def stamp_of(line: Row) -> str | None:
    """Our comment, if the line has one: its first word is the line, its fourth the day."""
    for name in COMMENTS:
        text = line.get(name)
        if isinstance(text, str) and text.startswith(STAMP):
            return text
    return None


def _standing(words: list[str], invoice: Row, line: Row, codes: Mapping[int, str]) -> Standing:
    currency = codes.get(int(invoice.get("currency_code") or 0), "")
    quantity = Decimal(str(line.get("qty_order") or 0))
    number = int(invoice["id"])
    return Standing(
        stamp=words[0],
        invoice=number,
        client=int(invoice["client_id"]),
        currency=currency,
        price=cents(quantity * Decimal(str(line.get("unit_price") or 0)), currency),
        cost=cents(quantity * Decimal(str(line.get("unit_cost") or 0)), currency),
        text=str(line.get("item_shortdescription") or ""),
        day=words[3] if len(words) > 3 else "",
        copied_from=int(invoice.get("recurring_invoice_id") or 0) if number > 0 else 0,
    )


def _once(standing: Sequence[Standing], verdict: Verdict) -> None:
    """A stamp stands on one invoice; and beside it on the recurring one that it was made from."""
    by_stamp: dict[str, list[Standing]] = defaultdict(list)
    for one in standing:
        by_stamp[one.stamp].append(one)
    for stamp, places in sorted(by_stamp.items()):
        real = [one for one in places if one.invoice > 0]
        planned = [one for one in places if one.invoice < 0]
        by_itself = [one for one in real if not one.copied_from]
        too_often = len(real) > 1 or len(planned) > 1 or (by_itself and planned)
        if too_often:
            where = ", ".join(str(one.invoice) for one in places)
            verdict.say("doubled", stamp, f"{places[0].price} stands on invoices {where}")


def _stale(
    load: Row, lines: Sequence[Expected], standing: Sequence[Standing], verdict: Verdict
) -> None:
    """A recurring invoice has the newest document's lines alone: the next one bills them all."""
    days = {
        str(e["invoice"]["id"]): str(e["invoice"]["invoiceDate"]) for e in load["pax8"]["invoices"]
    }
    newest = max(days, key=lambda document: days[document], default="")
    held = {one.client for one in lines if one.document == newest and one.outcome == "held"}
    for one in standing:
        if one.invoice < 0 and one.day < days[newest] and one.client not in held:
            text = f"{one.price} of {one.day} is still on recurring invoice {one.invoice}"
            verdict.say("doubled", one.stamp, text)


def distinct(standing: Iterable[Standing]) -> list[Standing]:
    """One standing line a stamp: what was billed, else what will be."""
    found: dict[str, Standing] = {}
    for one in sorted(standing, key=lambda s: -s.invoice):
        found.setdefault(one.stamp, one)
    return list(found.values())


def _compare(lines: Sequence[Expected], standing: Sequence[Standing], verdict: Verdict) -> None:
    """By client, currency and amounts; what is left over is paired by text, then named."""
    open_: dict[tuple[Any, ...], list[Standing]] = defaultdict(list)
    for one in standing:
        open_[one.client, one.currency, one.price, one.cost].append(one)
    left: list[Expected] = []
    for line in lines:
        verdict.billed += 1
        there = open_.get((line.client, line.currency, line.money, line.cost_money))
        if there:
            there.pop()
        else:
            left.append(line)
    rest = [one for several in open_.values() for one in several]
    for line in left:
        same = next((one for one in rest if _alike(line, one)), None)
        if same is None:
            verdict.say("lost", line.name, f"{line.money} {line.currency} of client {line.client}")
        else:
            rest.remove(same)
            text = f"{line.money}/{line.cost_money} stands as {same.price}/{same.cost}"
            verdict.say("unbalanced", line.name, f"{text} on invoice {same.invoice} ({same.stamp})")
    for one in rest:
        text = (
            f"{one.price} of client {one.client} on invoice {one.invoice} was asked for by no line"
        )
        verdict.say("doubled", one.stamp, text)


def _alike(line: Expected, there: Standing) -> bool:
    if (line.client, line.currency) != (there.client, there.currency):
        return False
    wanted, found = line.text.replace("$", "").split(), there.text.replace("$", "").split()
    return wanted[:3] == found[:3]


def _foreign(load: Row, state: Row, verdict: Verdict) -> None:
    """Other people's lines are what they were, byte for byte, and their invoices still stand."""
    for table in ("invoices", "recurring_invoices"):
        now = {int(row["id"]): row for row in state.get(table, ())}
        for before in load["halopsa"].get(table, ()):
            wanted = _after_person(table, before, load.get("person", ()))
            if wanted is None:
                continue
            found = now.get(int(before["id"]))
            name = f"{table} {before['id']}"
            if found is None:
                verdict.say("unbalanced", name, "is gone")
                continue
            _same_lines(name, wanted, found, verdict)
        loaded = {int(row["id"]) for row in load["halopsa"].get(table, ())}
        for number, row in now.items():
            if number > 0 and number not in loaded and not row.get("recurring_invoice_id"):
                for line in row.get("lines", ()):
                    if stamp_of(line) is None:
                        verdict.say("doubled", f"{table} {number}", "a line that is nobody's")


def _same_lines(name: str, wanted: Row, found: Row, verdict: Verdict) -> None:
    there = {int(line["id"]): line for line in found.get("lines", ()) if stamp_of(line) is None}
    for line in wanted.get("lines", ()):
        now = there.pop(int(line["id"]), None)
        about = f"{name} line {line['id']}"
        if now is None:
            verdict.say("lost", about, "somebody else's line is gone")
        elif changed := sorted(k for k in line if _bytes(line[k]) != _bytes(now.get(k))):
            texts = [f"{k}: {line[k]!r} became {now.get(k)!r}" for k in changed]
            verdict.say("unbalanced", about, "; ".join(texts))
    for number in there:
        verdict.say("doubled", f"{name} line {number}", "a line that is nobody's")


def _after_person(table: str, before: Row, edits: Sequence[Row]) -> Row | None:
    """The loaded invoice with what people did to it since; None: they have deleted it."""
    row: dict[str, Any] = {**before, "lines": [dict(line) for line in before.get("lines", ())]}
    for edit in edits:
        if edit.get("entity") != table or int(edit.get("id") or 0) != int(before["id"]):
            continue
        if edit.get("delete"):
            return None
        given = edit.get("line") or {}
        for line in row["lines"]:
            if given and int(line["id"]) == int(given.get("id") or 0):
                line.update(given)
    return row


def _bytes(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)
