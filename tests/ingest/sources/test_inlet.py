"""From a delivery to the warehouse: counted exactly, known again, kept byte for byte where it is no event, and out of
the quarantine once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from packs import RULES, delivery
from source_desk import Desk, order
from state_databases import KINDS, empty_database

from ingest.mappings.decoding import Record
from ingest.mappings.mapper import Mapped, Mapper
from ingest.quarantine import quarantined, quarantined_bytes
from ingest.sources.delivery import Delivery, SourceStopped
from ingest.sources.registry import Sources
from kernel.clock import Clock, FixedClock
from kernel.errors import DefinitionError, NotFound, SettingsError, SpoolFull
from kernel.settings import Settings, load_settings
from kernel.warehouse import Warehouse


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def own_clock(clock: FixedClock) -> FixedClock:
    """One that a test may move."""
    return FixedClock(clock.at)


@pytest.fixture
def desk(warehouse: Warehouse, own_clock: FixedClock, tenant: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(warehouse, own_clock, load_settings(home=tmp_path), tenant, tmp_path / "definitions")
    with found.spool:
        yield found


@pytest.fixture
def everywhere(
    warehouse: Warehouse, own_clock: FixedClock, home: Settings, tenant: str, tmp_path: Path
) -> Iterator[Desk]:
    """On each kind of database."""
    found = Desk(warehouse, own_clock, home, tenant, tmp_path / "definitions")
    with found.spool:
        yield found


def test_deliveries_are_counted_and_loaded(everywhere: Desk) -> None:
    desk = everywhere
    bad = delivery(b"\xff\xfe{", "orders/3", topic="orders/create", event_id="e-3")
    found = desk.inlet.take([order(1), delivery({}, topic="ping"), order(2), bad, order(1)], place="p-1")
    assert (found.received, found.accepted, found.quarantined, found.repeated, found.ignored) == (4, 3, 1, 0, 1)
    assert found.reasons == ("this is not UTF-8 text (byte 0)",)
    assert desk.account() == (4, 0, 0, 1, 0, 3)
    assert desk.live.drain() == 3
    assert desk.account() == (4, 2, 1, 1, 0, 0)
    assert desk.told() == [("e-1", "Order placed"), ("e-2", "Order placed")]
    assert desk.inlet.place() == "p-1"
    desk.inlet.take([delivery({}, topic="ping")])
    (state,) = desk.spool.sources.all(desk.tenant)
    assert (state["deliveries"], state["ignored"], state["place"]) == (6, 2, "p-1")
    (entry,) = desk.open()
    (kept,) = quarantined_bytes(desk.warehouse, tenant=desk.tenant, entries=[entry["entry"]])
    assert (kept.raw, kept.key, kept.headers) == (bad.body, bad.key, dict(bad.headers))


def test_a_delivery_is_known_again_by_the_id_of_its_sender(everywhere: Desk, own_clock: FixedClock) -> None:
    """Also what was quarantined: it is there once. After seven days it is known by its events alone."""
    desk, one, bad = everywhere, order(1), delivery({}, "x", topic="refunds")
    first = Delivery(one.body, one.key, one.headers, "d-1")
    second = Delivery(bad.body, bad.key, bad.headers, "d-2")
    for _ in range(3):
        found = [desk.inlet.take([first]), desk.inlet.take([second])]
    assert [one.repeated for one in found] == [1, 1]
    desk.live.drain()
    assert desk.account() == (6, 1, 4, 1, 0, 0)
    both = desk.inlet.take([first, order(2)])
    assert (both.accepted, both.repeated) == (1, 1)
    own_clock.at += timedelta(days=7, seconds=1)
    desk.live.drain()
    assert desk.inlet.take([first]).accepted == 1
    desk.live.drain()
    assert desk.account() == (9, 2, 6, 1, 0, 0)
    assert [name for name, _ in desk.told()] == ["e-1", "e-2"]


def test_deliveries_taken_together_are_told_apart(everywhere: Desk) -> None:
    """Each has its own outcome, and what is repeated among them is there once."""
    desk, one, bad = everywhere, order(1), delivery({}, "x", topic="refunds")

    def named(given: Delivery, name: str) -> Delivery:
        return Delivery(given.body, given.key, given.headers, name)

    def told(*given: Delivery) -> list[tuple[int, int, int, int]]:
        return [(o.accepted, o.quarantined, o.repeated, o.ignored) for o in desk.inlet.take_each(given)]

    first, second, ping = named(one, "d-1"), named(bad, "d-2"), delivery({}, topic="ping")
    assert told(first, second, first, order(2), ping) == [
        (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 0, 0, 0), (0, 0, 0, 1),
    ]  # fmt: skip
    assert told(second, named(order(3), "d-3"), first) == [(0, 0, 1, 0), (1, 0, 0, 0), (0, 0, 1, 0)]
    assert told(second) == [(0, 0, 1, 0)]
    assert told() == []
    desk.live.drain()
    assert desk.account() == (8, 3, 4, 1, 0, 0)
    (state,) = desk.spool.sources.all(desk.tenant)
    assert (state["deliveries"], state["ignored"]) == (9, 1)


def test_the_events_of_a_record_are_kept_together_or_not_at_all(desk: Desk) -> None:
    spans = {"spans": [{"a": "A", "t": 5}, {"a": "B" * 501, "t": 6}]}
    found = desk.inlet.take([delivery(spans, topic="spans", event_id="e")])
    assert (found.accepted, found.quarantined) == (0, 1)
    assert "length <= 500" in found.reasons[0]
    rule = {"objects": [{"type": {"is": "order"}, "id": "body.id", "attributes": {"n": {"is": 1}}}]}
    first = rule | {"id": "body.id", "activity": {"is": "A"}, "occurred_at": "body.good"}
    second = rule | {"id": "body.id", "activity": {"is": "B"}, "occurred_at": "body.bad"}
    desk.write("mappings", "two", {**RULES, "rules": [{"name": "both", "events": [first, second]}]})
    desk.write("sources", "two", {"pack": "two", "collect": {"kind": "cloudevents"}})
    found = desk.sources.inlet("two").take([delivery({"id": "x", "good": "2026-03-02T10:16:00Z", "bad": "noon"})])
    assert (found.accepted, found.quarantined) == (0, 1)
    desk.live.drain()
    assert desk.told() == []


def test_what_is_mended_leaves_the_quarantine_once(everywhere: Desk) -> None:
    desk = everywhere
    desk.inlet.take([order(1, created_at="noon"), order(2, created_at="dusk"), order(3)])
    desk.live.drain()
    assert desk.account() == (3, 1, 0, 2, 0, 0)
    first, second = sorted(desk.open(), key=lambda row: row["key"])
    (still,) = desk.releaser.replay([first["entry"]])
    assert still.reason == "occurred_at: 'noon' is not a time such as 2026-01-31T12:00:00.250Z"
    mended = desk.releaser.repair(first["entry"], order(1).body)
    assert (mended.events, mended.reason) == (1, "")
    again = desk.releaser.repair(first["entry"], order(1).body)
    assert again.reason == "it is open no longer: repaired"
    (given_up,) = desk.releaser.discard([second["entry"]])
    assert given_up.reason == ""
    desk.live.drain()
    assert desk.account() == (3, 2, 0, 1, 0, 0)
    assert [name for name, _ in desk.told()] == ["e-1", "e-3"]
    assert desk.open() == []
    ended = quarantined(desk.warehouse, tenant=desk.tenant, ended=True)
    assert sorted(ended["ended_as"]) == ["discarded", "repaired"]
    with pytest.raises(NotFound, match="there is no entry"):
        desk.releaser.replay(["0" * 32])


def test_a_release_that_was_killed_is_not_done_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the spool and the quarantine: the spool knows."""
    desk.inlet.take([delivery({"id": "O-1", "created_at": "2026-03-02T10:16:00Z", "total": 1}, topic="refunds")])
    desk.live.drain()
    (entry,) = desk.open()
    rules = [{**rule, "when": "`true`"} if rule["name"] == "orders" else rule for rule in RULES["rules"]]
    order_rule = rules[1]["events"][0] | {"id": "body.id", "activity": {"is": "Refund"}}
    desk.write("mappings", "shop", {**RULES, "rules": [rules[1] | {"events": [order_rule]}]})
    monkeypatch.setattr("ingest.sources.registry.FRESH_S", 0.0)
    with monkeypatch.context() as killed:
        killed.setattr("ingest.releasing.end_entries", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            desk.releaser.replay([entry["entry"]])
    (again,) = desk.releaser.replay([entry["entry"]])
    assert again.reason == "it was taken out before"
    desk.live.drain()
    assert desk.account() == (1, 1, 0, 0, 0, 0)
    assert desk.told() == [("O-1", "Refund")]
    assert desk.open() == []


def test_a_source_that_is_mostly_bad_stops_if_it_can_wait(desk: Desk) -> None:
    """A queue keeps what it has; who pushes would give up in the end, and is taken into quarantine."""
    bad = [delivery({}, str(number), topic="refunds") for number in range(150)]
    assert desk.inlet.take(bad).quarantined == 150
    assert desk.inlet.take([order(1)]).accepted == 1
    desk.write("sources", "queue", {"pack": "shop", "collect": {"kind": "cloudevents"}})
    queue = desk.sources.inlet("queue")
    queue._stops = True
    assert queue.take(bad[:99]).quarantined == 99  # a few say nothing yet
    queue.take(bad[:1])
    with pytest.raises(SourceStopped, match="100 of the latest 100 records were bad"):
        queue.take([order(2)])
    assert desk.account("queue")[0] == 100
    desk.sources.resume("queue")
    assert queue.take([order(2)]).accepted == 1
    assert queue.take(bad[:50]).quarantined == 50


def test_what_does_not_fit_is_refused_and_nothing_is_known_of_it(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path
) -> None:
    desk = Desk(warehouse, clock, load_settings(home=tmp_path, spool_events=2), tenant, tmp_path / "d")
    first = order(1)
    with desk.spool:
        desk.inlet.take([order(2), order(3)])
        with pytest.raises(SpoolFull):
            desk.inlet.take([Delivery(first.body, first.key, first.headers, "d-1")], place="far")
        assert desk.account() == (3, 0, 0, 0, 1, 2)
        assert desk.inlet.place() == ""
        desk.live.drain()
        again = desk.inlet.take([Delivery(first.body, first.key, first.headers, "d-1")], place="far")
        assert (again.accepted, desk.inlet.place()) == (1, "far")


def test_definitions_are_read_when_they_change(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.registry.FRESH_S", 0.0)
    before = desk.inlet
    assert desk.inlet is before
    desk.write("sources", "web", {"pack": "shop", "collect": {"kind": "otlp"}, "title": "another"})
    assert desk.inlet is not before
    with pytest.raises(NotFound, match="no source 'web' is taken from in that way"):
        desk.sources.inlet("web", "webhook")
    desk.write("sources", "web", {"pack": "shop", "collect": {"kind": "otlp"}, "off": True})
    with pytest.raises(NotFound):
        desk.sources.inlet("web")
    desk.write("sources", "web", {"pack": "nothing", "collect": {"kind": "otlp"}})
    with pytest.raises(DefinitionError, match="no mapping pack 'nothing'"):
        desk.definitions.all()
    desk.write(
        "sources", "web", {"pack": "shop", "collect": {"kind": "otlp"}, "personal": [{"field": "actor", "do": "drop"}]}
    )
    keyless = Sources(desk.tenant, desk.definitions, desk.spool, clock)
    with pytest.raises(SettingsError, match="GEMBASCOPE_PSEUDONYM_KEY"):
        keyless.inlet("web")


def test_an_inlet_is_closed_while_its_source_is_stopped_or_the_spool_has_no_room(
    warehouse: Warehouse, own_clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    settings = load_settings(home=tmp_path, spool_events=10)
    desk = Desk(warehouse, own_clock, settings, tenant, tmp_path / "definitions")
    with desk.spool:
        desk.inlet.take([order(n) for n in range(9)])
        assert desk.inlet.closed() == ""
        desk.spool.sources.stop(tenant, desk.inlet.source, "too much is bad")
        assert desk.inlet.closed() == "it was stopped: too much is bad"
        desk.spool.sources.resume(tenant, desk.inlet.source)
        desk.inlet.take([order(9)])
        assert desk.inlet.closed() == "too many events wait to be loaded"
        desk.live.drain()
        assert desk.inlet.closed() == ""


def test_a_mistake_of_ours_keeps_back_one_record_alone_and_is_mended_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What raised would come again for ever, or until its broker throws it away."""
    mapped = Mapper.mapped

    def mistaken(self: Mapper, record: Record, of: Delivery) -> Mapped:
        if of.key == "orders/2":
            raise TypeError(of.body)
        return mapped(self, record, of)

    with monkeypatch.context() as patched:
        patched.setattr(Mapper, "mapped", mistaken)
        found = desk.inlet.take([order(1), order(2), order(3)], place="p-1")
    assert (found.received, found.accepted, found.quarantined) == (3, 2, 1)
    assert found.reasons[0].startswith("an error of this program (TypeError)")
    assert "mistaken" in caplog.text
    assert "O-2" not in caplog.text
    desk.live.drain()
    (entry,) = desk.open()
    (released,) = desk.releaser.replay([entry["entry"]])
    assert (released.events, released.reason) == (1, "")
    desk.live.drain()
    assert desk.account() == (3, 3, 0, 0, 0, 0)
    assert [one for one, _ in desk.told()] == ["e-1", "e-2", "e-3"]
