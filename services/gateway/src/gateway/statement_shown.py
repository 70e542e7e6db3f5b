"""A statement for people and spreadsheets: rows of CSV, or a page that prints on one sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from html import escape

from schemas.money import plain, round_half_up
from schemas.statement import OUTCOMES, CurrencyStatement, Side, Statement

HEAD = ("document", "period", "currency", "side", "figure", "reason", "amount")
_BY_REASON = ("posted", "dropped", "held", "excluded", "refused")

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d7dce1}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.sum td{font-weight:600;border-top:2px solid #1b1f24}
tr.why td{color:#57606a;font-size:13px;border-bottom:0}tr.why td:first-child{padding-left:2rem}
p.open{background:#fff4d6;padding:.6rem 1rem}p.proved{background:#e4f5e9;padding:.6rem 1rem}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}
th,td{border-color:#30363d}tr.sum td{border-top-color:#e6edf3}tr.why td{color:#9198a1}
p.open{background:#3d2f00}p.proved{background:#0f3320}}
@media print{body{margin:0;max-width:none}}
"""


def as_csv(statement: Statement) -> str:
    """One row a figure and reason, exact decimals; `unexplained` is empty while it is not known."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(HEAD)
    for currency, told in sorted(statement.currencies.items()):
        for figure in _figures(told):
            rows.writerow((statement.document, statement.period, currency, *figure))
    return text.getvalue()


def as_html(statement: Statement, tenant: str) -> str:
    """The bridge from received to posted, by currency; it says so when anything is open."""
    title = f"Statement {statement.period}"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)} · {escape(tenant)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(tenant)} · {escape(statement.source)} document"
        f" <code>{escape(statement.document)}</code></p>",
        _verdict(statement),
    ]
    parts += [_table(name, told) for name, told in sorted(statement.currencies.items())]
    return "\n".join(parts)


def _figures(told: CurrencyStatement) -> Iterator[tuple[str, str, str, str]]:
    for side, found in (("price", told.price), ("cost", told.cost)):
        for figure in ("received", *OUTCOMES, "unexplained"):
            amount: Decimal | None = getattr(found, figure)
            yield side, figure, "", "" if amount is None else plain(amount)
    for figure in _BY_REASON:
        for reason, amount in sorted(getattr(told, f"{figure}_by").items()):
            yield "price", figure, reason, plain(amount)


def _verdict(statement: Statement) -> str:
    sides = [side for told in statement.currencies.values() for side in (told.price, told.cost)]
    if not sides or any(side.unexplained is None for side in sides):
        return "<p class=open>Not every client has come to an end: nothing is proved yet.</p>"
    if any(side.unexplained for side in sides):
        lines = len(statement.unexplained_lines)
        return f"<p class=open>Money is unexplained; {lines} lines are named by the API.</p>"
    stands = any(told.posted_by for told in statement.currencies.values())
    if stands or any(side.held or side.refused or side.pending for side in sides):
        return "<p class=open>Every cent is accounted for; some of it waits for a person.</p>"
    return "<p class=proved>Every cent is accounted for: 0.00 unexplained.</p>"


def _table(currency: str, told: CurrencyStatement) -> str:
    rows = [_row("received", told.price, told.cost, currency, "sum")]
    for figure in OUTCOMES:
        if not (getattr(told.price, figure) or getattr(told.cost, figure)):
            continue
        rows.append(_row(figure, told.price, told.cost, currency))
        if figure in _BY_REASON:
            rows += [
                f"<tr class=why><td>{escape(reason)}<td class=n>{_money(amount, currency)}<td>"
                for reason, amount in sorted(getattr(told, f"{figure}_by").items())
            ]
    rows.append(_row("unexplained", told.price, told.cost, currency, "sum"))
    head = f"<h2>{escape(currency)}</h2><table><tr><th><th class=n>customer<th class=n>cost"
    return head + "".join(rows) + "</table>"


def _row(figure: str, price: Side, cost: Side, currency: str, kind: str = "") -> str:
    cells = "".join(
        f"<td class=n>{_money(getattr(side, figure), currency)}" for side in (price, cost)
    )
    return f"<tr{f' class={kind}' if kind else ''}><td>{figure}{cells}"


def _money(amount: Decimal | None, currency: str) -> str:
    """Two digits as people read them, the exact amount in its title; less than a cent is exact."""
    if amount is None:
        return "not known yet"
    rounded = round_half_up(amount, currency)
    shown = plain(amount) if amount and not rounded else f"{rounded:,}"
    return f'<span title="{plain(amount)}">{shown}</span>'
