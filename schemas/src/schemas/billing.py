"""Who is billed for a line (R3): the bill-to of a company or subscription, and its policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from schemas.settings import ClientMapping, EffectivePolicy, Policy, Settings

NO_COMPANY = "company:none"


@dataclass(frozen=True, slots=True)
class BillTo:
    """One bill-to of a source. `known` is False for a company that nobody decided about yet."""

    name: str
    policy: EffectivePolicy
    client: int | None = None
    recurring: int | None = None
    exclude: str | None = None
    hold: str | None = None
    known: bool = True


class Billing:
    """Answers from one settings version; the same company gets the same answer."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._source = source
        rows = [row for row in settings.client if row.source == source]
        self._companies = {row.company: row for row in rows if row.subscription is None}
        self._subscriptions: dict[tuple[str, str | None], ClientMapping] = {
            (row.company, row.subscription): row for row in rows if row.subscription is not None
        }
        self._by_client: dict[int, list[ClientMapping]] = {}
        for row in rows:
            if row.halo is not None:
                self._by_client.setdefault(row.halo, []).append(row)
        self._answers: dict[tuple[str, str | None], BillTo] = {}

    def of(self, company: str | None, subscription: str | None) -> BillTo:
        """A row by subscription beats the company's row, and answers for a line of no company."""
        company = company or ""
        key = (company, subscription)
        if subscription is not None and key not in self._subscriptions:
            key = (company, None)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(*key)
        return answer

    @property
    def by_subscription(self) -> bool:
        """Whether some line is billed by its subscription, not by its company."""
        return bool(self._subscriptions)

    def recurring(self) -> list[BillTo]:
        """Everybody who is billed on a recurring invoice, whether the document has lines or not."""
        answers = (
            self.of(row.company, row.subscription)
            for rows in self._by_client.values()
            for row in rows
            if row.recurring is not None and not row.exclude
        )
        found = {a.name: a for a in answers if a.recurring and a.policy.behaviour == "recurring"}
        return [found[name] for name in sorted(found)]

    @cached_property
    def _nobodys(self) -> EffectivePolicy:
        """The policy where no mapping says anything."""
        return self._settings.policy_for(self._source, None)

    def _decide(self, company: str, subscription: str | None) -> BillTo:
        settings = self._settings
        row = self._companies.get(company)
        if subscription is not None:
            row = self._subscriptions[company, subscription]
        decided = row is not None and (row.halo is not None or row.exclude)
        if not company and not decided:
            return BillTo(NO_COMPANY, self._nobodys, hold="company-missing")
        name = f"company:{company}"
        if settings.exclusions.own_company and company in settings.own_companies(self._source):
            return BillTo(name, self._nobodys, exclude="own-company")
        if row is None:
            return BillTo(name, self._nobodys, known=False)
        if row.exclude:
            name = f"subscription:{subscription}" if subscription is not None else name
            policy = settings.policy_for(self._source, row)
            return BillTo(name, policy, exclude="excluded-client")
        if row.halo is None:
            return BillTo(name, settings.policy_for(self._source, row), known=False)
        rows = self._by_client[row.halo]
        return BillTo(
            f"client:{row.halo}",
            settings.policy_for(self._source, _joined(rows)),
            client=row.halo,
            recurring=next((other.recurring for other in rows if other.recurring), None),
        )


def _joined(rows: list[ClientMapping]) -> ClientMapping:
    """Several companies on one client are one batch: what the first of them sets holds for all."""
    first = rows[0]
    if len(rows) == 1:
        return first
    return first.model_copy(
        update={
            "policy": _first_set([row.policy for row in rows]),
            "integration_policy": _first_set([row.integration_policy for row in rows]),
        }
    )


def _first_set(policies: list[Policy]) -> Policy:
    values: dict[str, object] = {}
    for policy in policies:
        for name, value in policy.model_dump(exclude_none=True).items():
            values.setdefault(name, value)
    return Policy.model_validate(values)
