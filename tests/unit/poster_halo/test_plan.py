"""plan() is pure: equal things plan nothing, every line is planned once, entries add up."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from poster_halo import facts
from poster_halo.domain.amounts import Precision
from poster_halo.domain.compare import compare
from poster_halo.domain.desired import Desired, decided_lines, desired_lines
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.plan import plan
from poster_halo.domain.shape import Batch, Elsewhere, Operation, Plan
from poster_halo.domain.sold import Item, cut, escaped
from poster_halo.domain.stamps import Origin, is_stamp, words_of
from poster_halo.translate import Reader, Writer, raw_rows, raw_text
from schemas.accounts import HaloAccount
from schemas.charges import DecidedLine, DecidedLines
from schemas.settings import EffectivePolicy
from support.poster import charge
from vendors import json
from vendors.halopsa import HaloInvoice

ACCOUNT = HaloAccount()
READER = Reader.of(ACCOUNT, {"USD": 1})
DAY = date(2026, 11, 5)


def batch(**policy: Any) -> Batch:
    return Batch(
        tenant="t1",
        plan="plan_1",
        document="doc_1",
        currency="USD",
        client=42,
        policy=EffectivePolicy.model_validate(policy),
        origin=Origin("CL-1a2b3c4d", "2026-11-01", "pax8"),
        recurring=-94,
    )


def wanted(lines: Sequence[DecidedLine], *selection: str) -> list[Desired]:
    rows = decided_lines(DecidedLines.dump_json(list(lines)))
    return desired_lines(rows, {"pax8:p1:monthly": Item(901)}, Precision.of("USD", 4, 4), selection)


def observed(*documents: Document) -> Observed:
    seen = Observed(DAY, date(2026, 9, 1), currencies={"USD": 1})
    seen.add(documents)
    return seen


def sent(made: Plan, operation: Operation) -> dict[str, Any]:
    """The body of a create as HaloPSA gets it."""
    body = Writer(ACCOUNT, {"USD": 1}, "2026-11-05").create(made.batch, operation)
    return dict(json.loads(json.dumps(body)))


def shown(made: Plan, operation: Operation, number: int, **changes: Any) -> Document:
    """The invoice that HaloPSA shows after a faithful write."""
    body = sent(made, operation)
    for n, line in enumerate(body["lines"]):
        line |= {"id": 100 * number + n, "net_amount": line["qty_order"] * line["unit_price"]}
    return READER.document(HaloInvoice({"id": number, **body, **changes}))


charges = st.lists(
    st.builds(
        lambda q, p, c: (str(q), f"{p / 10_000:.4f}", f"{c / 10_000:.4f}"),
        st.integers(-5, 50),
        st.integers(0, 5_000_000),
        st.integers(0, 5_000_000),
    ),
    max_size=12,
)


def _lines(drawn: list[tuple[str, str, str]]) -> list[DecidedLine]:
    return [
        charge(n, quantity=q, price=p, cost=c, order=f"PO-{n % 3}")
        for n, (q, p, c) in enumerate(drawn)
    ]


@given(drawn=charges, per=st.sampled_from(["client", "order"]), stand=st.integers(0, 12))
def test_every_line_is_planned_once_and_the_plan_of_equals_is_empty(
    drawn: list[tuple[str, str, str]], per: str, stand: int
) -> None:
    lines = wanted(_lines(drawn))
    one = batch(one_invoice_per=per, net_credit="credit_note")
    first = plan(one, lines, None, observed())
    planned = [c.want.id for o in first.operations for c in o.changes if c.want]
    assert sorted(planned) == sorted(line.id for line in lines)
    documents = [shown(first, o, 1 + n) for n, o in enumerate(first.operations)]
    again = plan(one, lines, None, observed(*documents))
    assert not again.operations
    assert again.code is None
    assert again.standing.keys() == {line.id for line in lines}
    partly = plan(one, lines, None, observed(*documents[:stand]))
    there = {ours.line for d in documents[:stand] for ours in d.ours}
    left = [c.want.id for o in partly.operations for c in o.changes if c.want]
    assert sorted([*left, *there]) == sorted(line.id for line in lines)


@given(drawn=charges, cut_at=st.integers(0, 12))
def test_r2_entries_add_up_to_the_kept_totals(
    drawn: list[tuple[str, str, str]], cut_at: int
) -> None:
    lines = _lines(drawn)
    selection = [line.id for line in lines[:cut_at]]
    made = plan(batch(net_credit="credit_note"), wanted(lines, *selection), None, observed())
    pending = facts.money_of(made, {}, ("pending", ""))
    assert sum(e.price for e in pending) == sum(line.total for line in lines)
    assert sum(e.cost for e in pending) == sum(line.cost_total for line in lines)
    assert sum(e.lines for e in pending) == len(lines)
    documents = [shown(made, o, 1 + n) for n, o in enumerate(made.operations)]
    for document, operation in zip(documents, made.operations, strict=True):
        result = compare([c.want for c in operation.changes if c.want], document)
        assert not result.differences
        posted = facts.money_of(made, result.found, ("pending", ""))
        assert sum(e.price for e in posted) == sum(line.total for line in lines)
        assert sum(e.cost for e in posted) == sum(line.cost_total for line in lines)


def test_r16_the_hash_covers_operations_target_and_foreign_lines() -> None:
    lines = wanted([charge(1)])
    row: dict[str, Any] = {
        "id": 7,
        "client_id": 42,
        "currency_code": 1,
        "invoice_date": "2026-11-01",
    }
    row["lines"] = [{"id": 1}]
    policy = {"behaviour": "latest"}
    seen = observed(READER.document(HaloInvoice(row)))
    other = observed(READER.document(HaloInvoice(row | {"lines": [{"id": 1, "qty_order": 2}]})))
    one, two = (plan(batch(**policy), lines, None, o) for o in (seen, other))
    assert one.operations[0].kind == "append"
    assert one.hash == plan(batch(**policy), lines, None, seen).hash
    assert one.own_hash == two.own_hash
    assert one.hash != two.hash
    assert one.hash != plan(batch(**policy), wanted([charge(2)]), None, seen).hash


def test_what_stands_at_another_connection_is_held_posted_elsewhere() -> None:
    lines = wanted([charge(1), charge(2)])
    made = plan(batch(), lines, None, observed(), Elsewhere(frozenset({lines[0].id})))
    assert made.code == "posted-elsewhere"
    assert not made.operations


def test_r12_post_partial_lets_the_rest_go() -> None:
    rows = [charge(1), charge(2, product_key="pax8:p2:monthly")]
    items = {"pax8:p1:monthly": Item(901), "pax8:p2:monthly": Item(missing="item-missing")}
    lines = desired_lines(
        decided_lines(DecidedLines.dump_json(rows)), items, Precision.of("USD", 4, 4)
    )
    whole = plan(batch(), lines, None, observed())
    assert (whole.code, set(whole.held.values())) == ("item-missing", {"item-missing"})
    part = plan(batch(post_partial=True), lines, None, observed())
    assert (part.code, len(part.operations), len(part.held)) == (None, 1, 1)


def test_a_currency_that_halopsa_does_not_have_holds() -> None:
    seen = Observed(DAY, DAY, currencies={"GBP": 2})
    assert plan(batch(), wanted([charge(1)]), None, seen).code == "currency-mismatch"


def test_the_compare_names_each_kind_of_difference() -> None:
    lines = wanted([charge(1), charge(2), charge(3)])
    made = plan(batch(), lines, None, observed())
    document = shown(made, made.operations[0], 1)
    document.ours = [document.ours[0], document.ours[0], *document.ours[2:]]
    document.ours[2].amounts = document.ours[2].amounts._replace(price=Decimal("7.51"))
    result = compare(lines, document)
    assert [d.problem for d in result.differences] == ["doubled", "missing", "altered"]


def test_a_net_that_is_not_the_product_is_an_alteration() -> None:
    lines = wanted([charge(1)])
    made = plan(batch(), lines, None, observed())
    body = sent(made, made.operations[0])
    body["lines"][0] |= {"id": 1, "net_amount": Decimal("20.25")}  # a discount of ten per cent
    result = compare(lines, READER.document(HaloInvoice({"id": 1, **body})))
    assert [d.found for d in result.differences] == [Decimal("20.25")]


@given(text=st.text(min_size=1, max_size=60), code=st.text(max_size=20))
def test_any_text_reaches_halopsa_as_it_is(text: str, code: str) -> None:
    rows = decided_lines(DecidedLines.dump_json([charge(1, text=text)]))
    lines = desired_lines(rows, {"pax8:p1:monthly": Item(901, code)}, Precision.of("USD", 4, 4))
    (line,) = sent(made := plan(batch(), lines, None, observed()), made.operations[0])["lines"]
    assert line["item_shortdescription"] == lines[0].sold.text
    assert line.get("nominal_code", "") == code
    assert (line["_itemid"], str(line["qty_order"]), str(line["unit_price"])) == (
        901,
        "3.0000",
        "7.5000",
    )


@given(st.text())
def test_texts_fit_their_field_and_hold_no_variable(text: str) -> None:
    short = cut(escaped(text), 255)
    assert len(short.encode("utf-16-le", "surrogatepass")) // 2 <= 255
    assert escaped("$name costs $5 or $") == "$ name costs $ 5 or $"


def test_the_stamp_says_line_slot_and_document() -> None:
    stamp = Origin("CL-1a2b3c4d", "2026-11-01", "pax8").stamp("line_1", "slot-0")
    assert words_of(stamp) == ("line_1", "slot-0", "CL-1a2b3c4d", "2026-11-01", "pax8")
    assert is_stamp(stamp)
    assert not is_stamp("a person's note")
    assert not is_stamp(None)
    assert words_of("line_1") == ("line_1", "", "", "", "")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_foreign_numerals_survive_the_store(number: Decimal) -> None:
    rows = [{"qty_order": number, "note": None, "links": [{"n": number}]}]
    assert str(raw_rows(raw_text(rows))) == str(rows)
