"""Erasure of a subject out of what was loaded at run time: what is left, what is not, and that nothing comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from erased_customer import (
    CUSTOMER,
    CUSTOMERS,
    EVENTS,
    HISTORY,
    LINKED,
    ORDERS,
    PATHS,
    SOURCE,
    account,
    customer,
    erase,
    happened,
    load,
    order,
    rows,
    state_of,
    taking,
)
from sent_events import body

from ingest.erasing.subject import Subject
from ingest.live import LiveIngest
from kernel.clock import Clock
from kernel.errors import InputError
from kernel.settings import Settings, load_settings
from kernel.warehouse import Warehouse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path)


@pytest.fixture
def live(warehouse: Warehouse, clock: Clock, settings: Settings, tenant: str) -> Iterator[LiveIngest]:
    with taking(warehouse, clock, settings, tenant) as opened:
        yield opened


def test_the_subject_is_gone_and_the_rest_stays(
    warehouse: Warehouse, clock: Clock, settings: Settings, tenant: str
) -> None:
    with taking(warehouse, clock, settings, tenant, (ORDERS, CUSTOMERS, LINKED)) as live:
        load(live, *HISTORY)
        found = erase(live)
    assert (found.verified, found.left) == (True, ())
    assert (found.events_deleted, found.events_rewritten) == (1, 5)
    assert (found.values_deleted, found.links_deleted, found.subject) == (4, 2, None)
    kept = {row["source_event_id"]: row for row in rows(warehouse, EVENTS, tenant)}
    (renamed,) = [name for name in kept if name.startswith("erased-")]
    assert set(kept) == {"e1", "e2", "e4", "e5", "e6", "e7", "e9", renamed}
    assert kept["e2"]["attributes"] == '{"pieces":3}'
    assert kept["e2"]["objects"] == "[('order','O1','')]"
    assert kept["e4"]["attributes"] == '{"mail":"ada@example.com"}'  # it names nobody who has that address
    assert kept["e6"]["attributes"] == '{"customer":"CUST-1042170"}'
    assert kept["e9"]["actor"] == ""
    assert kept[renamed]["objects"] == "[('customer','CUST-2','')]"
    cases = {(row["process"], row["case_id"]): row for row in rows(warehouse, PATHS, tenant)}
    assert set(cases) == {
        *((name, case) for name in ("orders", "linked") for case in ("O1", "O2", "O3")),
        ("customers", "CUST-2"),
        ("customers", "CUST-1042170"),
    }
    assert [cases[name, "O2"]["events"] for name in ("orders", "linked")] == [1, 1]  # no way leads to T1 any more


def test_what_was_loaded_is_what_would_be_loaded(
    warehouse: Warehouse, clock: Clock, tenant: str, live: LiveIngest
) -> None:
    """All of it delivered again adds nothing, and a log that never held the subject is the same one."""
    load(live, *HISTORY)
    erase(live)
    before, told = state_of(warehouse, tenant), account(live)
    assert told == (9, 9, 0)
    load(live, *HISTORY)
    assert account(live) == (18, 9, 9)
    for one, other in zip(before, state_of(warehouse, tenant), strict=True):
        assert one.equals(other)
    again = erase(live)
    assert (again.found, again.verified) == (0, True)


def test_what_waits_is_loaded_without_it(warehouse: Warehouse, tenant: str, live: LiveIngest) -> None:
    live.accept(body(*HISTORY), SOURCE)
    found = erase(live)  # what waited is loaded first
    assert (found.verified, found.events_deleted) == (True, 1)
    assert account(live) == (9, 9, 0)
    load(live, happened(11, customer()), happened(12, order("O1"), customer(), attributes={"c": CUSTOMER}))
    assert account(live) == (11, 10, 1)
    kept = {row["source_event_id"]: row for row in rows(warehouse, EVENTS, tenant)}
    assert kept["e12"]["attributes"] == "{}"
    assert "e11" not in kept


def test_an_id_that_may_mean_other_things_goes_only_where_it_is_the_subject(
    warehouse: Warehouse, tenant: str, live: LiveIngest
) -> None:
    load(
        live,
        happened(1, order("O1"), customer("17"), attributes={"pieces": "17", "of": "17-3", "customer": 17}),
        happened(2, order("O2"), attributes={"pieces": "17"}),
        happened(3, order("17"), customer("17"), id="order/17/paid"),
    )
    found = erase(live, id_="17")
    assert (found.verified, found.events_deleted, found.events_rewritten) == (True, 0, 2)
    one, two, other = rows(warehouse, EVENTS, tenant)
    assert (one["attributes"], two["attributes"]) == ('{"of":"17-3"}', '{"pieces":"17"}')
    assert other["objects"] == "[('order','17','')]"
    assert other["source_event_id"].startswith("erased-")


def test_a_copy_that_lost_may_win_when_the_winner_is_erased(
    warehouse: Warehouse, tenant: str, live: LiveIngest
) -> None:
    load(live, happened(1, order("O1"), revision=1))
    load(live, happened(1, customer(), revision=2))
    assert [row["case_id"] for row in rows(warehouse, PATHS, tenant)] == [CUSTOMER]
    assert erase(live).verified
    assert [(row["process"], row["case_id"]) for row in rows(warehouse, PATHS, tenant)] == [("orders", "O1")]


def test_the_log_says_so_where_something_is_left(warehouse: Warehouse, tenant: str, live: LiveIngest) -> None:
    """An object of another type that has the same id is another object, and an activity is never changed."""
    load(live, happened(1, {"type": "account", "id": CUSTOMER}, customer()))
    load(live, happened(2, order("O1"), activity=f"Call {CUSTOMER}"))
    found = erase(live)
    assert found.verified is False
    assert {place.split(":")[0] for place in found.left} >= {"events.objects", "events.activity", "names.name"}


def test_a_reason_must_not_name_her(live: LiveIngest) -> None:
    with pytest.raises(InputError, match="must not name"):
        live.erasing.order(Subject.of("customer", CUSTOMER), f"{CUSTOMER} wrote to us", "admin")
    for type_, id_ in (("", "x"), ("customer", ""), ("customer", "x" * 501)):
        with pytest.raises(InputError, match="expected an object type"):
            live.erasing.order(Subject.of(type_, id_), "why", "admin")
    with pytest.raises(InputError, match="say why"):
        live.erasing.order(Subject.of("customer", CUSTOMER), " ", "admin")
    assert live.erasing.orders.all() == []
