"""Outgoing webhooks: addresses of the tenant's own that are told of its events."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.domain.webhooks import Delivery, Endpoint
from gateway.rest.api import Administrator
from gateway.rest.paging import Cursor, Limit, Page, after, page
from gateway.rest.writing import WriteRoute, show_once
from schemas.events import EVENTS, type_of

router = APIRouter(route_class=WriteRoute, tags=["webhooks"])

TYPES = sorted(type_of(event) for event in EVENTS)
WebhookId = Annotated[str, Path(max_length=64)]
DeliveryId = Annotated[str, Path(max_length=200)]


def _known(kind: str) -> str:
    if kind not in TYPES:
        raise ValueError(f"there are events of {', '.join(TYPES)}")
    return kind


EventType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": TYPES})]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wanted(_Body):
    """What is sent where. No `types` means every event; those while it is off are not sent."""

    url: str = Field(min_length=8, max_length=2000, pattern=r"^https?://[!-~]+$")
    types: list[EventType] = Field(default=[], max_length=len(TYPES))
    enabled: bool = True


class Again(_Body):
    """The event to be sent, by its own id."""

    event: str = Field(min_length=1, max_length=100)


class MadeWebhook(Endpoint):
    """A new webhook: `secret` signs for it, and is shown this once."""

    secret: str


class NewSecret(BaseModel):
    """A new secret, shown this once. The one before signs beside it until `overlap_until`."""

    secret: str
    overlap_until: datetime


@router.get("/tenants/{tenant}/webhooks")
async def list_webhooks(caller: Administrator) -> Page[Endpoint]:
    """All of them. `disabled` says why one is off that nobody has switched off."""
    return Page(items=await caller.api.gateway.webhooks.all(caller.tenant))


@router.post("/tenants/{tenant}/webhooks", status_code=HTTPStatus.CREATED)
async def make_webhook(caller: Administrator, asked: Wanted, request: Request) -> MadeWebhook:
    """Have events sent somewhere from now on. Where it leads is looked up at each attempt."""
    by, webhooks = caller.principal.name, caller.api.gateway.webhooks
    made, secret = await webhooks.make(
        caller.tenant, asked.url, asked.types, by, enabled=asked.enabled
    )
    await caller.audit("webhook-made", about=made.id, after=_told(made))
    show_once(request)
    return MadeWebhook(**made.model_dump(), secret=secret)


@router.get("/tenants/{tenant}/webhooks/{webhook}")
async def read_webhook(caller: Administrator, webhook: WebhookId) -> Endpoint:
    """One of them."""
    return await caller.api.gateway.webhooks.get(caller.tenant, webhook)


@router.put("/tenants/{tenant}/webhooks/{webhook}")
async def change_webhook(caller: Administrator, webhook: WebhookId, asked: Wanted) -> Endpoint:
    """Another address, other types, on or off; the secret stays."""
    webhooks = caller.api.gateway.webhooks
    before = await webhooks.get(caller.tenant, webhook)
    after_it = before.model_copy(update=asked.model_dump())
    await caller.audit(
        "webhook-changed", about=webhook, before=_told(before), after=_told(after_it)
    )
    return await webhooks.change(
        caller.tenant, webhook, asked.url, asked.types, enabled=asked.enabled
    )


@router.delete("/tenants/{tenant}/webhooks/{webhook}", status_code=HTTPStatus.NO_CONTENT)
async def forget_webhook(caller: Administrator, webhook: WebhookId) -> None:
    """Nothing more is sent there; its secret and the list of its deliveries are gone."""
    gateway = caller.api.gateway
    before = await gateway.webhooks.get(caller.tenant, webhook)
    await caller.audit("webhook-forgotten", about=webhook, before=_told(before))
    await gateway.webhooks.forget(caller.tenant, webhook)
    await gateway.deliveries.forget(caller.tenant, "endpoint", webhook)


@router.post("/tenants/{tenant}/webhooks/{webhook}/secret")
async def rotate_secret(caller: Administrator, webhook: WebhookId, request: Request) -> NewSecret:
    """Another secret. For a day both sign, so that the receiver can change over."""
    webhooks = caller.api.gateway.webhooks
    await webhooks.get(caller.tenant, webhook)
    await caller.audit("webhook-secret-made", about=webhook)
    secret, until = await webhooks.rotate(caller.tenant, webhook)
    show_once(request)
    return NewSecret(secret=secret, overlap_until=until)


@router.post("/tenants/{tenant}/webhooks/{webhook}/test", status_code=HTTPStatus.ACCEPTED)
async def test_webhook(caller: Administrator, webhook: WebhookId) -> Delivery:
    """Send an event of type `chargeline.test.v1`; its delivery says what became of it."""
    gateway = caller.api.gateway
    await gateway.webhooks.get(caller.tenant, webhook)
    await caller.audit("webhook-tested", about=webhook)
    return await gateway.deliveries.test(caller.tenant, webhook)


@router.get("/tenants/{tenant}/webhooks/{webhook}/deliveries")
async def list_deliveries(
    caller: Administrator, webhook: WebhookId, cursor: Cursor = None, limit: Limit = 50
) -> Page[Delivery]:
    """What was or is to be sent, the newest event first, with its last attempts."""
    gateway = caller.api.gateway
    await gateway.webhooks.get(caller.tenant, webhook)
    found = await gateway.deliveries.page(caller.tenant, webhook, after(cursor), limit + 1)
    return page(found, [delivery.id for delivery in found], limit)


@router.get("/tenants/{tenant}/webhooks/{webhook}/deliveries/{delivery}")
async def read_delivery(
    caller: Administrator, webhook: WebhookId, delivery: DeliveryId
) -> Delivery:
    """One of them."""
    return await caller.api.gateway.deliveries.get(caller.tenant, webhook, delivery)


@router.post("/tenants/{tenant}/webhooks/{webhook}/deliveries", status_code=HTTPStatus.ACCEPTED)
async def send_again(caller: Administrator, webhook: WebhookId, asked: Again) -> Delivery:
    """Send one kept event now, under its own id, whether it was sent there before or not."""
    gateway = caller.api.gateway
    await gateway.webhooks.get(caller.tenant, webhook)
    await caller.audit("webhook-resent", about=webhook, after={"event": asked.event})
    return await gateway.deliveries.again(caller.tenant, webhook, asked.event)


def _told(endpoint: Endpoint) -> dict[str, object]:
    """Without the path, which may be a secret of the receiver's."""
    where = "/".join(endpoint.url.split("/")[:3])
    return {"where": where, "types": list(endpoint.types), "enabled": endpoint.enabled}
