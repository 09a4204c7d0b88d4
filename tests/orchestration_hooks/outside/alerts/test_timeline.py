"""Alerts as timelines: what happens when, and what is told when."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.findings import Severity
from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables import ALERT_GROUPS, ALERT_MEMBERS, OUTBOX
from kernel.timeparse import parse_duration
from orchestration_hooks.alerts.alerter import Alerter
from orchestration_hooks.alerts.grouping import Member, Reason, reason_to_tell
from orchestration_hooks.alerts.news import IncidentNews, NewsState, read, written
from orchestration_hooks.alerts.page import page, plain
from orchestration_hooks.alerts.policy import AlertPolicy

START = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)  # a Monday
OPENED, GREW, ACKNOWLEDGED, RESOLVED = NewsState


@pytest.fixture
def settings(messages_settings: Settings) -> Settings:
    return messages_settings


@pytest.fixture
def state(no_messages: State) -> State:
    return no_messages


def policy(**more: Any) -> AlertPolicy:
    given = {"id": "p", "channels": ["team"], "group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
    return AlertPolicy.model_validate({**given, **more})


def news(incident: str, state: NewsState = OPENED, **more: Any) -> IncidentNews:
    given: dict[str, Any] = {
        "title": f"trouble {incident}",
        "kind": "sla_breach",
        "severity": Severity.HIGH,
        "process": "return-to-refund",
        "cases": 3,
        "since": START - timedelta(hours=1),
    }
    return IncidentNews(incident, state, **{**given, **more})


class Timeline:
    """Moves the time from one decision of the alerter to the next."""

    def __init__(self, state: State, *policies: AlertPolicy) -> None:
        self._state, self.now = state, START
        self.alerter = Alerter("local", {one.id: one for one in policies}, "https://ops.example")
        self._seen: set[str] = set()

    def at(self, offset: str, *happened: IncidentNews) -> None:
        """Go there, telling nothing on the way, and let this happen."""
        assert self.until(offset) == []
        with self._state.writing() as connection:
            for one in happened:
                self.alerter.take(connection, one, self.now)

    def until(self, offset: str) -> list[tuple[str, str, str]]:
        """Go there; what was told on the way: when, to whom, the title."""
        end, told = START + parse_duration(offset), []
        while (due := self._next()) is not None and due <= end:
            self.now = max(self.now, due)
            with self._state.writing() as connection:
                self.alerter.flush(connection, self.now)
                rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.created_at, OUTBOX.c.dedup_key)).mappings()
                for row in rows:
                    if row["dedup_key"] not in self._seen:
                        self._seen.add(row["dedup_key"])
                        title = msgspec.json.decode(row["body"])["title"]
                        told.append((_offset(self.now), row["destination"], title))
        self.now = max(self.now, end)
        return told

    def _next(self) -> datetime | None:
        """When something is decided on next."""
        with self._state.reading() as connection:
            return connection.execute(select(func.min(ALERT_GROUPS.c.next_flush_at))).scalar_one()

    def expect(self, offset: str, *told: tuple[str, str]) -> None:
        assert self.until(offset) == [(when, "team", title) for when, title in told]


def _offset(now: datetime) -> str:
    seconds = int((now - START).total_seconds())
    return f"{seconds // 60}m{seconds % 60:02}s"


def test_a_group_waits_then_tells_then_waits_longer(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.at("20s", news("b", severity=Severity.CRITICAL))
    line.expect("1m", ("0m30s", "trouble b and 1 more"))
    line.at("2m", news("c"))
    line.expect("9m", ("5m30s", "trouble b and 2 more"))
    line.expect("20m")
    with state.reading() as connection:
        about = select(OUTBOX.c.incident_id, OUTBOX.c.incidents).order_by(OUTBOX.c.number)
        assert [tuple(row) for row in connection.execute(about)] == [("b", 2), ("b", 3)]


def test_groups_are_apart_by_what_they_agree_in(state: State) -> None:
    line = Timeline(state, policy(group_by=["process", "owner"]))
    line.at("0s", news("a", owner="Returns"), news("b", owner="Payments"), news("c", owner="Returns"))
    assert sorted(title for _, _, title in line.until("1m")) == ["trouble a and 1 more", "trouble b"]


def test_what_has_no_news_is_repeated_after_its_interval(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.expect("4h", ("0m30s", "trouble a"))
    line.expect("4h10m", ("240m30s", "Still: trouble a"))


def test_what_somebody_has_acknowledged_is_not_repeated(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.expect("1m", ("0m30s", "trouble a"))
    line.at("2m", news("a", ACKNOWLEDGED))
    line.expect("9h")
    line.at("9h", news("a", GREW, severity=Severity.CRITICAL))  # but worse is news
    line.expect("9h6m", ("540m30s", "Worse: trouble a"))


def test_that_it_grew_is_no_news_unless_it_is_worse(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.expect("1m", ("0m30s", "trouble a"))
    line.at("2m", news("a", GREW, cases=900))
    line.expect("30m")


def test_the_end_is_told_once(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"), news("b"))
    line.expect("1m", ("0m30s", "trouble a and 1 more"))
    line.at("2m", news("a", RESOLVED))
    line.expect("6m", ("5m30s", "trouble b and 1 more"))  # the one that is over comes last
    line.at("7m", news("b", RESOLVED))
    line.expect("9h", ("10m30s", "Over: trouble b"))
    with state.reading() as connection:
        assert connection.execute(select(func.count()).select_from(ALERT_MEMBERS)).scalar_one() == 0
    line.at("9h", news("b"))  # and begins anew
    line.expect("9h2m", ("540m30s", "trouble b"))


def test_the_end_is_not_told_where_it_is_not_wanted(state: State) -> None:
    line = Timeline(state, policy(send_resolved=False))
    line.at("0s", news("a"))
    line.expect("1m", ("0m30s", "trouble a"))
    line.at("2m", news("a", RESOLVED))
    line.expect("9h")


def test_what_is_over_before_it_was_told_is_not_told(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.at("10s", news("a", RESOLVED))
    line.expect("9h")


def test_flapping_is_told_at_the_interval_only(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.expect("1m", ("0m30s", "trouble a"))
    for second in range(60, 330, 20):
        line.at(f"{second}s", news("a", RESOLVED if second % 40 else OPENED))
    line.expect("10m")  # at its flush it is as it was told


def test_nobody_is_told_of_the_past(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", *(news(f"old{number}", backfill=True) for number in range(50)))
    line.at("10s", news("old1", RESOLVED, backfill=True), news("old2", GREW, backfill=True), news("x", ACKNOWLEDGED))
    line.expect("5h")
    line.at("5h", news("old3", GREW))  # it goes on today: that is news
    line.expect("5h1m", ("300m30s", "trouble old3"))


def test_what_was_muted_is_told_after_the_window_also_its_end(state: State) -> None:
    window = {"from": "09:10", "to": "10:00", "timezone": "UTC"}
    line = Timeline(state, policy(mute=[window]))
    line.at("0s", news("a"))
    line.expect("1m", ("0m30s", "trouble a"))
    line.at("15m", news("a", RESOLVED), news("b", kind="missing_event"))
    line.at("20m", news("c", kind="missing_event"))
    line.at("21m", news("c", RESOLVED, kind="missing_event"))
    assert [title for _, _, title in line.until("59m")] == []
    assert sorted(title for _, _, title in line.until("1h6m")) == ["Over: trouble a", "trouble b"]


def test_every_policy_that_matches_tells_on_each_of_its_channels(state: State) -> None:
    pager = policy(id="pager", channels=["pager", "team"], match={"severity": ["critical"]}, group_wait="0s")
    line = Timeline(state, policy(), pager)
    line.at("0s", news("a"), news("b", severity=Severity.CRITICAL))
    assert line.until("1m") == [
        ("0m00s", "pager", "trouble b"),
        ("0m00s", "team", "trouble b"),
        ("0m30s", "team", "trouble b and 1 more"),
    ]
    line.at("2m", news("a", GREW, severity=Severity.CRITICAL))  # now it matches there too
    assert ("2m00s", "pager", "trouble b and 1 more") not in line.until("4m50s")
    assert [found for found in line.until("6m") if found[1] == "pager"] == [("5m00s", "pager", "trouble a and 1 more")]


def test_a_storm_is_one_message(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", *(news(f"i{number:03}") for number in range(200)))
    ((_, _, title),) = line.until("1m")
    assert title == "trouble i000 and 199 more"


def test_a_service_that_slept_tells_once_when_it_wakes(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.now += timedelta(hours=9)
    line.expect("9h1m", ("540m00s", "trouble a"))


def test_a_policy_that_is_gone_tells_nothing(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    line.alerter = Alerter("local", {}, None)
    line.expect("1h")


def test_another_tenant_is_told_nothing(state: State) -> None:
    line = Timeline(state, policy())
    line.at("0s", news("a"))
    with state.writing() as connection:
        other = Alerter("other", {"p": policy()}, None)
        assert other.flush(connection, START + timedelta(days=1)) == {}
        assert other.take(connection, news("a", RESOLVED), START) == []
    line.expect("1m", ("0m30s", "trouble a"))


def test_those_who_flush_together_tell_once(settings: Settings, state: State) -> None:
    alerter = Alerter("local", {"p": policy(group_by=["incident"])}, None)
    with state.writing() as connection:
        for number in range(20):
            alerter.take(connection, news(f"i{number}"), START)
    begin = threading.Barrier(4)

    def flush(mine: State) -> int:
        begin.wait()
        with mine.writing() as connection:
            return len(alerter.flush(connection, START + timedelta(minutes=1)))

    with State(settings) as other, ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(flush, [state, other, state, other])) == 20
    with state.reading() as connection:
        assert connection.execute(select(func.count()).select_from(OUTBOX)).scalar_one() == 20


def test_a_page_tells_all_that_is_needed() -> None:
    told = news(
        "4" * 32,
        title="212 refunds are stuck",
        cases=212,
        since=START - timedelta(days=3, hours=4),
        value={"SEK": Decimal("4000"), "EUR": Decimal("31120.5")},
        unpriced=12,
        deadline=START + timedelta(hours=2),
        suspect="Refund sent to payments (erp)",
        owner="Returns",
        dependency_owner="ERP",
    )
    message = page([told], reason=Reason.NEW, public_url="https://ops.example", now=START)
    assert message.title == "212 refunds are stuck"
    assert message.text == (
        "212 refunds are stuck\n"
        "Process: return-to-refund\n"
        "Severity: high\n"
        "Since: 2026-02-27 05:00 UTC (3d 4h)\n"
        "Orders: 212\n"
        "Money: 31,120.50 EUR; 4,000.00 SEK; 12 not priced\n"
        "Deadline: 2026-03-02 11:00 UTC\n"
        "Suspect: Refund sent to payments (erp)\n"
        "Owner: Returns\n"
        "Owner of the suspect: ERP\n"
        f"https://ops.example/incident?incident={'4' * 32}"
    )
    assert (message.severity, message.link) == ("high", f"https://ops.example/incident?incident={'4' * 32}")
    assert message.fields["Money"] == "31,120.50 EUR; 4,000.00 SEK; 12 not priced"
    bare = page([news("a", deadline=START)], reason=Reason.REPEAT, public_url=None, now=START)
    assert (bare.title, bare.link) == ("Still: trouble a", "")
    assert "Money: not priced\nDeadline: passed\nOwner: nobody" in bare.text
    silent = page([news("a", kind="source_silent", cases=0)], reason=Reason.NEW, public_url=None, now=START)
    assert not {"Deadline", "Money", "Orders"} & {line.partition(":")[0] for line in silent.text.splitlines()}


def test_no_name_of_others_looks_like_a_line_of_ours() -> None:
    hostile = news("a", title="x\nOwner: me\r\n\x1b[31m\u202egp\ud800", suspect="y" * 5000, owner="\0")
    message = page([hostile], reason=Reason.NEW, public_url=None, now=START)
    assert [line for line in message.text.splitlines() if line.startswith("Owner")] == ["Owner: nobody"]
    assert message.title.isprintable()
    assert len(message.text) < 1000
    assert plain("a\tb") == "a b"


def test_a_long_list_is_cut_and_says_so() -> None:
    message = page([news(f"i{n:02}") for n in range(25)], reason=Reason.NEW, public_url="https://o", now=START)
    assert message.text.endswith("… and 15 more incidents.")
    assert message.link == "https://o/incidents"


def test_news_come_back_as_they_were_written() -> None:
    told = news("a", value={"EUR": Decimal("0.10")}, deadline=START)
    assert read(written(told)) == told


@pytest.mark.parametrize("told_as", ["", "low", "high", "critical"])
@pytest.mark.parametrize("firing", [True, False])
def test_muted_is_said_only_where_something_would_be_told(told_as: str, firing: bool) -> None:
    always = policy(mute=[{"from": "00:00", "to": "24:00", "timezone": "UTC"}])
    member = Member("a", firing, False, Severity.HIGH, told_as)
    open_, muted = (reason_to_tell(one, [member], START, START) for one in (policy(), always))
    assert muted is (Reason.MUTED if open_ is not Reason.NO_NEWS else Reason.NO_NEWS)
