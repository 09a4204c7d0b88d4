"""A running service and a browser for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from browser.visiting import Look, running
from playwright.sync_api import Browser, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
USUAL = Look()
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages over a simulated log and a log of hostile names."""
    with running(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Without one the tests are skipped, but not where CI is set: there it must not be missing."""
    chromium = next((found for found in map(shutil.which, NAMES) if found), None)
    if chromium is None:
        reason = f"there is no Chromium on this machine (looked for {', '.join(NAMES)})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[str, Look], Page]]:
    """Opens a fresh browser context on an address. At the end nothing may have gone wrong behind the scenes: no message
    on the console, no exception, no request to another host, no answer of 400 or more."""
    contexts, wrong = [], []

    def open_page(address: str, look: Look = USUAL) -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": look.width, "height": look.height},
            color_scheme="dark" if look.scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url) if not is_local(asked.url, address) else None)
        page.on("response", lambda got: wrong.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def is_local(url: str, address: str) -> bool:
    return url.startswith((address + "/", "data:", "blob:"))


@pytest.fixture
def page(visit: Callable[..., Page], served: str) -> Page:
    return visit(served)
