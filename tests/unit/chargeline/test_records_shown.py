"""What is shown of records to a person: sentences and tables, never a program's own notation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chargeline.line_shown import explained
from chargeline.mappings_shown import show_mappings
from chargeline.names import Names
from schemas.explained import AsReceived, BilledAs, LineExplained, MappedTo, Rule, SoldAs
from schemas.messages import Hold, Suggestion
from schemas.settings import Settings

from .views import view

LINE = LineExplained(
    line="line_1",
    document="doc_1",
    page=1,
    row=7,
    company="c1",
    company_name="Acme [x]",
    currency="USD",
    received=AsReceived(
        type="subscription",
        name="Premium",
        quantity=Decimal(3),
        price=Decimal("7.5"),
        total=Decimal("22.5"),
        cost=Decimal("6.25"),
        cost_total=Decimal("18.75"),
    ),
    outcome="posted",
    text="billed to client 42",
    rules=(
        Rule(rule="rebate", fired=False, level="global", why="the line's type is subscription"),
        Rule(rule="drop-zero", fired=True, level="client"),
    ),
    mapping=MappedTo(client=42, client_name="Acme Ltd", evidence="exact name"),
    product=SoldAs(product_key="pax8:p1:monthly", item=901, name="Premium"),
    billed=BilledAs(
        quantity=Decimal(3),
        price=Decimal("7.50"),
        cost=Decimal("6.25"),
        total=Decimal("22.50"),
        cost_total=Decimal("18.75"),
    ),
)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_explained_in_sentences_with_a_rule_a_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert explained(LINE, as_json=False) is None
    lines = said(capsys)
    assert lines[:-1] == [
        "line_1 posted Acme [x]",
        "why billed to client 42",
        "document doc_1, page 1, row 7",
        "company c1",
        "received 3 x 7.5 = 22.5 USD; cost 6.25, 18.75 in all",
        "subscription",
        "Premium",
        "client Acme Ltd (42), decided by exact name for its company",
        "sold as item 901, Premium, pax8:p1:monthly",
        "billed 3 x 7.50 = 22.50 USD; cost 6.25, 18.75 in all",
        "rules, in their order",
        "· rebate global the line's type is subscription",
        "✓ drop-zero client it decided",
    ]


def test_of_many_lines_only_the_rule_that_decided_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explained(LINE, as_json=False, whole=False)
    assert [line for line in said(capsys) if line.startswith(("·", "✓"))] == [
        "✓ drop-zero client it decided"
    ]


def test_a_machine_gets_the_line_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(LINE, as_json=True)
    assert told == {"schema": "chargeline.line.v1", **LINE.model_dump(mode="json")}
    assert capsys.readouterr().out == ""


def test_mappings_are_tables_with_names_where_somebody_listed_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings.model_validate(
        {
            "client": [
                {"company": "c1", "halo": 42, "recurring": -94, "evidence": "exact name"},
                {"company": "c2", "subscription": "s2", "halo": 43, "evidence": "a person"},
                {"source": "huntress", "company": "7001", "exclude": True},
            ],
            "product": [{"product": "pax8:p1:monthly", "halo": 901, "evidence": "a person"}],
        }
    )
    show_mappings(settings, Names({"c2": "Bolt"}, {42: "Acme [Ltd]"}, {901: "Premium"}))
    assert [line for line in said(capsys) if line] == [
        "source billed to decided by company (and subscription)",
        "pax8 Acme [Ltd] (42), recurring -94 exact name c1",
        "pax8 client 43 a person Bolt c2 s2",
        "huntress excluded settings 7001",
        "source sold as decided by product",
        "pax8 Premium (901) a person pax8:p1:monthly",
    ]


def test_names_are_learnt_from_what_runs_said() -> None:
    maybe = Suggestion(id=43, name="Bolt Inc", score=90, evidence="similar name")
    item = Suggestion(id=905, name="Premium", score=100, evidence="exact name")
    holds = (
        Hold(code="company-unmapped", text="", company="c2", name="Bolt", suggestions=(maybe,)),
        Hold(code="product-ambiguous", text="", product_key="p", name="P", suggestions=(item,)),
    )
    names = Names()
    names.learn(
        [
            view(client=None, bill_to="client:42", client_name="Acme"),
            view(client=None, bill_to="company:c2", client_name="", holds=holds),
        ]
    )
    assert names == Names({"c2": "Bolt"}, {42: "Acme", 43: "Bolt Inc"}, {905: "Premium"})


def test_nothing_mapped_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    show_mappings(Settings(), Names())
    assert said(capsys)[0].startswith("nothing is mapped yet: `chargeline run`")
