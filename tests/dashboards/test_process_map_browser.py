"""The renderer in a browser: hostile names stay text, keyboard and pointer answer, colours have contrast."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map

ASSETS = Path(__file__).resolve().parents[2] / "dashboards" / "assets"
CSS = (ASSETS / "process_map.css").read_text(encoding="utf-8")
SCRIPT = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in ("elements.js", "process_map.js"))
HOST = "http://map.test"

EVIL = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
MAIN = ["Order placed", "Payment authorised", EVIL, "Stock allocated", "Pick started", "Picked", "Delivered"]

ASIDE = ["Payment declined", "Payment retried", "Address checked"]


def graph() -> ProcessGraph:
    edges = [MapEdge(MAIN[n], MAIN[n + 1], 900 - n, 60.0, 3_600.0 * n, 40_000.0 * n) for n in range(6)]
    edges += [
        MapEdge("Payment authorised", "Fraud review", 100, 9.0, 9.0, 9.0),
        MapEdge("Fraud review", EVIL, 90, 9.0, 9.0, 900_000.0, assumed=60),
        MapEdge("Picked", "Picked", 4),
        *(MapEdge("Payment authorised", name, 30, 9.0, 9.0, 9.0) for name in ASIDE),
        *(MapEdge(name, EVIL, 30, 9.0, 9.0, 9.0) for name in ASIDE),
    ]
    rows = [MapActivity(name, 900, 900) for name in MAIN]
    return ProcessGraph(
        [*rows, MapActivity("Fraud review", 100, 100), *(MapActivity(name, 30, 30) for name in ASIDE)],
        edges,
        [("Order placed", 900)],
        [("Delivered", 894), ("Fraud review", 10)],
        904,
    )


MAP = process_map(graph(), [("Picked", "Delivered")], steps=range(5))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page under the service's content security policy that keeps the map's events in `window.told`."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    drive = (
        "window.told = []; const map = document.getElementById('map');"
        "for (const name of ['map-edge', 'map-activity'])"
        "  document.addEventListener(name, (event) => window.told.push([name, event.detail]));"
        f"window.MAP = {json.dumps(MAP)}; window.show = (options) => gembascope.drawMap(map, MAP, options);"
        "window.show({mode: 'time'});"
    )
    files = {
        "/": (
            "text/html",
            '<!doctype html><html data-mantine-color-scheme="light"><meta charset="utf-8"><title>Map</title>'
            '<link rel="icon" href="data:,"><link rel="stylesheet" href="/map.css">'
            '<body style="margin:0"><main id="map" style="height:100vh"></main>'
            '<script src="/map.js"></script><script src="/drive.js"></script>',
        ),
        "/map.css": ("text/css", CSS),
        "/map.js": ("text/javascript", SCRIPT),
        "/drive.js": ("text/javascript", drive),
    }

    def answer(route: Any) -> None:
        kind, body = files[route.request.url.removeprefix(HOST)]
        policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:"
        headers = {"content-security-policy": policy, "content-type": f"{kind}; charset=utf-8"}
        route.fulfill(headers=headers, body=body)

    opened.route("**/*", answer)
    opened.goto(HOST + "/")
    yield opened
    context.close()
    assert errors == []


@pytest.mark.browser
def test_a_hostile_name_is_painted_as_text(page: Page) -> None:
    words = page.locator("svg text.name").all_text_contents()
    assert any("<img src=x" in word for word in words)
    page.locator('g.node[aria-label^="<img"]').hover()
    assert page.locator(".process-map-tip strong").text_content() == EVIL
    assert page.evaluate("window.broken") is None
    assert page.locator("#map img, #map script").count() == 0


@pytest.mark.browser
def test_keyboard_and_pointer_select_lines_and_activities(page: Page) -> None:
    line = page.locator('g.edge[aria-label^="Bottleneck 1: Picked to Delivered"]')
    line.focus()
    page.keyboard.press("Enter")
    page.locator('g.node[aria-label^="Fraud review:"]').focus()
    page.keyboard.press(" ")
    page.locator('g.node[aria-label^="Picked:"]').click()
    start = page.locator('g.edge[aria-label^="Start with Order placed"]')
    start.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("window.told") == [
        ["map-edge", {"source": "Picked", "target": "Delivered"}],
        ["map-activity", {"activity": "Fraud review"}],
        ["map-activity", {"activity": "Picked"}],
        ["map-edge", {"source": None, "target": "Order placed"}],
    ]


@pytest.mark.browser
def test_a_drag_moves_the_map_and_selects_nothing(page: Page) -> None:
    node = page.locator('g.node[aria-label^="Picked:"]')
    before = node.bounding_box()
    assert before is not None
    page.mouse.move(before["x"] + 20, before["y"] + 10)
    page.mouse.down()
    page.mouse.move(before["x"] + 60, before["y"] + 40)
    page.mouse.move(before["x"] + 120, before["y"] + 60)
    page.mouse.up()
    after = node.bounding_box()
    assert after is not None
    assert after["x"] - before["x"] == pytest.approx(100, abs=50)
    assert page.evaluate("window.told") == []


@pytest.mark.browser
def test_buttons_and_keys_zoom(page: Page) -> None:
    node = page.locator('g.node[aria-label^="Picked:"]')

    def width() -> float:
        box = node.bounding_box()
        assert box is not None
        return box["width"]

    first = width()
    page.get_by_role("button", name="Zoom in").click()
    assert width() == pytest.approx(first * 1.25, rel=0.05)
    page.get_by_role("button", name="Fit the whole map").click()
    assert width() == pytest.approx(first, rel=0.05)
    node.focus()
    page.keyboard.press("-")
    assert width() == pytest.approx(first * 0.8, rel=0.05)


@pytest.mark.browser
def test_a_phone_starts_readable_at_the_start_of_the_main_path(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("window.show({mode: 'frequency', step: 4})")
    sizes = page.locator("svg text.name").evaluate_all("all => all.map(t => t.getBoundingClientRect().height)")
    assert min(sizes) >= 11
    box = page.locator('g.node[aria-label^="Order placed:"]').bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_a_change_of_step_keeps_the_focus_and_says_the_coverage(page: Page) -> None:
    page.locator('g.node[aria-label^="Picked:"]').focus()
    assert page.evaluate("window.show({mode: 'time', step: 0})") == 0
    assert (page.locator(":focus").get_attribute("aria-label") or "").startswith("Picked:")
    assert page.get_by_role("status").text_content() == MAP["steps"][0]["sentence"]
    page.evaluate("window.show({step: 4, selected: {source: 'Fraud review', target: MAP.steps[4].name}})")
    assert page.locator(".selected").count() == 0
    page.evaluate("window.show({step: 4, selected: {activity: 'Fraud review'}})")
    assert page.locator(".selected").get_attribute("aria-current") == "true"


@pytest.mark.browser
def test_what_is_selected_comes_into_sight_and_stays_there(page: Page) -> None:
    """A map that is wider than its place opens at its main path; an activity beside it is selected."""
    page.evaluate("document.getElementById('map').style.width = '240px'")
    page.evaluate("window.show({mode: 'time', step: 4, selected: {activity: 'Payment declined'}})")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")
    seen, box = page.locator(".node.selected").bounding_box(), page.locator(".process-map-view").bounding_box()
    assert seen is not None
    assert box is not None
    assert box["x"] <= seen["x"] + seen["width"] / 2 <= box["x"] + box["width"]


# ---- colours ----


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--map-([a-z0-9-]+): (#[0-9a-f]{6});", block))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2 (relative luminance of sRGB colours)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_keep_the_contrast_of_wcag_aa(scheme: str) -> None:
    light, dark = (colours(block) for block in re.findall(r"\.process-map \{(.*?)\}", CSS, re.S)[:2])
    assert light.keys() == dark.keys()
    used = light if scheme == "light" else dark
    for ground in ("ground", "node", "main"):
        assert contrast(used["ink"], used[ground]) >= 4.5
        assert contrast(used["dim"], used[ground]) >= 4.5
    assert contrast(used["badge-ink"], used["badge"]) >= 4.5
    for line in ("band-none", "band-0", "band-1", "band-2", "band-3", "accent", "node-border", "badge"):
        assert contrast(used[line], used["ground"]) >= 3.0, line
    for marker in ("start", "end"):
        assert contrast(used[marker], used["ground"]) >= 3.0
        assert contrast(used["marker-ink"], used[marker]) >= 3.0
