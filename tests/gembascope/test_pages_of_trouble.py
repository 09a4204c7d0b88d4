"""What the pages about trouble say of the demo's returns, held against what is asked directly and what was planted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from page_parts import addresses, text
from trouble_world import Trouble, trouble
from undelivered import SECRET, give_up

from dashboards.cache import Reader
from dashboards.pages import incident, incidents, messages_shown, overview, remediation, sla
from dashboards.pages.messages_shown import LATE
from dashboards.pages.trouble import moment
from kernel.access import Grant, Principal, Role, acting_as
from kernel.errors import NotAllowed
from kernel.warehouse import Warehouse
from kpis.sla import SlaState
from orchestration_hooks.outbox import enqueue
from orchestration_hooks.states import Mode

RETURNS = "?process=return-to-refund"


@pytest.fixture(scope="module")
def at(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    with trouble(warehouse, tmp_path_factory.mktemp("trouble"), "pages-of-trouble") as found:
        found.goes_on()
        yield found


@pytest.fixture
def reader(at: Trouble) -> Reader:
    return Reader(at.known.desk.views)


def test_the_overview_says_what_is_asked_directly_and_leads_there(at: Trouble, reader: Reader) -> None:
    desk = at.known.desk
    shown = overview.overview_of(reader, desk)
    said = text(shown)
    late = sum(one.summary.late_now for one in desk.standings())
    assert late > 0
    assert f"{late}Late now" in said
    assert "0Decisions waitingnothing is proposed" in said
    assert f"{len(desk.lasting())}Incidents" in said
    assert "/sla?process=return-to-refund&promise=refund%20within%20five%20working%20days%20of%20receipt" in {
        address.partition("&standing")[0] for address in addresses(shown)
    }
    for line in desk.lasting():
        assert f"/incident?incident={line.incident.id}" in addresses(shown)


def test_what_now_is_for_several_processes_is_what_it_is_for_each(at: Trouble) -> None:
    desk, named = at.known.desk, ["return-to-refund", "order-to-cash", "gone"]
    assert desk.nows_of(named) == {process: desk.now_of(process) for process in named}
    theirs = frozenset({Grant(Role.VIEWER, "order-to-cash")})
    with acting_as(Principal(at.people.tenant, "user", "1", "ana", theirs)):
        assert desk.nows_of(named) == {process: desk.now_of(process) for process in named}


def test_how_promises_stand_is_remembered_until_time_or_data_change(at: Trouble, reader: Reader) -> None:
    first = reader.standings(at.clock)
    assert all(one is other for one, other in zip(first, reader.standings(at.clock), strict=True))
    at.goes_on(timedelta(days=1))  # the shop has told, so now is the clock's
    later = reader.standings(at.clock)
    assert later[-1].summary.now > first[-1].summary.now
    grants = frozenset({Grant(Role.VIEWER, "return-to-refund", "nowhere")})
    with acting_as(Principal(at.people.tenant, "user", "1", "ana", grants)):
        theirs = reader.standings(at.clock)
    assert {one.process.id for one in theirs} == {"return-to-refund"}
    assert sum(sum(one.summary.cases.values()) for one in theirs) == 0  # not what was remembered for who may read all


def test_the_queue_is_read_page_by_page_without_a_gap(at: Trouble, reader: Reader) -> None:
    desk = at.known.desk
    one, *_ = desk.standings("return-to-refund")
    kept = one.summary.cases[SlaState.MET]
    assert kept > sla.ROWS
    seen: list[str] = []
    for page in range(1, -(-kept // sla.ROWS) + 1):
        shown = sla.sla_of(reader, desk, f"{RETURNS}&promise={one.promise.name}&standing=met&page={page}")
        assert f"Page {page} of " in text(shown)
        seen += [address.rpartition("case=")[2] for address in addresses(shown) if address.startswith("/case?")]
    assert len(seen) == len(set(seen)) == kept


def test_late_now_are_those_that_are_planted(at: Trouble, reader: Reader) -> None:
    shown = sla.sla_of(reader, at.known.desk, RETURNS)
    late = {address.rpartition("case=")[2] for address in addresses(shown) if address.startswith("/case?")}
    assert late
    assert late <= {entry["case_id"] for entry in at.made.truth["stuck"]}


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("?process=returns", "no process 'returns'"),
        (f"{RETURNS}&promise=nothing", "promises nothing called 'nothing'"),
        (f"{RETURNS}&page=7", "there is no page 7: this list has 1 page"),
        (f"{RETURNS}&standing=lost", "standing: 'lost' is not one of"),
        ("?incident=nothing", "no incident 'nothing'"),
        ("?run=nothing", "no run"),
        ("", "No incident is named"),
    ],
)
def test_a_wrong_address_is_a_sentence(at: Trouble, reader: Reader, search: str, said: str) -> None:
    desk = at.known.desk
    if search.startswith("?run"):
        shown = remediation.remediation_of(desk, search)[0]
    elif search.startswith("?process"):
        shown = sla.sla_of(reader, desk, search)
    else:
        shown = incident.incident_of(desk, search)[0]
    assert said in text(shown)


def test_one_who_may_only_read_is_offered_no_button(at: Trouble) -> None:
    with acting_as(Principal(at.people.tenant, "anonymous", "anonymous", "a visitor", frozenset({Grant(Role.VIEWER)}))):
        shown, hidden = incident.incident_of(at.known.desk, f"?incident={at.incident()}")
    assert hidden
    assert not re.search("Propose this fix|I take it up|Try it dry", text(shown))
    assert "Sign in as an operator to propose it." in text(shown)


def test_what_did_not_arrive_and_what_is_muted_is_told_to_who_may_know_it(at: Trouble) -> None:
    desk, tenant, state = at.known.desk, at.people.tenant, at.people.state
    title = desk.incidents.line(at.incident()).incident.title

    def shown_to(*grants: Grant) -> tuple[str, list[str]]:
        with acting_as(Principal(tenant, "user", "1", "ana", frozenset(grants))):
            shown = remediation.remediation_of(desk, "")[0]
        return text(shown), addresses(shown)

    everything = Grant(Role.OPERATOR)
    assert not re.search("arrive|on their way|Muted", shown_to(everything)[0])
    muted = desk.mute("return-to-refund", until=timedelta(hours=4), reason="the bank is closed")
    for number in range(messages_shown.ROWS + 1):
        at_ = at.clock.now() + timedelta(seconds=number)
        give_up(state, tenant, f"m-{number}", at_, incident=at.incident())
    said, links = shown_to(everything)
    assert "21 messages did not arrive" in said
    facts = f"with 1 more incident · to ops · written {moment(at.clock.now())} · 1 attempt"
    assert f"{title}{facts}http_410: it is goneSend it again" in said
    assert links.count(f"/incident?incident={at.incident()}") == messages_shown.ROWS
    assert "and 1 more: gembascope messages lists them" in said
    assert f"MutedEvery playbook of Return to refunduntil {moment(muted.until)} · by localthe bank is closedEnd" in said
    assert SECRET not in said
    said, _ = shown_to(Grant(Role.VIEWER))
    assert "21 messages did not arrive" in said
    assert "the bank is closed" in said
    assert not re.search("Send it again|End it now", said)
    with acting_as(Principal(tenant, "user", "1", "ana", frozenset({Grant(Role.VIEWER)}))):
        assert remediation.choices_of(desk, "") == []
    for some in (Grant(Role.OPERATOR, "order-to-cash"), Grant(Role.OPERATOR, "return-to-refund", "Bonn")):
        assert not re.search("arrive|Muted", shown_to(some)[0])
        with acting_as(Principal(tenant, "user", "1", "ana", frozenset({some}))), pytest.raises(NotAllowed):
            desk.undelivered()
    with acting_as(Principal(tenant, "user", "1", "ana", frozenset({Grant(Role.OPERATOR, "return-to-refund")}))):
        choices = [one["value"] for one in remediation.choices_of(desk, "")]
    assert choices[:2] == ["return-to-refund/", "return-to-refund/refund_stuck"]

    desk.end_mute(muted.mute_id)
    for dead in desk.undelivered().dead:
        desk.discard_message(dead.dedup_key, "told by phone")
    with state.writing() as connection:
        enqueue(connection, tenant, dedup_key="w", destination="ops", stream="w", body="{}", at=at.clock.now() - LATE)
    assert "Messages are on their way for long1 message waits, the oldest since" in shown_to(everything)[0]


def test_in_the_demo_a_person_proposes_and_may_agree_to_what_has_no_price(at: Trouble) -> None:
    playbook = at.known.desk.playbooks()["refund_stuck"]
    assert playbook.mode is Mode.MANUAL
    assert [limit.unpriced for limit in playbook.limits.approvals] == [True]


def test_without_trouble_the_pages_say_so(at: Trouble) -> None:
    with acting_as(Principal(at.people.tenant, "user", "1", "ana", frozenset({Grant(Role.VIEWER, "order-to-cash")}))):
        assert "No incident is open" in text(incidents.incidents_of(at.known.desk))
        assert "No decision waits" in text(remediation.remediation_of(at.known.desk, "")[0])
