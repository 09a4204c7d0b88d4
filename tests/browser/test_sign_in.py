"""Signing in with a real browser at a real service: forms as browsers send them, callbacks that carry their token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.visiting import Look
from playwright.sync_api import Page, expect

GEMBASCOPE = [sys.executable, "-m", "gembascope.cli"]
ORDERS = (
    "case,activity,time\n1,Placed,2024-01-05T09:00:00Z\n1,Paid,2024-01-05T09:10:00Z\n2,Placed,2024-01-05T10:00:00Z\n"
)
COLUMNS = ["--case", "case", "--activity", "activity", "--time", "time"]
GOOD = "plum-violin harbour 7"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, str]]:
    """The address of a service, and the link that makes its first administrator."""
    command = [*GEMBASCOPE, "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            yield re.findall(r"http://\S+", lines[0])[0], lines[2].strip()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    home = tmp_path_factory.mktemp("home")
    path = home / "orders.csv"
    path.write_text(ORDERS)
    load = [*GEMBASCOPE, "ingest", str(path), "--process", "orders", *COLUMNS, "--home", str(home)]
    subprocess.run(load, check=True, capture_output=True, env=environment(), timeout=120)
    with serving(home) as found:
        yield found


def see_the_overview(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("What needs me now?")
    expect(page.get_by_text("No process promises anything yet")).to_be_visible()


def test_from_the_link_on_the_console_to_the_overview_out_and_in_again(
    service: tuple[str, str], visit: Callable[[str, Look], Page]
) -> None:
    address, link = service
    page = visit(address, Look())
    page.goto(link)
    page.get_by_label("Name or e-mail address").fill("root@shop.example")
    page.get_by_label("New password, at least 12 characters").fill(GOOD)
    page.get_by_label("The same again").fill(GOOD)
    page.get_by_role("button", name="Begin").click()
    see_the_overview(page)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("link", name="Sign out root@shop.example").click()
    page.get_by_role("button", name="Sign out of this browser").click()
    expect(page).to_have_url(f"{address}/login")
    page.goto("/cases?process=orders")
    page.get_by_label("Name or e-mail address").fill("root@shop.example")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{address}/cases?process=orders")
    expect(page.get_by_role("gridcell", name="1", exact=True).first).to_be_visible()


@pytest.mark.parametrize("look", [Look(), Look("dark", 390, 800)], ids=["light", "dark on a phone"])
@pytest.mark.parametrize("path", ["/login", "/first-administrator", "/password", "/logout"])
def test_the_forms_keep_nobody_out(
    service: tuple[str, str], visit: Callable[[str, Look], Page], path: str, look: Look
) -> None:
    page = visit(service[0], look)
    page.goto(path)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= look.width
