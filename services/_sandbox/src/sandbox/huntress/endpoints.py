"""Huntress's billing routes: what each one needs and answers. All of them are reads."""

from collections.abc import Callable
from typing import Any

from sandbox.core import Call, Reply, Row, json_reply
from sandbox.huntress.access import Access, Caller
from sandbox.huntress.answers import RefusedError, error_reply, page_reply
from sandbox.huntress.tenant import Tenant

type Handler = Callable[[Call], Any]

ACCOUNT_LACKS = {"installation_key"}
DETAIL_ONLY = {"actual_usages"}
ACCOUNT_FIELDS: Row = {
    "name": "",
    "subdomain": "",
    "status": "enabled",
    "support_type": "not_applicable",
    "neighborhood_watch": {"edr": 0, "ispm": 0, "itdr": 0, "sat": 0, "siem": 0},
    "billing_address": None,
    "shipping_address": None,
}
ITEMS = ("account_usage_line_items", "organization_usage_line_items")


class Endpoints:
    def __init__(self, tenant: Tenant, access: Access) -> None:
        self._tenant, self._access = tenant, access

    def by_template(self) -> dict[str, Handler]:
        one = "/accounts/{account}/organizations/{id}"
        lists: dict[str, Handler] = {
            "/actor": self._answered(self._actor),
            "/account": self._answered(self._own_account),
            "/accounts": self._answered(self._accounts),
            "/accounts/{id}": self._answered(self._account),
            "/organizations": self._answered(self._organizations),
            "/organizations/{id}": self._answered(self._organization),
            "/accounts/{account}/organizations": self._answered(self._organizations),
            one: self._answered(self._organization),
            "/reseller/subscriptions": self._rows("subscriptions", "product", "status"),
            "/reseller/invoices": self._rows("reseller_invoices", "status", key="invoices"),
            "/reseller/invoices/{id}": self._one("reseller_invoices", "invoice"),
        }
        for items in ITEMS:
            lists[f"/reseller/invoices/{{invoice}}/{items}"] = self._line_items(items)
        for table, word, names in (
            ("agents", "agent", ("organization_id", "platform", "hostname", "os", "version")),
            ("identities", "identity", ("organization_id", "tenant_type", "billable", "enabled")),
            ("invoices", "invoice", ("status", "has_usage")),
            ("reports", "report", ("organization_id", "type")),
        ):
            lists[f"/{table}"] = self._rows(table, *names)
            lists[f"/{table}/{{id}}"] = self._one(table, word)
        return lists

    # Accounts

    def _actor(self, _: Call, caller: Caller) -> Reply:
        settings, account = self._tenant.settings, self._tenant.account(caller.account)
        names = ("id", "name", "subdomain", "status")
        shown = account and {name: account[name] for name in names if name in account}
        reseller = settings["reseller"] or {"id": 12345, "name": "Reseller"}
        user = {"id": 7, "email": "billing@example.com", "name": "Billing"}
        actor = {
            "reseller": reseller if caller.kind == "reseller" else None,
            "account": shown,
            "user": user if caller.kind == "user" else None,
        }
        return json_reply({"actor": actor} if settings["actor_form"] == "wrapped" else actor)

    def _own_account(self, _: Call, caller: Caller) -> Reply:
        account = self._tenant.account(caller.account)
        if account is None:
            raise RefusedError(403)
        return json_reply({"account": _account(account)})

    def _accounts(self, call: Call, caller: Caller) -> Reply:
        _reseller_only(caller)
        rows = [_account(row) for row in self._tenant.accounts()]
        rows = _filtered(call, rows, "status", "name", "subdomain")
        return page_reply(call, self._tenant.settings, "accounts", rows)

    def _account(self, call: Call, caller: Caller) -> Reply:
        _reseller_only(caller)
        account = self._tenant.account(call.params["id"])
        if account is None:
            raise RefusedError(404)
        return json_reply({"account": _account(account)})

    # Organisations

    def _organizations(self, call: Call, caller: Caller) -> Reply:
        rows = [
            {name: value for name, value in row.items() if name not in DETAIL_ONLY}
            for row in self._tenant.organizations(self._account_of(call, caller))
        ]
        rows = _filtered(call, rows, "name", "key")
        return page_reply(call, self._tenant.settings, "organizations", rows)

    def _organization(self, call: Call, caller: Caller) -> Reply:
        row = self._tenant.organization(call.params["id"])
        if row is None or str(row["account_id"]) != str(self._account_of(call, caller)):
            raise RefusedError(404)
        return json_reply({"organization": row})

    def _account_of(self, call: Call, caller: Caller) -> Any:
        """A reseller's key names the account in the path, an account's key has its own."""
        asked = call.params.get("account")
        if asked is None:
            if caller.account is None:
                raise RefusedError(403)
            return caller.account
        _reseller_only(caller)
        if self._tenant.account(asked) is None:
            raise RefusedError(404)
        return asked

    # Everything else is rows as they were loaded

    def _rows(self, table: str, *names: str, key: str = "") -> Handler:
        def act(call: Call, caller: Caller) -> Reply:
            _right_kind(call, caller)
            rows = _filtered(call, self._tenant.state.rows(table), *names)
            return page_reply(call, self._tenant.settings, key or table, rows)

        return self._answered(act)

    def _one(self, table: str, word: str) -> Handler:
        def act(call: Call, caller: Caller) -> Reply:
            _right_kind(call, caller)
            row = self._tenant.state.get(table, call.params["id"])
            if row is None:
                raise RefusedError(404)
            return json_reply({word: row})

        return self._answered(act)

    def _line_items(self, table: str) -> Handler:
        """Rows of a load name their invoice; Huntress does not show it."""

        def act(call: Call, caller: Caller) -> Reply:
            _reseller_only(caller)
            invoice = call.params["invoice"]
            if self._tenant.state.get("reseller_invoices", invoice) is None:
                raise RefusedError(404)
            rows = [
                {name: value for name, value in row.items() if name != "invoice"}
                for row in self._tenant.state.rows(table)
                if str(row.get("invoice", invoice)) == invoice
            ]
            return page_reply(call, self._tenant.settings, table, rows)

        return self._answered(act)

    def _answered(self, act: Callable[[Call, Caller], Reply]) -> Handler:
        async def handler(call: Call) -> Reply:
            caller = self._access.caller(call)
            assert caller is not None, "the door lets nobody else in"
            try:
                return act(call, caller)
            except RefusedError as refused:
                return error_reply(self._tenant.settings, refused.status, refused.message)

        return handler


def _account(row: Row) -> Row:
    return {k: value for k, value in (ACCOUNT_FIELDS | row).items() if k not in ACCOUNT_LACKS}


def _reseller_only(caller: Caller) -> None:
    if caller.kind != "reseller":
        raise RefusedError(403)


def _right_kind(call: Call, caller: Caller) -> None:
    """Reseller routes are for a reseller's key, the others for an account's."""
    if call.template.startswith("/reseller") != (caller.kind == "reseller"):
        raise RefusedError(403)


def _filtered(call: Call, rows: list[Row], *names: str) -> list[Row]:
    for name in names:
        wanted = call.query.get(name)
        if wanted is not None:
            rows = [row for row in rows if _text(row.get(name)) == wanted.lower()]
    return rows


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower()
