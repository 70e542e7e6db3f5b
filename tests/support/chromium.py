"""The Chromium that is installed, headless, with a device that checks the person."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from playwright.async_api import BrowserContext, Page, async_playwright

WHERE = "CHARGELINE_TEST_CHROMIUM"
QUIET = ("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


def chromium() -> str:
    """Its path. A test that needs it fails without it: it never skips."""
    found = os.environ.get(WHERE) or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, f"no Chromium: apt-get install chromium, or name one in {WHERE}"
    return found


@asynccontextmanager
async def opened() -> AsyncIterator[BrowserContext]:
    """A new profile, gone afterwards. As root there is no sandbox to be had."""
    rootly = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with TemporaryDirectory(prefix="chargeline-chromium-") as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile,
                executable_path=chromium(),
                headless=True,
                args=[*QUIET, *rootly, "--disable-gpu"],
            )
            try:
                yield context
            finally:
                await context.close()


async def with_device(page: Page, *, verifies: bool = True) -> None:
    """A virtual authenticator that is always there. `verifies`: it knows the person."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": verifies,
                "isUserVerified": verifies,
                "automaticPresenceSimulation": True,
            }
        },
    )
