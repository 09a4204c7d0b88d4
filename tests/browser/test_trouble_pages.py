"""The pages about trouble in a browser: at every width and in both schemes, with hostile names, by keyboard, and while
they renew themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.visiting import Look
from playwright.sync_api import Locator, Page, expect
from running_api import running
from trouble_world import Door, Trouble, trouble
from undelivered import give_up

from api.visitors import COOKIE, CSRF_COOKIE, csrf_token
from kernel.access import Grant, Role
from kernel.warehouse import Warehouse
from orchestration_hooks.effects import Outcome, Result

pytestmark = pytest.mark.browser
EVIL = '<script>window.broken=1</script><img src=x onerror="window.broken=1">'
HOSTILE = f"{EVIL}{'long' * 100}"
OWNER = """id: returns-ops
title: '{title}'
"""
PAGES = ("/overview", "/sla", "/sla?process=return-to-refund&standing=met", "/incidents", "/remediation")


@dataclass(frozen=True)
class Served:
    address: str
    at: Trouble
    operator: Door
    approver: Door


@pytest.fixture(scope="module")
def served(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with stuck refunds, one of them of a return with a hostile name, in a store with one."""
    with trouble(warehouse, tmp_path_factory.mktemp("trouble"), "trouble-pages") as at, running(at.app) as address:
        at.live.accept(json.dumps(stuck(at, HOSTILE)).encode())
        at.goes_on()
        operator, approver = at.person(EVIL[:20], Grant(Role.OPERATOR)), at.person("anna", Grant(Role.APPROVER))
        at.known.desk.incidents.comment(at.incident(), f"{EVIL} {'word' * 900}")
        why = Outcome(Result.FAILED, "host_refused", HOSTILE)
        give_up(at.people.state, at.people.tenant, "m", at.clock.now(), incident=at.incident(), why=why)
        at.known.desk.mute("order-to-cash", key=HOSTILE[:254], until=timedelta(hours=4), reason=HOSTILE)
        yield Served(address, at, operator, approver)


def stuck(at: Trouble, name: str) -> list[dict[str, object]]:
    """A return that was authorised long ago, and never paid."""
    steps = ("Return requested", "Return received", "Return inspected", "Refund authorised")
    traits = {"store": f"{EVIL} store", "refund_amount": "99.50", "currency": "EUR", "payment_method": EVIL}
    return [
        {
            "id": f"hostile-{place}",
            "source": ("shop", "wms", "wms", "crm")[place],
            "activity": activity,
            "occurred_at": (at.clock.now() - timedelta(days=20, hours=-place)).isoformat(),
            "actor": HOSTILE,
            "objects": [{"type": "return", "id": name}],
            "attributes": traits,
        }
        for place, activity in enumerate(steps)
    ]


def signed_in(visit: Callable[[str, Look], Page], served: Served, door: Door, look: Look) -> Page:
    page = visit(served.address, look)
    assert door.session is not None
    shown = {COOKIE: door.session, CSRF_COOKIE: csrf_token(door.session)}
    page.context.add_cookies([{"name": name, "value": held, "url": served.address} for name, held in shown.items()])
    return page


def incident_of(served: Served) -> str:
    """The address of the incident with the hostile name."""
    for line in served.at.known.desk.incidents.lines(states=("open", "acknowledged", "resolved")):
        found = served.at.known.desk.incidents.found(line.incident.id)
        if line.incident.kind.value == "missing_event" and HOSTILE in found["case_id"]:
            return f"/incident?incident={line.incident.id}"
    raise AssertionError("the hostile return is in no incident")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=re.compile(name))


def check(page: Page, look: Look) -> None:
    """Nobody is kept out, nothing is wider than the screen, and names are text."""
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator(".page .waiting")).to_have_count(0)
    for _ in range(3):  # on a busy machine a page that renews itself may be dim for a moment
        expect(page.locator("[data-dash-is-loading=true]")).to_have_count(0)
        found = Axe().run(page)
        if found.violations_count == 0:
            break
    assert found.violations_count == 0, (page.url, found.generate_report())
    assert page.evaluate("document.documentElement.scrollWidth") <= look.width, page.url
    assert page.evaluate("window.broken") is None
    assert page.locator(".page img, .page script").count() == 0
    expect(page.locator("#process-choice")).to_be_hidden()  # nothing here is of the process of the map


LOOKS = [Look("light", 1440, 900), Look("dark", 390, 844)]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.scheme}-{look.width}")
def test_every_page_is_for_everybody(served: Served, visit: Callable[[str, Look], Page], look: Look) -> None:
    page = signed_in(visit, served, served.operator, look)
    for path in PAGES:
        page.goto(path)
        if path == "/remediation":
            page.get_by_text("Mute a playbook").click()
        check(page, look)
    page.goto(incident_of(served))
    expect(page.locator("#incident .about")).to_be_visible()
    expect(page.locator(".page")).to_contain_text("<script>")
    check(page, look)
    page.locator(".table.work summary").first.click()
    check(page, look)
    assert page.title() == f"{page.locator('h1').inner_text()} · Gembascope"


def test_a_page_that_renews_itself_leaves_alone_who_reads_and_types(
    served: Served, visit: Callable[[str, Look], Page]
) -> None:
    page = signed_in(visit, served, served.operator, Look())
    page.goto(incident_of(served))
    evidence = page.locator(".table.work details").first
    evidence.locator("summary").click()
    text = page.get_by_label("Say something about it")
    text.fill("I began to")
    served.at.known.desk.incidents.comment(served.at.incident(), "somebody else was faster")
    expect(page.get_by_text("somebody else was faster")).to_be_visible()  # the page came anew by itself
    expect(text).to_have_value("I began to")
    expect(text).to_be_focused()
    expect(evidence).to_have_attribute("open", "")
    evidence.locator("summary").focus()
    served.at.known.desk.incidents.comment(served.at.incident(), "and again")
    expect(page.get_by_text("and again")).to_be_visible()
    expect(evidence.locator("summary")).to_be_focused()
    text.focus()
    page.keyboard.press("End")
    page.keyboard.type(" write")
    page.keyboard.press("Tab")
    expect(button(page, "Add comment")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".timeline > li").last).to_contain_text("I began to write")
    expect(text).to_have_value("")


def test_by_keyboard_alone_something_is_proposed_once_and_agreed_to(
    served: Served, visit: Callable[[str, Look], Page]
) -> None:
    page = signed_in(visit, served, served.operator, Look())
    page.goto(incident_of(served))
    propose = button(page, "Propose this fix")
    propose.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # impatient
    said = page.get_by_role("status").filter(has_text="somebody else has to agree")
    expect(said).to_be_in_viewport()
    expect(propose).to_have_count(0)
    assert len(served.at.known.desk.runs()) == 1
    served.at.goes_on()

    page = signed_in(visit, served, served.approver, Look(width=390, height=844))
    page.goto("/remediation")
    page.locator(".incidents a.go").first.click()
    expect(page.locator("#remediation")).to_contain_text("<script>")
    check(page, Look(width=390, height=844))
    button(page, "Reject").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="reason")).to_be_in_viewport()
    page.get_by_label("Reason").fill(EVIL)
    button(page, "Reject").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Rejected, with your reason.")).to_be_visible()
    expect(page.locator(".timeline > li", has_text="Rejected")).to_contain_text("<script>")
    check(page, Look(width=390, height=844))
