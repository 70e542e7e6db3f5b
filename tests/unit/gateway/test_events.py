"""What becomes public of a fact: typed, the same when said again, and nothing unlisted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from chassis.records import Message
from gateway.domain.projection import ParkedBatch, Projection
from gateway.domain.run import Run, Stage
from gateway.domain.statement import statement
from gateway.events import about_batch, about_end, about_void, about_waiting
from schemas.messages import BatchHead
from support.json_schema import faults

from .facts import (
    KEPT,
    a_run,
    altered,
    done,
    held,
    money,
    normalized,
    of_batch,
    planned,
    refused,
    resolved,
    undone,
)
from .schema_of import schema_of


def told(facts: Iterable[BatchHead]) -> list[Message]:
    """What is said as the facts of one batch come in."""
    p = Projection(run="run", batch="b1")
    said: list[Message] = []
    for fact in facts:
        said += about_batch(fact, p)
        p = p.take(fact)
    return said


def read(message: Message) -> dict[str, Any]:
    """A valid event, as its record carries it."""
    event: dict[str, Any] = json.loads(message.value)
    schema = schema_of(event["type"])
    assert faults(event, schema, schema) == []
    assert message.topic == "billing.events.v1"
    assert message.key == event["data"]["tenant"]
    assert message.headers == {"content-type": "application/cloudevents+json"}
    return event


def kinds(messages: Iterable[Message]) -> list[str]:
    found = (read(message)["type"] for message in messages)
    return [kind.removeprefix("chargeline.").removesuffix(".v1") for kind in found]


def parked(revision: int = 1) -> ParkedBatch:
    text = "could not read Bearer abc123"
    return ParkedBatch(**of_batch("b1", revision), code="bug", text=text)


STORIES: dict[str, tuple[list[BatchHead], list[str]]] = {
    "posted": (
        [normalized(), resolved(), planned(), done()],
        ["posting.planned", "posting.done"],
    ),
    "posted otherwise than sent": (
        [normalized(), resolved(), done(matches=False, differences=(altered(),))],
        ["posting.done"],
    ),
    "held by lifecycle, then released": (
        [normalized(), held(), normalized(revision=2), resolved(revision=2), planned(revision=2)],
        ["charges.held", "charges.released", "posting.planned"],
    ),
    "held by its plan, then released": (
        [normalized(), resolved(), planned(code="latest-not-open"), resolved(revision=2)],
        ["charges.held", "charges.released"],
    ),
    "released once": (
        [normalized(), held(), resolved(revision=2), resolved(revision=3)],
        ["charges.held", "charges.released"],
    ),
    "held again": (
        [held(), resolved(revision=2), held(revision=3), resolved(revision=4)],
        ["charges.held", "charges.released", "charges.held", "charges.released"],
    ),
    "parked": ([normalized(), parked()], ["charges.held"]),
    "moved, and planned again": (
        [resolved(), planned(), refused(held=True), resolved(revision=2), planned(revision=2)],
        ["posting.planned", "posting.refused", "charges.released", "posting.planned"],
    ),
    "refused, and planned again": (
        [resolved(), planned(), refused(), resolved(revision=2), planned(revision=2)],
        ["posting.planned", "posting.refused", "posting.planned"],
    ),
    "undone": (
        [resolved(), planned(), done(), undone()],
        ["posting.planned", "posting.done", "posting.undone"],
    ),
    "undo refused": (
        [resolved(), planned(), done(), refused(revision=2, command="undo", code="undo-sent")],
        ["posting.planned", "posting.done", "posting.refused"],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_a_story_makes_public(name: str) -> None:
    facts, wanted = STORIES[name]
    said = told(facts)
    assert kinds(said) == wanted
    assert told(facts) == said, "the same facts say the same bytes"
    assert len({read(m)["id"] for m in said}) == len(said)


def test_an_event_names_the_client_and_its_money() -> None:
    facts = [normalized(), resolved(client_name="Acme"), planned(), done(external_ids=("5001",))]
    event = read(told(facts)[-1])
    assert event["source"] == "chargeline/msp"
    assert event["subject"] == "b1"
    data = event["data"]
    assert (data["client"], data["client_name"], data["currency"]) == (1, "Acme", "USD")
    assert data["external_ids"] == ["5001"]
    [entry] = data["money"]
    assert entry == {
        "outcome": "posted",
        "reason": "",
        "lines": 2,
        "price": "30.00",
        "cost": "30.00",
    }


def test_an_undone_batch_still_names_its_client() -> None:
    event = read(told([resolved(client_name="Acme"), planned(), done(), undone()])[-1])
    assert event["data"]["client_name"] == "Acme"
    assert event["data"]["revision"] == 2


def test_what_the_plan_holds_is_counted_as_held() -> None:
    entries = (*money("held", "latest-not-open"), *money("posted", amount=Decimal("1.00")))
    event = read(told([resolved(), planned(code="latest-not-open", money=entries)])[-1])
    data = event["data"]
    assert (data["stage"], data["code"]) == ("plan", "latest-not-open")
    assert (data["held_lines"], data["held_price"]) == (2, "30.00")


def test_a_hold_of_lifecycle_and_a_fault_of_the_same_pass_are_two_events() -> None:
    first, second = (read(m) for m in told([normalized(), held(), parked()]))
    assert first["id"] != second["id"]
    assert second["data"]["stage"] == "parked"
    assert second["data"]["held_price"] == "30.00"


def test_what_a_fault_says_stays_inside() -> None:
    [said] = told([parked()])
    assert b"Bearer" not in said.value
    assert read(said)["data"]["code"] == "bug"


def test_a_field_that_services_tell_one_another_is_not_public_by_itself() -> None:
    [said] = told([done().model_copy(update={"settings": "secret-version"})])
    assert b"secret-version" not in said.value
    assert "body" not in read(said)["data"]


def test_the_ids_of_the_first_events_are_kept() -> None:
    """Whoever has taken them must not take them again."""
    assert read(told([done()])[0])["id"] == "event_87002cc6e294b3b8941b8e9ad75c92b9"


def test_a_tenant_is_part_of_a_uri() -> None:
    [said] = told([done().model_copy(update={"tenant": "müller & co"})])
    assert json.loads(said.value)["source"] == "chargeline/m%C3%BCller%20%26%20co"
    assert said.key == "müller & co"


def pass_over(run: Run, *facts: BatchHead) -> Projection:
    p = Projection(run=run.run, batch=facts[0].batch)
    for fact in facts:
        p = p.take(fact)
    return p


def test_a_held_batch_that_was_formed_into_another_is_void() -> None:
    run = a_run(revision=2)
    old = pass_over(run, normalized("company"), held("company"))
    new = pass_over(run, normalized("client", revision=2))
    posted = pass_over(run, normalized("gone"), resolved("gone"), planned("gone"), done("gone"))
    [said] = about_void(run, [old, new, posted])
    event = read(said)
    assert (event["type"], event["subject"]) == ("chargeline.charges.released.v1", "company")
    assert (event["data"]["reason"], event["data"]["revision"]) == ("void", 2)
    third = a_run(revision=3)
    assert about_void(third, [old, pass_over(third, normalized("client", revision=2))]) == ()


def test_a_run_waits_once_for_each_approval() -> None:
    run = a_run(stage=Stage.PLANNED)
    more = run.model_copy(update={"approved": 2})
    items = run.model_copy(update={"stage": Stage.ITEMS})
    said = [read(m) for r in (run, more, items, run) for m in about_waiting(r)]
    assert [event["data"]["waits_for"] for event in said] == ["plans", "plans", "items", "plans"]
    assert len({event["id"] for event in said}) == 3


def test_a_run_ends_with_its_statement() -> None:
    run = a_run(stage=Stage.ENDED)
    facts = [normalized(), resolved(), planned(), done()]
    proof = statement(run, [pass_over(run, *facts)])
    [said] = about_end(run, proof)
    data = read(said)["data"]
    assert data["statement"]["currencies"]["USD"]["price"]["posted"] == str(KEPT)
    assert data["problem"] is None


def test_a_held_document_says_so_before_its_run_ends() -> None:
    news: dict[str, Any] = {
        "problem": "document-incomplete",
        "text": "119 of 120",
        "rows_read": 119,
    }
    run = a_run(stage=Stage.ENDED, rows_promised=120, **news)
    said = about_end(run, statement(run, ()))
    assert kinds(said) == ["document.held", "run.ended"]
    data = read(said[0])["data"]
    assert (data["code"], data["rows_read"], data["rows_promised"]) == (run.problem, 119, 120)
    assert data["received"]["USD"]["price"] == "35.00"
    assert read(said[1])["data"]["statement"]["complete"] is False


def test_an_overtaken_run_holds_nothing() -> None:
    run = a_run(stage=Stage.ENDED, problem="superseded")
    assert kinds(about_end(run, statement(run, ()))) == ["run.ended"]
