"""The demo as it is served: what it prints, what its tour says, and the whole loop, in which two people go from the red
number to the proven recovery in five clicks."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.visiting import Look
from playwright.sync_api import Locator, Page, expect
from running_service import GEMBASCOPE, environment, run

from gembascope.catalogue import read_shipped
from gembascope.demo.history import DAYS, END
from kernel.signatures import signed_headers, signing_key
from orchestration_hooks.envelope import TRIGGER_TYPE
from simulator.return_to_refund import return_to_refund

pytestmark = pytest.mark.browser
FOLDER = Path("tenants", "local")
README = Path(__file__).resolve().parents[2] / "README.md"
SLOW_MS = 120_000
"""The shop, the engine and the runs each take their turns; a busy machine takes its time."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is served, with the passwords that it printed."""

    address: str
    home: Path
    passwords: dict[str, str]
    printed: list[str]

    def kept(self, name: str) -> Any:
        """What its home remembers under this name."""
        return json.loads((self.home / FOLDER / name).read_text(encoding="utf-8"))

    def ask(self, *words: str) -> Any:
        """What a command answers, as JSON."""
        ended = run(self.home, *words, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def taken(self) -> list[dict[str, Any]]:
        """The triggers that the demo's engine verified and took, each with how often it came."""
        with closing(sqlite3.connect(self.home / FOLDER / "demo-engine.sqlite")) as kept:
            rows = kept.execute("SELECT id, body, done, came FROM triggers ORDER BY rowid").fetchall()
        return [{"id": row[0], "data": json.loads(row[1]), "done": row[2], "came": row[3]} for row in rows]


@dataclass(slots=True)
class Clicks:
    """Clicks are counted, other than those that sign in."""

    told: list[str] = field(default_factory=list)

    def on(self, place: Locator) -> None:
        self.told.append(place.inner_text().split("\n")[0])
        place.click()


@contextmanager
def served_demo(home: Path) -> Iterator[Demo]:
    """The command of the demo, in a process of its own."""
    command = [*GEMBASCOPE, "demo", "--port", "0", "--home", str(home)]
    env = environment() | {"COLUMNS": "118"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            passwords, address, printed = {}, None, []
            for line in process.stdout:
                printed.append(line.rstrip())
                if told := re.match(r"(\w+) (?:proposes|approves), with the password (\S+)", line):
                    passwords[told[1]] = told[2]
                if told := re.match(r"Open (http://\S+)/tour ", line):
                    address = told[1]
                    break
            assert address is not None, "the demo did not start; its reason is above"
            yield Demo(address, home, passwords, printed)
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with served_demo(tmp_path_factory.mktemp("demo")) as found:
        yield found


def signed_in(visit: Callable[[str, Look], Page], demo: Demo, name: str) -> Page:
    """A browser of their own in which somebody is signed in, on the overview."""
    page = visit(demo.address, Look())
    page.goto("/login")
    page.get_by_label("Name or e-mail address").fill(name)
    page.get_by_label("Password").fill(demo.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: not url.endswith("/login"))
    page.goto("/")
    return page


def tile(page: Page, label: str) -> Locator:
    return page.locator("a.tile", has=page.get_by_text(label, exact=True))


def number(page: Page, label: str) -> int:
    return int(re.sub(r"\D", "", tile(page, label).locator(".tile-value").inner_text()))


def test_the_readme_shows_what_it_prints(demo: Demo) -> None:
    blocks = re.findall(r"```\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    shown = next(block for block in blocks if block.startswith("A simulated retailer"))

    def told(lines: list[str]) -> list[str]:
        """What is the same each time: passwords, the port and how long it took are not."""
        return [re.sub(r"loaded in \d+ s|(?<=password )\S+|127\.0\.0\.1:\d+", "…", line) for line in lines]

    assert told(demo.printed) == told(shown.splitlines())


def test_it_loads_both_logs_and_the_whole_catalogue(demo: Demo) -> None:
    ingest = demo.kept("demo-retailer.json")["ingest"]
    returns = demo.ask("log", "return-to-refund")
    assert 150_000 < ingest["stored"] + returns["events"] < 500_000
    assert (ingest["quarantined"], ingest["refused"], ingest["conflicts"]) == (0, 0, 0)
    checked = demo.ask("check")
    assert checked["problems"] == []
    assert set(checked["processes"]) == {*read_shipped().catalogue.processes, "remediation"}
    assert checked["counts"] == {kind: len(checked[kind]) for kind in checked["counts"]}


def test_the_tour_tells_the_truth(demo: Demo) -> None:
    """The figures of each scene are those of what was planted."""
    scenes = demo.kept("demo-tour.json")
    assert [scene["claim"] for scene in scenes] == ["found", "planted", "found", "planted", "silent"]
    said = [scene["sentence"] for scene in scenes]
    faults = {fault["kind"]: fault for fault in demo.kept("demo-retailer.json")["truth"]["faults"]}
    dead = faults["webhook_dead"]

    def placed(activity: str) -> dict[str, datetime]:
        asked = ("cases", "order-to-cash", "--activity", activity, "--since", dead["start"], "--limit", "1000")
        return {row["case"]: datetime.fromisoformat(row["start"]) for row in demo.ask(*asked)["cases"]}

    paid, held = placed("Payment authorised"), placed("Order put on hold")
    struck = {one["id"]: paid[one["id"]] for one in dead["affected"] if one["id"] in paid and one["id"] not in held}
    due = [case for case, at in struck.items() if at < datetime.fromisoformat(dead["end"]) - timedelta(minutes=16)]
    assert int(re.findall(r"(\d+) paid orders", said[0])[0]) == len(due) > 10
    hour, minute = re.findall(r"Noticed at (\d\d):(\d\d)", said[0])[0]
    first = min(struck.values())
    late = (first.replace(hour=int(hour), minute=int(minute), second=59) - first) % timedelta(days=1)
    assert timedelta(minutes=15) <= late <= timedelta(minutes=75), "the ERP tells of something every hour, if not more"
    assert "the first customer complained at" in said[0]
    assert f"to {len(faults['oversell']['affected'])} customers" in said[1]
    planted = return_to_refund(end=END, per_day=demo.kept("demo.json")["per_day"]).truth["finding"]
    [(currency, value)] = planted["value"].items()
    assert said[2].startswith(f"{planted['cases']} refunds over {float(value):,.2f} {currency} were never sent")
    lay = [one for one in faults["carrier_backlog"]["affected"] if datetime.fromisoformat(one["at"]) <= END]
    assert said[3].startswith(f"{len(lay)} parcels that harbor-parcel took over on {DAYS // 7 + 1} Mondays")
    assert said[4].endswith("asked every day, the rule found nothing.")


def test_the_tour_leads_to_five_pages(demo: Demo, visit: Callable[[str, Look], Page]) -> None:
    page = visit(demo.address, Look(scheme="dark", width=390, height=844))
    page.goto("/tour")
    scenes = page.locator(".scene")
    expect(scenes).to_have_count(5)
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [found["id"] for found in violations] == []
    addresses = [link.get_attribute("href") or "" for link in scenes.locator("a.go").all()]
    assert len(addresses) == 5
    for address in addresses:
        page.goto(address)
        expect(page.locator("#page .card, #page .grid-box").first).to_be_visible(timeout=SLOW_MS)
        expect(page.locator(".problem")).to_have_count(0)


def test_two_people_go_from_the_red_number_to_the_proven_recovery_in_five_clicks(
    demo: Demo, visit: Callable[[str, Look], Page]
) -> None:
    clicks = Clicks()
    olivia = signed_in(visit, demo, "olivia")
    broken = olivia.locator(".incidents > li", has_text="Step did not happen")
    expect(broken.first).to_be_visible(timeout=SLOW_MS)  # trouble is looked for beside the first visit
    late_before, waiting_before = number(olivia, "Late now"), number(olivia, "Decisions waiting")
    assert late_before > 0
    assert waiting_before == 0
    expect(tile(olivia, "Late now")).to_have_class(re.compile(r"\blate\b"))

    clicks.on(tile(olivia, "Late now"))
    expect(olivia.get_by_role("heading", level=1)).to_have_text("What is late, and what does it cost?")
    clicks.on(broken.first.get_by_role("link"))
    expect(olivia.get_by_role("button", name="Propose this fix")).to_be_visible()
    incident = re.search(r"incident=([^&]+)", olivia.url)
    assert incident is not None
    clicks.on(olivia.get_by_role("button", name="Propose this fix"))
    expect(olivia.get_by_text("It is proposed: somebody else has to agree.")).to_be_visible()
    expect(olivia.get_by_role("button", name="Propose this fix")).to_have_count(0)  # it is under way

    petra = signed_in(visit, demo, "petra")
    expect(tile(petra, "Decisions waiting").locator(".tile-value")).to_have_text("1", timeout=SLOW_MS)
    clicks.on(tile(petra, "Decisions waiting"))
    approve = petra.get_by_role("button", name=re.compile("^Approve EUR "))
    expect(approve).to_be_visible()
    expect(petra.get_by_role("button", name="Reject")).to_be_visible()
    olivia.goto(petra.url.removeprefix(demo.address))  # who asked sees why it is not for them to decide
    expect(olivia.get_by_text("You cannot approve it: ")).to_be_visible()
    expect(olivia.get_by_text("You cannot approve it: ")).to_contain_text("this needs the right to approve")
    expect(olivia.get_by_role("button", name=re.compile("Approve|Reject"))).to_have_count(0)
    assert demo.taken() == []
    asked = approve.inner_text().removeprefix("Approve ")

    clicks.on(approve)
    expect(petra.get_by_text("Approved: it goes on by itself.")).to_be_visible()
    for each in (petra, olivia):  # also whoever only looks on
        expect(each.get_by_text("Done: recovered, and proven by events")).to_be_visible(timeout=SLOW_MS)
    assert len(clicks.told) == 5, clicks.told

    told = petra.locator(".timeline .event-name strong").all_inner_texts()
    assert told[0] == "It was opened"
    assert told[-1] == "Run ended"
    for step in ("Approval requested", "Approved", "Triggered", "Callback received", "Recovered"):
        assert step in told, told

    [taken] = demo.taken()
    assert (taken["came"], taken["done"]) == (1, 1)
    assert taken["data"]["workflow"] == "resend-refunds"
    total = sum(round(100 * float(case["amount"] or 0)) for case in taken["data"]["cases"])
    shown = re.match(r"EUR ([\d,]*\d(?:\.\d+)?)", asked)  # what is not priced may stand behind it
    assert shown is not None, asked
    assert abs(total / 100 - float(shown[1].replace(",", ""))) < 1

    olivia.goto(f"/incident?incident={incident[1]}")
    expect(olivia.locator(".state")).to_have_text("Resolved", timeout=SLOW_MS)
    olivia.goto("/")
    expect(tile(olivia, "Late now").locator(".tile-value")).not_to_have_text(f"{late_before:,}", timeout=SLOW_MS)
    assert number(olivia, "Late now") < late_before
    assert number(olivia, "Decisions waiting") == 0

    # Every step came back as an event: the remediation has a map of its own.
    for _ in range(12):  # a map does not renew itself, and the run may have ended a moment ago
        olivia.goto("/map?process=remediation&detail=5&view=frequency")
        expect(olivia.locator('#map g.node[aria-label^="Run opened"]')).to_have_count(1, timeout=SLOW_MS)
        with suppress(AssertionError):
            expect(olivia.locator('#map g.node[aria-label^="Run ended"]')).to_have_count(1, timeout=SLOW_MS // 12)
            break
    for step in ("Run opened", "Approved", "Triggered", "Run ended"):
        expect(olivia.locator(f'#map g.node[aria-label^="{step}"]')).to_have_count(1)
    said = run(demo.home, "audit", "verify")
    assert said.returncode == 0, said.stderr + said.stdout


def test_the_engine_of_the_demo_takes_what_is_signed_with_its_secret_alone(demo: Demo) -> None:
    """So what it took was signed right. What it took already comes to the same."""
    [taken] = demo.taken()
    config = (demo.home / FOLDER / "connections" / "payments_engine.yaml").read_text()
    url = next(line.removeprefix("url: ") for line in config.splitlines() if line.startswith("url: "))
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": taken["id"],
            "source": "test",
            "type": TRIGGER_TYPE,
            "data": taken["data"],
        }
    ).encode()
    now = datetime.now(timezone.utc)
    ours = signing_key((demo.home / FOLDER / "demo-engine.secret").read_text().strip(), "the demo's")
    for key in (None, signing_key("bm90IHRoZSBzZWNyZXQgb2YgdGhlIGRlbW8h", "another")):
        headers = signed_headers([key], "another", body, now) if key is not None else {}
        assert httpx.post(url, content=body, headers=headers).status_code == 401
    answer = httpx.post(url, content=body, headers=signed_headers([ours], taken["id"], body, now))
    assert (answer.status_code, answer.json()["again"]) == (202, True)
    assert [(one["id"], one["came"]) for one in demo.taken()] == [(taken["id"], 2)]


def test_who_is_not_signed_in_looks_and_touches_nothing(demo: Demo, visit: Callable[[str, Look], Page]) -> None:
    page = visit(demo.address, Look())
    names = page.locator(".incidents a.go")
    while not names.count():  # what is wrong is found soon after the start
        page.goto("/incidents")
        expect(names.or_(page.get_by_role("heading", name="No incident is open")).first).to_be_visible()
    for address in [names.nth(place).get_attribute("href") for place in range(names.count())]:
        assert address is not None
        page.goto(address)
        expect(page.get_by_role("heading", name="What is known")).to_be_visible()
        expect(page.locator("#page button:visible")).to_have_count(0)
    page.goto("/remediation")
    expect(page.locator("#remediation h1")).to_be_visible()  # whatever ran before
    expect(page.locator("#page button:visible")).to_have_count(0)
