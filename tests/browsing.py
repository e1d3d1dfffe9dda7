"""A real browser, for tests of pages as people see them: the system's Chromium, through Playwright.

Where `chromium-headless-shell` is installed it is that one, as Playwright's own choice is: the same Chromium without a
window around its pages. A page takes 0.2 s of a processor there, with the window 0.4 s, and 1.2 s with all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_builder.machine.programs import find_working

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page


_PROGRAMS = ("chromium-headless-shell", "chromium")
_WITHOUT = (
    # Pages of the window's own: one behind each address bar, and a process that waits for the next page.
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess",
    # The option's last value counts: these are of Playwright's, which ours takes the place of.
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "DialMediaRouteProvider",
    "GlobalMediaControls", "HttpsUpgrades", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "BlockOriginHeaderModificationOnRedirect", "AvoidCorsURLLoaderRestartOnRedirect", "Translate", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled",
)  # fmt: skip


def _find_browser() -> str:
    """Return the first browser that works, or skip where there is none."""
    for name in _PROGRAMS:
        if found := find_working(name, ["--version"], "Chromium ", environment=os.environ, observe=print):
            return found
    pytest.skip("no chromium that works on this machine")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser, or skip where there is none.

    Nothing else of this process may use asyncio until it has ended: let its fixture be a package's, not a session's.
    """
    path = _find_browser()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", f"--disable-features={','.join(_WITHOUT)}"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """What a browser has said and asked for while a test looked: errors, dialogs, requests."""

    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def open_page(
    browser: Browser, *, width: int = 1280, dark: bool = False, script: bool = True, address: str = ""
) -> Iterator[tuple[Page, Seen]]:
    """Open a page in a browser that nobody has used; at its end nothing may have gone wrong in it.

    Requests may only go to `address`, and nothing may be on its console, which is where refused styles and scripts are.
    """
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", java_script_enabled=script
    )

    def heard(dialog: Dialog) -> None:
        seen.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context.set_default_timeout(15_000)
    page, seen = context.new_page(), Seen()
    page.on("dialog", heard)
    page.on("console", lambda message: seen.said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: seen.said.append(f"error: {error}"))
    page.on("request", lambda request: seen.requests.append(request.url))
    try:
        yield page, seen
        assert seen.said == [], seen.said
        outside = [url for url in seen.requests if not url.startswith((address or "http://127.0.0.1:", "data:"))]
        assert outside == [], outside
    finally:
        context.close()


def follow(leads: Locator) -> None:
    """Click what leads to another page, and wait until that has come."""
    with leads.page.expect_navigation():
        leads.click()


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds serious: what people would miss who hear a page, or use no mouse. All is unfolded."""
    package = pytest.importorskip("axe_playwright_python")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.evaluate(Path(package.__file__).with_name("axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def cut_off(page: Page) -> list[str]:
    """Return what is further right than the page is wide, and not within something that scrolls."""
    found: list[str] = page.evaluate("""() => [...document.querySelectorAll('body *')]
        .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .filter(one => !one.parentElement.closest('.scroll, pre, .hidden') && !one.matches('.hidden'))
        .map(one => `${one.tagName} ${one.className.baseVal ?? one.className}: ${one.textContent.slice(0, 40)}`)""")
    return found
