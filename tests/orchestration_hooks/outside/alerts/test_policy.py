"""Policies: every mistake with its line, whom they match, and when they are mute."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from kernel.definitions import read_definition
from kernel.errors import DefinitionError
from kernel.findings import Severity
from orchestration_hooks.alerts.news import IncidentNews, NewsState
from orchestration_hooks.alerts.policy import AlertPolicy, Mute, read_policies

BAD = Path(__file__).resolve().parents[3] / "bad_definitions" / "alerts"
KINDS = {"team": "webhook", "erp": "http", "chat": "apprise"}
AT = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
NEWS = IncidentNews("1" * 32, NewsState.OPENED, "t", "sla_breach", Severity.HIGH, "return-to-refund", 3, AT, owner="R")

MESSAGES = {
    "channel_twice.yaml": ["channel_twice.yaml:2: channels: names a connection twice"],
    "everything_wrong.yaml": [
        "everything_wrong.yaml:3: match.severity.0: Input should be 'low', 'medium', 'high' or 'critical'",
        "everything_wrong.yaml:4: match.process: Input should be a valid tuple",
        "everything_wrong.yaml:5: channels: no connection 'tem' (did you mean team?); there are: chat, erp, team",
        "everything_wrong.yaml:6: group_wait: expected a duration such as 4h or 1h30m, got 30 without a unit",
        "everything_wrong.yaml:7: group_interval: expected a second or more",
        "everything_wrong.yaml:8: repeat_interval: '90d' is longer than 30 days",
        "everything_wrong.yaml:9: send_resolvd: not a known field (did you mean send_resolved?)",
        'everything_wrong.yaml:11: mute.0.from: expected a time of day such as "07:30", in quotes, got 1320',
        "everything_wrong.yaml:12: mute.0.to: expected a time of day such as \"07:30\", in quotes, got '25:00'",
        "everything_wrong.yaml:13: mute.0.timezone: 'Berlin' is no time zone, such as Europe/Berlin",
        "everything_wrong.yaml:14: mute.1: begins and ends at the same time: write two times that differ",
    ],
    "kind_that_cannot_tell.yaml": [
        "kind_that_cannot_tell.yaml:2: channels: 'erp' is of kind http, and alerts need webhook or apprise"
    ],
    "no_channel.yaml": ["no_channel.yaml:2: channels: Tuple should have at least 1 item after validation, not 0"],
}


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.yaml")))
def test_every_mistake_is_told_with_its_line(name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_definition(BAD / name, AlertPolicy, shown_as=name, context=KINDS)
    assert str(caught.value).splitlines() == MESSAGES[name]


def test_the_table_has_every_file() -> None:
    assert set(MESSAGES) == {path.name for path in BAD.glob("*.yaml")}


def test_policies_are_read_from_the_tenants_folder(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local" / "alerts"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text("id: a\nchannels: [team]\nmatch: {severity: [high]}\ngroup_wait: 0s\n")
    found = read_policies(tmp_path, "local", KINDS)
    assert found["a"].group_wait == timedelta(0)
    assert found["a"].repeat_interval == timedelta(hours=4)
    assert read_policies(tmp_path, "other", KINDS) == {}
    shutil.copy(BAD / "no_channel.yaml", folder)
    with pytest.raises(DefinitionError):
        read_policies(tmp_path, "local", KINDS)


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ({}, True),
        ({"severity": ["high", "critical"]}, True),
        ({"severity": ["low"]}, False),
        ({"kind": ["sla_breach"], "process": ["return-to-refund"], "owner": ["R", "S"]}, True),
        ({"kind": ["sla_breach"], "owner": ["S"]}, False),
        ({"process": ["other"]}, False),
    ],
)
def test_all_that_is_given_must_hold(match: dict[str, list[str]], holds: bool) -> None:
    assert AlertPolicy.model_validate({"id": "a", "channels": ["c"], "match": match}).match.holds(NEWS) is holds


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-03-27T20:59:59Z", False),  # a Friday, 21:59 in Berlin
        ("2026-03-27T21:00:00Z", True),
        ("2026-03-28T04:59:59Z", True),  # Saturday, before six
        ("2026-03-28T05:00:00Z", False),
        ("2026-03-28T21:00:00Z", False),  # Saturday evening is none of its days
        ("2026-03-29T03:30:00Z", False),
        ("2026-10-23T20:00:00Z", True),  # in summer the clock on the wall is two hours ahead
    ],
)
def test_a_mute_window_goes_by_the_clock_on_the_wall_and_past_midnight(at: str, covered: bool) -> None:
    window = Mute.model_validate({"weekdays": ["friday"], "from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"})
    assert window.covers(datetime.fromisoformat(at)) is covered


def test_a_mute_window_may_last_until_midnight() -> None:
    window = Mute.model_validate({"from": "00:00", "to": "24:00", "timezone": "UTC"})
    assert all(window.covers(AT.replace(hour=hour, minute=59, second=59)) for hour in range(24))
