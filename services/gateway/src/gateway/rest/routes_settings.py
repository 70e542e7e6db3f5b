"""Settings: a version at a time, with the level that decided; mappings of clients and products."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ValidationError

from chassis.errors import PermanentError
from gateway.rest.api import Caller, Configurer, Reader
from gateway.rest.changing import change_settings
from gateway.rest.paging import Page
from gateway.rest.problems import sentences
from gateway.rest.writing import WriteRoute, etag, expected
from schemas.settings import (
    ClientMapping,
    EffectivePolicy,
    Level,
    Policy,
    ProductMapping,
    Settings,
)

router = APIRouter(route_class=WriteRoute, tags=["settings"])

IfMatch = Annotated[str | None, Header(description="The ETag that was read.")]
Source = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
_DEPTH_MAX = 16
Company = Annotated[str, Path(min_length=1, max_length=200)]


@router.get("/tenants/{tenant}/settings")
async def read_settings(caller: Reader, answer: Response) -> Settings:
    """The version in force; its ETag goes back with a change."""
    settings = await caller.api.gateway.queries.settings(caller.tenant)
    answer.headers["ETag"] = etag(settings.version)
    return settings


@router.put("/tenants/{tenant}/settings")
async def put_settings(
    caller: Configurer, asked: Settings, answer: Response, if_match: IfMatch = None
) -> Settings:
    """Make a new version in place of the one that was read; runs under way keep theirs."""
    return await _changed(caller, answer, if_match, lambda _: asked)


@router.patch("/tenants/{tenant}/settings")
async def patch_settings(
    caller: Configurer, asked: dict[str, Any], answer: Response, if_match: IfMatch = None
) -> Settings:
    """Change the parts that are named (JSON Merge Patch, RFC 7396: null takes a part away)."""

    def change(now: Settings) -> Settings:
        return _valid(_merged(now.model_dump(mode="json"), asked))

    return await _changed(caller, answer, if_match, change)


@router.get("/tenants/{tenant}/settings/effective")
async def read_effective(
    caller: Reader,
    source: Annotated[str, Query(pattern=r"^[a-z0-9-]{1,32}$")] = "pax8",
    company: Annotated[str | None, Query(max_length=200)] = None,
) -> EffectivePolicy:
    """Every value in force for one company of a source, and the level that decided it (R6)."""
    settings = await caller.api.gateway.queries.settings(caller.tenant)
    mapping = next((m for m in settings.client if (m.source, m.company) == (source, company)), None)
    return settings.policy_for(source, mapping)


class SettingExplained(BaseModel):
    """One value in force, the level that decided it, and what each level says (null: nothing)."""

    name: str
    value: bool | str
    level: Level
    said: dict[Level, bool | str | None]


@router.get("/tenants/{tenant}/settings/explained")
async def explain_settings(
    caller: Reader,
    source: Annotated[str, Query(pattern=r"^[a-z0-9-]{1,32}$")] = "pax8",
    company: Annotated[str | None, Query(max_length=200)] = None,
    subscription: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[SettingExplained]:
    """Why a modifier, behaviour or lifecycle is what it is for one company: level by level (R6)."""
    settings = await caller.api.gateway.queries.settings(caller.tenant)
    about = (source, company, subscription)
    rows = (m for m in settings.client if (m.source, m.company, m.subscription) == about)
    mapping = next(rows, None)
    policy, levels = settings.policy_for(source, mapping), settings.levels_for(source, mapping)
    return Page(
        items=[
            SettingExplained(
                name=name,
                value=getattr(policy, name),
                level=policy.level_of(name),
                said={level: getattr(said, name) for level, said in levels},
            )
            for name in Policy.model_fields
        ]
    )


@router.get("/tenants/{tenant}/mappings/clients", tags=["mappings"])
async def list_clients(caller: Reader) -> Page[ClientMapping]:
    """Who pays for each company of a source, with the evidence."""
    return Page(items=list((await caller.api.gateway.queries.settings(caller.tenant)).client))


@router.put("/tenants/{tenant}/mappings/clients", tags=["mappings"])
async def put_client(caller: Configurer, asked: ClientMapping) -> ClientMapping:
    """Map a company (or one subscription of it), or exclude it; in place of what was said of it."""
    about = (asked.source, asked.company, asked.subscription)

    def change(now: Settings) -> Settings:
        others = [m for m in now.client if (m.source, m.company, m.subscription) != about]
        return now.model_copy(update={"client": (*others, asked)})

    await change_settings(caller, "client-mapped", ":".join(str(a) for a in about if a), change)
    return asked


@router.delete("/tenants/{tenant}/mappings/clients/{source}/{company}", tags=["mappings"])
async def forget_client(
    caller: Configurer, source: Source, company: Company
) -> Page[ClientMapping]:
    """Take back what was said of a company; the rows that are left of it."""

    def change(now: Settings) -> Settings:
        kept = tuple(m for m in now.client if (m.source, m.company) != (source, company))
        if len(kept) == len(now.client):
            raise PermanentError("mapping-unknown", f"nothing is said of {source} {company}")
        return now.model_copy(update={"client": kept})

    settings = await change_settings(caller, "client-unmapped", f"{source}:{company}", change)
    return Page(items=list(settings.client))


@router.get("/tenants/{tenant}/mappings/products", tags=["mappings"])
async def list_products(caller: Reader) -> Page[ProductMapping]:
    """Which item each product of a source is sold as."""
    return Page(items=list((await caller.api.gateway.queries.settings(caller.tenant)).product))


@router.put("/tenants/{tenant}/mappings/products", tags=["mappings"])
async def put_product(caller: Configurer, asked: ProductMapping) -> ProductMapping:
    """Map a product and term to an item, in place of what was said of it."""
    about = (asked.source, asked.product, asked.term)

    def change(now: Settings) -> Settings:
        others = [m for m in now.product if (m.source, m.product, m.term) != about]
        return now.model_copy(update={"product": (*others, asked)})

    await change_settings(caller, "product-mapped", ":".join(str(a) for a in about if a), change)
    return asked


async def _changed(caller: Caller, answer: Response, if_match: str | None, change: Any) -> Settings:
    read = expected(if_match)

    def unless_changed(now: Settings) -> Settings:
        if now.version != read:
            raise PermanentError(
                "settings-changed",
                f"somebody changed the settings meanwhile: they are {now.version} now, read them",
            )
        new: Settings = change(now)
        return new

    settings = await change_settings(caller, "settings-changed", "settings", unless_changed)
    answer.headers["ETag"] = etag(settings.version)
    return settings


def _valid(told: Any) -> Settings:
    """As JSON is read, so that what can not be stored and read back is refused here."""
    try:
        return Settings.model_validate_json(json.dumps(told, allow_nan=False))
    except ValidationError as error:
        raise PermanentError("request-invalid", sentences(error)) from None
    except (ValueError, RecursionError) as error:
        raise PermanentError("request-invalid", str(error)) from None


def _merged(now: Any, patch: Any, depth: int = 0) -> Any:
    """RFC 7396."""
    if depth > _DEPTH_MAX:
        raise PermanentError("request-invalid", f"settings are at most {_DEPTH_MAX} levels deep")
    if not isinstance(patch, dict):
        return patch
    merged = dict(now) if isinstance(now, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value, depth + 1)
    return merged
