"""One door a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.rest import Browser, Door, browser, open_door


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """The REST application over a new data folder."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(door: Door) -> AsyncIterator[Browser]:
    """Ann at her browser."""
    async with browser(door) as opened:
        yield opened
