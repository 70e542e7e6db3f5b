"""The rules that were asked about one line, in their order (R5, R6): which fired, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from normalizer.domain.azure import Azure
from normalizer.domain.prorata import is_favourable, opposite_signs
from normalizer.domain.rows import ChargeRow, amount
from normalizer.domain.slots import kind_of
from normalizer.domain.unclear import TERM_UNKNOWN, TYPE_UNKNOWN
from schemas.charges import BILLED_BY_UNCLEAR
from schemas.explained import Rule
from schemas.messages import ChargesReceived
from schemas.money import plain, round_half_up
from schemas.settings import Settings

_WHOLE = ("excluded-client", "own-company", "other-partner", "void-document", "superseded")
_BY_TYPE = {
    "rebate": "rebate",
    "payment-credit": "payment_credit",
    "invoice-credit": "invoice_credit",
}


@dataclass(frozen=True)
class Asked:
    """What all lines of one batch are asked under."""

    head: ChargesReceived
    settings: Settings
    azure: Azure

    @classmethod
    def of(cls, head: ChargesReceived, settings: Settings) -> Asked:
        pax8 = settings.pax8
        azure = Azure(pax8.azure_products, pax8.azure_sku_prefixes, head.policy.azure_scope)
        return cls(head, settings, azure)

    def rules(self, row: ChargeRow) -> tuple[Rule, ...]:
        """Every rule up to the one that decided; those behind it were not reached."""
        said: list[Rule] = []
        decided = row.get("rule")
        for rule, level, why in self._in_order(row):
            fired = rule == decided
            said.append(Rule(rule=rule, fired=fired, level=level, why="" if fired else why))
            if fired:
                break
        return tuple(said)

    def _in_order(self, row: ChargeRow) -> Iterator[tuple[str, str | None, str]]:
        kind = row.get("type", "")
        for rule in _WHOLE:
            yield rule, None, "does not apply to this bill-to and document"
        yield "billedByPax8", None, "the source does not bill this line itself"
        for rule, switch in _BY_TYPE.items():
            on = getattr(self.settings.exclusions, switch)
            why = f"the line's type is {kind or 'not given'}" if kind != rule else "switched off"
            yield rule, "global", why if on or kind == rule else "switched off"
        yield from self._modifiers(row)
        if self.head.hold:
            yield self.head.hold, None, "the line had ended before"
        yield "product-missing", None, "the line names a product"

    def _modifiers(self, row: ChargeRow) -> Iterator[tuple[str, str | None, str]]:
        policy = self.head.policy
        is_azure = self.azure.covers(row)
        yield BILLED_BY_UNCLEAR, None, "it is said who bills the line"
        yield TYPE_UNKNOWN, None, f"the type {row.get('type') or 'of usage'} is known"
        yield TERM_UNKNOWN, None, f"the term {row.get('term') or '(none)'} is known"
        not_azure = f"no Azure consumption by the scope {policy.azure_scope}"
        why = "off" if is_azure else not_azure
        yield "drop-azure", policy.level_of("drop_azure"), why
        yield "drop-prorata", policy.level_of("drop_prorata"), self._why_no_prorata(row, is_azure)
        yield "amount-missing", None, "the source gives a total"
        yield "collapse-azure", policy.level_of("collapse_azure"), why
        yield "drop-zero", policy.level_of("drop_zero"), self._why_not_zero(row)

    def _why_no_prorata(self, row: ChargeRow, is_azure: bool) -> str:
        if kind_of(row, azure=is_azure) != "prorate":
            return "no proration"
        if opposite_signs(row):
            return "its total and its cost have opposite signs"
        return "off" if is_favourable(row) else "not in the customer's favour"

    def _why_not_zero(self, row: ChargeRow) -> str:
        policy, currency = self.head.policy, self.head.currency
        if not policy.drop_zero:
            return "off"
        total = round_half_up(amount(row.get("total")), currency)
        cost = round_half_up(amount(row.get("cost_total")), currency)
        if not total.is_zero():
            return f"the total is {plain(total)}"
        if policy.zero_test == "both" and not cost.is_zero():
            return f"the cost is {plain(cost)}, and the zero test is both"
        return "decided by its merged line"
