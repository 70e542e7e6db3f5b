"""The Huntress API as far as counts need it: who a key is, organisations, what Huntress bills."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chassis.errors import PermanentError
from vendors import json
from vendors.calls import Calls, Line, Params, Request
from vendors.huntress import errors, models
from vendors.huntress.auth import HuntressCredentials
from vendors.huntress.lists import PAGE_SIZE, Page, page_of, whole_list, wrapped
from vendors.huntress.organizations import (
    Organization,
    OrganizationDetail,
    OrganizationRead,
)

HUNTRESS_URL = "https://api.huntress.io"
BY_ID: Params = {"limit": PAGE_SIZE, "sort_field": "id", "sort_direction": "asc"}


class Huntress:
    """One account, or the accounts of one reseller. At most `in_flight` calls at once.

    Huntress counts calls in any 60 seconds. The budget counts a call when it sets off, the vendor
    when it arrives; between the two are never more than `in_flight`, so the budget has to stay
    that much below the vendor's limit: 50 and 4 of 60.
    """

    def __init__(
        self,
        base_url: str,
        credentials: HuntressCredentials,
        line: Line,
        *,
        in_flight: int = 4,
    ) -> None:
        self._root = f"{base_url.rstrip('/').removesuffix('/v1')}/v1"
        self._credentials = credentials
        self._gate = asyncio.Semaphore(in_flight)
        self._calls = Calls(
            "huntress",
            line,
            statuses={"read": errors.READ},
            authorization=credentials.authorization(),
        )

    # Who

    async def actor(self) -> models.Actor:
        """What the key is: shows that it is accepted, and which way organisations are read."""
        try:
            return await self._read("/actor", "asking Huntress whose key this is", _actor)
        except PermanentError as refused:
            if refused.code == "huntress-missing":
                text = f"there is no Huntress API at {self._root}: check the address"
                raise PermanentError("huntress-address", text) from refused
            if refused.code != errors.LOGIN.code:
                raise
            text = ". ".join((refused.text, *self._credentials.hints()))
            installing = self._credentials.may_be_installation_key()
            code = "huntress-installation-key" if installing else refused.code
            raise PermanentError(code, text) from refused

    async def account(self) -> models.Account:
        """The account of an account's or a user's key."""
        return await self._read("/account", "reading the Huntress account", _account)

    async def accounts(self) -> list[models.Account]:
        """A reseller's accounts, disabled ones too."""
        return await self._all("/accounts", "accounts", models.Account)

    # Organisations

    async def organizations(self, accounts: Sequence[int] = ()) -> list[Organization]:
        """All organisations, by id: of the key's account, or of these accounts of a reseller."""
        found: list[Organization] = []
        for account in accounts or (None,):
            path = _organizations(account)
            found += await self._all(path, "organizations", Organization)
        return found

    async def organization_page(
        self, token: str | None = None, account: int | None = None
    ) -> Page[Organization]:
        """One page of the list by id, up to 500 rows, as it was answered; None is the first."""
        return await self._page(_organizations(account), "organizations", Organization, token)

    async def organization(
        self, number: int, account: int | None = None
    ) -> OrganizationRead | None:
        """One organisation with its usages; None: Huntress does not have it (any more)."""

        def parse(raw: bytes) -> OrganizationRead:
            found = OrganizationDetail.model_validate(wrapped(raw, "organization"))
            if found.id != number:
                raise ValueError(f"organization {found.id} came instead of {number}")
            return OrganizationRead(raw, found)

        about = f"reading Huntress organization {number}"
        try:
            return await self._read(f"{_organizations(account)}/{number}", about, parse)
        except PermanentError as refused:
            if refused.code == "huntress-missing":
                return None
            raise

    # What Huntress bills: for checks, never for a client's quantity

    async def invoices(self) -> list[models.Invoice]:
        """The invoices to the MSP, whatever their status: the billing day, a total."""
        return await self._all("/invoices", "invoices", models.Invoice)

    async def reseller_invoices(self) -> list[models.Invoice]:
        """The invoices to the reseller."""
        return await self._all("/reseller/invoices", "invoices", models.Invoice)

    async def account_usage(self, invoice: int) -> list[models.AccountUsage]:
        """Billed against used units of one reseller invoice, per account and product."""
        path = f"/reseller/invoices/{invoice}/account_usage_line_items"
        return await self._all(path, "account_usage_line_items", models.AccountUsage)

    async def organization_usage(self, invoice: int) -> list[models.OrganizationUsage]:
        """Used units of one reseller invoice, per organisation."""
        path = f"/reseller/invoices/{invoice}/organization_usage_line_items"
        return await self._all(path, "organization_usage_line_items", models.OrganizationUsage)

    async def subscriptions(self) -> list[models.Subscription]:
        """The reseller's commitments, with their minimums."""
        return await self._all("/reseller/subscriptions", "subscriptions", models.Subscription)

    # One request each

    async def _all[M: models.Numbered](self, path: str, key: str, model: type[M]) -> list[M]:
        async def fetch(token: str | None) -> Page[M]:
            return await self._page(path, key, model, token)

        return await whole_list(fetch, f"listing Huntress {path.strip('/')}")

    async def _page[M: models.Numbered](
        self, path: str, key: str, model: type[M], token: str | None
    ) -> Page[M]:
        asked: Params = BY_ID if token is None else {**BY_ID, "page_token": token}
        about = f"listing Huntress {path.strip('/')}"
        return await self._read(path, about, lambda raw: page_of(raw, key, model), asked)

    async def _read[T](
        self, path: str, about: str, parse: Callable[[bytes], T], params: Params | None = None
    ) -> T:
        request = Request("GET", self._root + path, about, params)
        async with self._gate:
            return await self._calls.read_as(request, parse)


def _organizations(account: int | None) -> str:
    return "/organizations" if account is None else f"/accounts/{account}/organizations"


def _actor(raw: bytes) -> models.Actor:
    """The three parts stand at the top, or under `actor` as other single reads have it."""
    answer = json.loads(raw)
    inner = answer.get("actor") if isinstance(answer, dict) else None
    found = models.Actor.model_validate(answer if inner is None else inner)
    if found.reseller is None and found.account is None and found.user is None:
        raise ValueError("it does not say whose key this is")
    return found


def _account(raw: bytes) -> models.Account:
    return models.Account.model_validate(wrapped(raw, "account"))
