"""A walk through the pages as a visitor takes it: from the map to the case, with filters, by keyboard, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.visiting import Look, running
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser
PROCESS = "?process=order-to-cash"
HOSTILE = "?process=zz-hostile"
READY = {
    "/map": "#map svg g.node.activity",
    "/variants": ".variant",
    "/cases": "#grid a.go",
    "/case": ".timeline li",
}


def words_of(page: Page) -> dict[str, list[str]]:
    """The query of the present address."""
    return parse_qs(urlsplit(page.url).query)


def figure(page: Page, label: str) -> Locator:
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator(".tile-value")


def open_ready(page: Page, path: str, search: str = PROCESS) -> None:
    if path == "/case":
        page.goto("/cases" + search)
        page.locator(READY["/cases"]).first.click()
    else:
        page.goto(path + search)
    expect(page.locator(READY[path]).first).to_be_visible()
    expect(page.locator("h1")).to_be_visible()


def test_from_the_map_to_the_cases_of_a_step_to_one_case_and_back(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Where does work wait?")
    first = page.locator("#ranking button").first
    step = first.locator(".step").inner_text()
    source, target = step.split(" → ")
    first.click()
    panel = page.get_by_role("region", name="Selected on the map")
    expect(panel.get_by_role("heading", level=2)).to_have_text(step)
    expect(page.locator("#map g.edge.selected")).to_have_count(1)
    expect(page.locator("#worst-cases tbody tr")).to_have_count(8)
    every = panel.get_by_role("link", name=re.compile("^All .* cases with this step$"))
    number = re.sub(r"\D", "", every.inner_text())
    every.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which cases are these?")
    assert (words_of(page)["edge_source"], words_of(page)["edge_target"]) == ([source], [target])
    expect(page.locator(".about")).to_contain_text(f"{number} of 400 cases")
    expect(figure(page, "Cases")).to_have_text(number)
    row = page.locator("#grid a.go").first
    case = row.inner_text()
    row.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"What happened to {case}?")
    timeline = page.locator(".timeline > li")
    expect(timeline.filter(has_text=source)).not_to_have_count(0)
    expect(timeline.filter(has_text=target)).not_to_have_count(0)
    page.go_back()
    expect(page.locator("#grid a.go").first).to_have_text(case)
    page.go_back()
    expect(page.locator("#map svg g.edge").first).to_be_visible()
    assert "edge_source" not in words_of(page)


def test_filters_filter_live_in_the_address_and_come_off(page: Page) -> None:
    open_ready(page, "/map")
    expect(figure(page, "Cases")).to_have_text("400")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("textbox", name="channel").click()
    choice = page.get_by_role("option", name=re.compile(r"^web \("))
    number = re.sub(r"\D", "", choice.inner_text())
    choice.click()
    page.get_by_role("button", name="Apply").click()
    expect(figure(page, "Cases")).to_have_text(number)
    assert words_of(page)["case_attr"] == ["channel=web"]
    expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    expect(figure(page, "Cases")).to_have_text(number)
    page.get_by_role("link", name="Variants", exact=True).click()
    expect(page.locator(".variant").first).to_be_visible()
    expect(figure(page, "Cases")).to_have_text(number)
    page.go_back()
    expect(page.locator("#map svg.process-map-svg")).to_be_visible()
    page.get_by_role("link", name=re.compile("Remove filter: channel: web")).click()
    expect(figure(page, "Cases")).to_have_text("400")
    page.go_back()
    expect(figure(page, "Cases")).to_have_text(number)


def test_a_wrong_value_is_told_inside_the_form(page: Page) -> None:
    open_ready(page, "/cases")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("At least").fill("soon")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("min_duration: 'soon' is not a duration")
    page.get_by_label("At least").fill("2d")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chips")).to_contain_text("At least: 2d")
    assert int(figure(page, "Cases").inner_text()) < 400


def test_a_wrong_address_is_a_sentence_with_a_way_out(page: Page) -> None:
    page.goto(f"/map{PROCESS}&activity=Pakced")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("has no activity 'Pakced' (did you mean Packed?)")
    problem.get_by_role("link").click()
    expect(page.locator("#map svg.process-map-svg")).to_be_visible()


def test_frequency_and_detail_are_in_the_address(page: Page) -> None:
    open_ready(page, "/map")
    expect(page.locator("#map .coverage")).to_contain_text("connections")
    before = page.locator("#map .coverage").inner_text()
    page.get_by_role("link", name="Frequency").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which way does work go?")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator("#map .coverage")).to_contain_text("Nothing is hidden")
    assert words_of(page)["detail"] == ["5"]
    assert words_of(page)["view"] == ["frequency"]
    page.go_back()
    expect(page.locator("#map .coverage")).to_have_text(before)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where does work wait?")


def test_the_keyboard_alone_opens_a_step(page: Page) -> None:
    open_ready(page, "/map")
    page.locator('#map g.edge[aria-label^="Bottleneck 1"]').focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Selected on the map")).to_be_visible()
    page.get_by_role("button", name="Close this panel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Selected on the map")).to_have_count(0)


def test_variants_lead_to_the_map_and_more_can_be_shown(page: Page) -> None:
    open_ready(page, "/variants")
    expect(page.locator(".variant")).to_have_count(20)
    expect(page.locator("#variants [role=status]")).to_contain_text("20 of ")
    page.get_by_role("link", name="Show 30 more").click()
    expect(page.locator(".variant")).to_have_count(50)
    number = page.locator(".variant-share").nth(1).inner_text().split(" · ")[1].split(" ")[0]
    page.get_by_role("link", name="Show on the map: variant 2", exact=True).click()
    expect(page.locator(".chips")).to_contain_text("Variant: ")
    expect(figure(page, "Cases")).to_have_text(number)


def test_the_list_of_cases_has_an_order_and_no_end_before_the_last(page: Page) -> None:
    open_ready(page, "/cases")
    page.get_by_role("columnheader", name="Events").get_by_role("link").click()
    expect(page).to_have_url(re.compile("order=events"))
    most = page.locator('#grid [row-index="0"] [col-id="events"]')
    later = page.locator('#grid [row-index="5"] [col-id="events"]')
    for cell in (most, later):
        expect(cell).to_have_text(re.compile(r"\d"))
    assert int(most.inner_text()) >= int(later.inner_text())
    body = page.locator("#grid .ag-body-viewport")
    last = page.locator('#grid [row-index="399"] a.go')
    for _ in range(100):  # the list grows by a block of rows whenever its end comes into view
        if last.is_visible():
            break
        body.hover()
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(300)
    expect(last).to_be_visible()
    expect(page.locator('#grid [row-index="400"]')).to_have_count(0)


def test_the_headers_of_the_list_order_it_by_pointer_and_by_keyboard(page: Page) -> None:
    open_ready(page, "/cases")
    header = {name: page.get_by_role("columnheader", name=name) for name in ("Duration", "Last event (UTC)", "State")}
    expect(header["Duration"]).to_have_attribute("aria-sort", "descending")
    expect(header["Last event (UTC)"]).to_have_attribute("aria-sort", "none")
    header["Last event (UTC)"].get_by_role("link").click()
    expect(header["Last event (UTC)"]).to_have_attribute("aria-sort", "descending")
    expect(header["Duration"]).to_have_attribute("aria-sort", "none")
    assert words_of(page)["order"] == ["recent"]
    latest = page.locator("#grid a.go").first.inner_text()
    header["Last event (UTC)"].get_by_role("link").click()
    expect(header["Last event (UTC)"]).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("#grid a.go").first).not_to_have_text(latest)
    page.go_back()
    expect(header["Last event (UTC)"]).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#grid a.go").first).to_have_text(latest)
    page.locator(".tile").last.focus()
    for key in ("Tab", "ArrowRight", "Enter"):  # to the first header, to the second, which is the duration
        page.keyboard.press(key)
    expect(header["Duration"]).to_have_attribute("aria-sort", "descending")
    expect(header["Duration"]).to_be_focused()
    page.reload()
    expect(header["Duration"]).to_have_attribute("aria-sort", "descending")


def test_a_phone_chooses_the_order_from_a_list(visit: Callable[..., Page], served: str) -> None:
    page = visit(served, Look(width=390, height=844))
    open_ready(page, "/cases")
    page.get_by_role("textbox", name="Order of the cases").click()
    page.get_by_role("option", name="Most events first").click()
    expect(page).to_have_url(re.compile("order=events"))
    expect(page.get_by_role("columnheader", name="Events")).to_have_attribute("aria-sort", "descending")


def test_a_long_timeline_is_read_page_by_page(page: Page) -> None:
    page.goto("/case?process=zz-pallets&case=P")
    entries = page.locator(".timeline > li")
    place = page.get_by_role("navigation", name="Pages of the timeline", exact=True)
    expect(place).to_contain_text("Events 1 to 500 of 1,200")
    expect(entries).to_have_count(500)
    expect(entries.first).to_contain_text("Scan 1")
    place.get_by_role("link", name="Next").click()
    expect(place).to_contain_text("Events 501 to 1,000 of 1,200")
    expect(entries.first).to_contain_text("Scan 501")
    assert words_of(page)["page"] == ["2"]
    page.get_by_role("navigation", name="Pages of the timeline, again").get_by_role("link", name="Last").click()
    expect(entries).to_have_count(200)
    expect(page.locator("ol.timeline")).to_have_attribute("start", "1001")
    assert page.evaluate("window.scrollY") == 0
    page.go_back()
    expect(entries.first).to_contain_text("Scan 501")
    page.reload()
    expect(entries.first).to_contain_text("Scan 501")


def test_another_process_starts_without_the_filters_of_the_last(page: Page) -> None:
    open_ready(page, "/map", PROCESS + "&case_attr=channel%3Dweb")
    page.get_by_role("textbox", name="Process").click()
    page.get_by_role("option").nth(1).click()
    expect(page.locator(".about")).to_contain_text("all 4 cases")
    assert words_of(page) == {"process": ["zz-hostile"]}


@pytest.mark.parametrize("path", READY)
def test_hostile_names_stay_text(page: Page, path: str) -> None:
    open_ready(page, path, HOSTILE)
    if path == "/map":
        page.locator("#map g.node.activity").first.click()
        expect(page.get_by_role("region", name="Selected on the map")).to_contain_text("<script>")
    expect(page.locator(".page")).to_contain_text("<script>")
    assert page.evaluate("window.broken") is None
    assert page.locator(".page img, .page script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_the_scheme_can_be_changed_and_is_kept(page: Page) -> None:
    open_ready(page, "/map")
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_role("button", name="Toggle color scheme").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", READY)
def test_nothing_keeps_anybody_out(visit: Callable[..., Page], served: str, path: str, scheme: str) -> None:
    page = visit(served, Look(scheme))
    open_ready(page, path)
    if path == "/map":
        page.locator("#ranking button").first.click()
        expect(page.locator("#worst-cases")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_drawer_of_filters_keeps_nobody_out(visit: Callable[..., Page], served: str, scheme: str) -> None:
    page = visit(served, Look(scheme))
    open_ready(page, "/map")
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_role("button", name="Apply")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", READY)
def test_a_phone_shows_each_page_without_scrolling_sideways(visit: Callable[..., Page], served: str, path: str) -> None:
    page = visit(served, Look(width=390, height=844))
    open_ready(page, path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Variants", exact=True).click()
    expect(page.locator(".variant").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_first_visitor_reads_what_to_type(visit: Callable[..., Page], tmp_path: Path) -> None:
    with running(tmp_path, "--empty") as address:
        page = visit(address)
        page.goto("/")
        expect(page.locator("pre").first).to_have_text("gembascope ingest FILE --process ID")
        expect(page.locator("pre").nth(1)).to_have_text("gembascope demo")
        assert Axe().run(page).violations_count == 0
        for path in ("/variants", "/cases", "/case"):
            page.goto(path)
            expect(page.locator("pre").first).to_have_text("gembascope ingest FILE --process ID")
