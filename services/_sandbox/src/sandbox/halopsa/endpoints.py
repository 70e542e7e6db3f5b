"""HaloPSA's API routes: what each one reads, writes and answers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sandbox.core import Call, Reply, json_reply
from sandbox.halopsa import (
    checks,
    documents,
    fields,
    licences,
    lists,
    recurring,
    registers,
    write_faults,
    xero,
)
from sandbox.halopsa.answers import Refused, missing
from sandbox.halopsa.fields import Row
from sandbox.halopsa.lists import LISTINGS, Listing
from sandbox.halopsa.registers import REGISTERS, Register
from sandbox.halopsa.tenant import Tenant, as_number, is_true

type Handler = Callable[[Call], Awaitable[Reply]]
type Action = Callable[[Call], Any]
type Endpoint = tuple[str, str, Handler]

API = "/api"
DOCUMENTS = (("/Invoice", "invoices"), ("/RecurringInvoice", "recurring_invoices"))


class Endpoints:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def table(self) -> list[Endpoint]:
        """Method, documented path, handler; fixed paths before those with an id."""
        routes: list[Endpoint] = [
            ("GET", "/Control", _ok(self._control)),
            ("POST", "/RecurringInvoice/process", _created(self._process)),
            ("GET", "/IntegrationData/Get/Xero", _ok(self._xero_accounts)),
            ("POST", "/IntegrationData/Send/Xero", _created(self._send_to_xero)),
            ("POST", "/Invoice/{id}/void", _created(self._void)),
        ]
        for route, name in DOCUMENTS:
            update = _created(self._updating_lines(name))
            routes.append(("POST", f"{route}/updatelines", update))
            if name == "recurring_invoices":
                routes.append(("POST", f"{route}/Lines", update))
            routes.append(("POST", route, _created(self._writing(name))))
        routes.extend(
            ("POST", register.route, _created(self._registering(register)))
            for register in REGISTERS
        )
        for listing in LISTINGS:
            routes.append(("GET", listing.route, _ok(self._listing(listing))))
            routes.append(("GET", f"{listing.route}/{{id}}", _ok(self._reading(listing))))
        for route, name in (
            *DOCUMENTS,
            *((register.route, register.table) for register in REGISTERS),
        ):
            routes.append(("DELETE", f"{route}/{{id}}", _ok(self._deleting(name))))
        return routes

    def _listing(self, listing: Listing) -> Action:
        def act(call: Call) -> Any:
            hidden: set[int] = set()
            if listing.table == "invoices":
                xero.was_read(self._tenant)
                hidden = write_faults.hidden_from_this_list(self._tenant)
            return lists.answer(self._tenant, listing, call, hidden)

        return act

    def _reading(self, listing: Listing) -> Action:
        def act(call: Call) -> Any:
            number = as_number(call.params["id"])
            if listing.table == "invoices" and number is not None:
                xero.was_read(self._tenant, [int(number)])
            row = self._tenant.get(listing.table, number)
            if row is None:
                raise missing(listing.route.removeprefix("/"))
            query = {name.lower(): value for name, value in call.query.items()}
            if not is_true(query.get("includedetails")):
                return lists.summary(self._tenant, listing.table, row, with_lines=False)
            if listing.table in lists.WITH_LINES:
                row = row | {"lines": write_faults.shown(self._tenant, row["lines"])}
            return lists.viewed(self._tenant, listing.table, row)

        return act

    def _writing(self, table: str) -> Action:
        def act(call: Call) -> Any:
            tenant, sent = self._tenant, checks.sent_rows(call)
            known = documents.known_fields(table)
            before: list[Row | None] = []
            for index, row in enumerate(sent):
                checks.typed(row, f"[{index}]", known)
                before.append(checks.header(tenant, table, row, index))
            written: list[Row] = []
            for row, old in zip(sent, before, strict=True):
                header = documents.written(tenant, table, row, old)
                if table == "invoices" and old is None:
                    header = documents.mailed(tenant, header, "automaticallysendinvoiceemails")
                    write_faults.hide(tenant, header, call)
                written.append(header)
            self._after(table, before, written, call)
            return written

        return act

    def _updating_lines(self, table: str) -> Action:
        def act(call: Call) -> Any:
            tenant, sent = self._tenant, checks.sent_rows(call)
            before: dict[Any, Row] = {}
            for index, line in enumerate(sent):
                about = {"id": line.get("ihid") or 0}
                old = checks.header(tenant, table, about, index)
                checks.one_line(tenant, line, f"[{index}]")
                assert old is not None, "a line's header is there, or it was refused"
                checks.line_is_there(old, line)
                before[old["id"]] = old
            for line in sent:
                documents.written_line(tenant, table, line)
            after = [tenant.get(table, number) or {} for number in before]
            self._after(table, list(before.values()), after, call)
            return after

        return act

    def _after(
        self, table: str, before: Sequence[Row | None], after: Sequence[Row], call: Call
    ) -> None:
        """Once the answer is fixed: the push to Xero, then any harm a fault asks for."""
        for old, row in zip(before, after, strict=True):
            if table == "invoices":
                xero.push(self._tenant, row, call)
            write_faults.spoil(self._tenant, table, old, row, call)

    def _registering(self, register: Register) -> Action:
        def act(call: Call) -> Any:
            sent = checks.sent_rows(call)
            if register.table == licences.TABLE:
                return licences.written(self._tenant, register, sent)
            for index, row in enumerate(sent):
                registers.checked(self._tenant, register, row, index)
            return [
                lists.viewed(
                    self._tenant, register.table, registers.written(self._tenant, register, row)
                )
                for row in sent
            ]

        return act

    def _deleting(self, table: str) -> Action:
        def act(call: Call) -> Any:
            if not self._tenant.delete(table, call.params["id"]):
                raise missing("record")
            return {"id": int(float(call.params["id"]))}

        return act

    def _void(self, call: Call) -> Any:
        row = self._tenant.get("invoices", call.params["id"])
        if row is None:
            raise missing("invoice")
        return [documents.voided(self._tenant, row)]

    def _process(self, call: Call) -> Any:
        return recurring.process(self._tenant, checks.sent_ids(call))

    def _control(self, _: Call) -> Any:
        return {"id": 1, **self._tenant.control}

    def _xero_accounts(self, _: Call) -> Any:
        """Live Xero data through HaloPSA: its query is undocumented, so all accounts come."""
        connected = [row for row in self._tenant.rows("xero_details") if row.get("accounts")]
        if not connected:
            raise missing("Xero connection")
        return [account for row in connected for account in row["accounts"]]

    def _send_to_xero(self, call: Call) -> Any:
        body = call.json()
        row = self._tenant.get("invoices", body.get("id")) if isinstance(body, dict) else None
        if row is None:
            raise missing("invoice")
        xero.push(self._tenant, row, call)
        return [self._tenant.get("invoices", row["id"])]


async def discovery(call: Call) -> Reply:
    """A host with a port is served in the open; one without is the vendor's own form."""
    host = call.headers.get("host", "sandbox")
    scheme = "http" if ":" in host else "https"
    return json_reply({"auth_url": f"{scheme}://{host}/halopsa/auth", "tenant_id": "sandbox"})


