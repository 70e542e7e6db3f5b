"""Settings versions: immutable, so a cached one is always right."""

from __future__ import annotations

from chassis.errors import PermanentError
from chassis.records import Record, Records
from schemas.setting_values import STORED
from schemas.settings import Settings

COLLECTION = "settings"
_CACHED = 256


class SettingsVersions:
    """Reads the version that a message names. Only the gateway stores one."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._cache: dict[tuple[str, str], Settings] = {}

    async def read(self, tenant: str, version: str) -> Settings:
        """The settings of that tenant under that version."""
        cached = self._cache.get((tenant, version))
        if cached is not None:
            return cached
        record = await self._records.get(tenant, COLLECTION, version)
        if record is None:
            raise PermanentError("settings-missing", f"settings {version} are not in the store")
        settings = Settings.model_validate_json(record.body, context=STORED)
        self._keep(tenant, version, settings)
        return settings

    async def store(self, tenant: str, settings: Settings) -> str:
        """Store a version, once however often it is stored; its name."""
        version = settings.version
        body = settings.model_dump_json().encode()
        await self._records.insert(Record(tenant, COLLECTION, version, 0, body))
        return version

    def _keep(self, tenant: str, version: str, settings: Settings) -> None:
        if len(self._cache) >= _CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[tenant, version] = settings