def specification(table: Sequence[Endpoint]) -> Handler:
    """The host's own OpenAPI file: paths and field names, and no promise about either."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, _ in table:
        paths.setdefault(path, {})[method.lower()] = {"responses": {"200": {"description": "OK"}}}
    kinds = {
        "InvoiceHeader": fields.RECURRING,
        "InvoiceDetail": fields.LINE,
        "Item": fields.ITEM,
        "Area": fields.CLIENT,
        "Licence_List": fields.LICENCE,
    }
    schemas = {
        kind: {"type": "object", "properties": {name: {} for name in sorted(names)}}
        for kind, names in kinds.items()
    }
    document = {
        "openapi": "3.0.1",
        "info": {"title": "Halo API", "version": "v2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }

    async def handler(_: Call) -> Reply:
        return json_reply(document)

    return handler


def _ok(act: Action) -> Handler:
    async def handler(call: Call) -> Reply:
        try:
            return json_reply(act(call))
        except Refused as refused:
            return json_reply(refused.body, refused.status)

    return handler


def _created(act: Action) -> Handler:
    """One written record is answered as an object, several as a list."""

    async def handler(call: Call) -> Reply:
        try:
            written = act(call)
        except Refused as refused:
            return json_reply(refused.body, refused.status)
        return json_reply(written[0] if len(written) == 1 else written, 201)

    return handler
