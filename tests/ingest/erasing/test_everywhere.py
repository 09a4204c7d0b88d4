"""An erased id is nowhere: not in the quarantine, not in a file of the home, not in a table, old parts included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from erased_customer import CUSTOMER, HISTORY, SOURCE, customer, erase, happened, load, order, taking
from sent_events import body
from sqlalchemy import insert, select
from state_databases import KINDS, empty_database

from ingest.erasing.databases import replace_texts, texts_left
from ingest.erasing.keys import ErasureKeys
from ingest.erasing.subject import Subject
from ingest.quarantine import quarantined
from ingest.spool_tables import RELEASED
from kernel.clock import Clock, FixedClock
from kernel.errors import SettingsError
from kernel.pseudonyms import Pseudonyms
from kernel.settings import load_settings
from kernel.state.database import State
from kernel.state.tables.incidents import INCIDENTS
from kernel.warehouse import Query, Warehouse

LONG = 'Zoë "Zo" O\'Neil/7'
"""An id that JSON writes in several ways."""
MUTATIONS = Query("mutations", "SELECT command FROM system.mutations WHERE database = currentDatabase()")


def holding(folder: Path, text: str) -> list[str]:
    """The files below a folder that hold a text."""
    found = [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    return sorted(str(path.relative_to(folder)) for path in found)


def test_nothing_below_the_home_holds_it(warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path) -> None:
    """Files are searched byte by byte, those of the embedded warehouse too: what is compressed there, the erasure
    itself has searched by SQL, and old parts of tables are gone."""
    id_ = f"C-{tenant}"  # other tests of the session leave other ids
    told = [one for one in HISTORY if one["id"] != "e6"] + [{"id": CUSTOMER, "broken": f"by {CUSTOMER}"}]
    with taking(warehouse, clock, load_settings(home=tmp_path), tenant) as live:
        live.accept(body(*told).replace(CUSTOMER.encode(), id_.encode()), SOURCE)
        live.drain()
        held = holding(tmp_path, id_), holding(warehouse.settings.home, id_)
        assert held[0]
        assert erase(live, id_=id_).verified
        assert holding(tmp_path, id_) == []
        assert not [text for text in warehouse.read_for_write(MUTATIONS)["command"] if id_ in text]
        if warehouse.is_alone:
            assert held[1]
            assert holding(warehouse.settings.home, id_) == []


@pytest.mark.parametrize("id_", [CUSTOMER, LONG])
def test_entries_of_the_quarantine_that_hold_it_are_given_up(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, id_: str
) -> None:
    with taking(warehouse, clock, load_settings(home=tmp_path), tenant, ()) as live:
        sent = [{"id": "e1", "who": id_}, {"id": "e2", "who": f"{id_}9"}, {"id": "e3", "note": f"<{id_}>"}]
        content = json.dumps(sent).encode()  # which writes letters beyond ASCII as escapes
        live.accept(content, SOURCE)
        live.accept(body({"id": "e4", "who": id_}), SOURCE)
        live.drain()
        assert len(quarantined(warehouse, tenant=tenant)) == 4
        found = erase(live, id_=id_)
        assert (found.quarantine_entries, found.verified) == (3, True)
        (kept,) = quarantined(warehouse, tenant=tenant, ended=True).to_dicts()
        assert json.loads(kept["raw"])["id"] == "e2"
        (account,) = live.spool.accounts(tenant)
        assert (account.quarantined, account.missing) == (4, 0)
        with live.spool.state.reading() as connection:
            released = connection.execute(select(RELEASED.c.how).where(RELEASED.c.tenant == tenant)).scalars()
            assert list(released) == ["discarded"] * 3
        live.accept(content, SOURCE)  # what is sent again is refused again, and not kept
        live.drain()
        assert len(quarantined(warehouse, tenant=tenant, ended=True)) == 2
        (account,) = live.spool.accounts(tenant)
        assert (account.quarantined, account.missing) == (7, 0)


def test_a_pseudonym_is_found_by_the_id_in_clear(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path
) -> None:
    hidden = Pseudonyms("k" * 32, tenant).of(CUSTOMER)
    with taking(warehouse, clock, load_settings(home=tmp_path), tenant, ()) as live:
        load(live, happened(1, order("O1"), customer(hidden)), happened(2, customer(hidden)))
        load(live, {"id": "e3", "broken": CUSTOMER})
        found = erase(live, pseudonym=hidden)
        assert (found.verified, found.events_deleted, found.events_rewritten) == (True, 1, 1)
        assert found.quarantine_entries == 1
        load(live, happened(4, customer()), happened(5, customer(hidden)))
        (account,) = live.spool.accounts(tenant)
        assert (account.stored, account.duplicate, account.quarantined) == (2, 2, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_decided_stays_without_her(kind: str, tmp_path: Path, clock: FixedClock) -> None:
    incident: dict[str, Any] = {
        "tenant": "t", "incident_id": "i", "process": "orders", "kind": "late", "rule": "r",
        "cause": f"case {CUSTOMER}",
        "title": f"{CUSTOMER} waits; {CUSTOMER}0 does not", "suspect": "", "severity": "low", "state": "open",
        "owner": "", "dependency_owner": "", "opened_at": clock.now(), "since": clock.now(),
        "last_found_at": clock.now(), "findings": 1, "told": "",
    }  # fmt: skip
    with empty_database(kind, tmp_path) as settings, State(settings) as state:
        with state.writing() as connection:
            connection.execute(insert(INCIDENTS), [incident, incident | {"tenant": "other"}])
        ids = [CUSTOMER, LONG]
        assert dict(texts_left(state, "t", ids)) == {"incidents.cause": 1, "incidents.title": 1}
        assert replace_texts(state, "t", ids, "erased-1") == 1
        assert list(texts_left(state, "t", ids)) == []
        with state.reading() as connection:
            asked = select(INCIDENTS.c.tenant, INCIDENTS.c.cause, INCIDENTS.c.title).order_by(INCIDENTS.c.tenant)
            kept = connection.execute(asked).all()
        assert kept[1] == ("t", "case erased-1", f"erased-1 waits; {CUSTOMER}0 does not")
        assert kept[0].cause == f"case {CUSTOMER}"
        assert state.compact()
        if kind == "sqlite":
            with state.writing() as connection:
                connection.execute(INCIDENTS.delete().where(INCIDENTS.c.tenant == "other"))
            assert state.compact()
            assert holding(tmp_path, CUSTOMER) == [] or holding(tmp_path, f"{CUSTOMER}0")


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_kept_apart_and_nothing_is_loaded_without_them(kind: str, tmp_path: Path, clock: Clock) -> None:
    with empty_database(kind, tmp_path) as settings:
        keys = ErasureKeys(settings)
        assert keys.known("t", set()) == {}
        made = keys.newest("t", clock)
        other = ErasureKeys(settings)
        assert other.known("t", {made.fingerprint})[made.fingerprint].of_text("x") == made.of_text("x")
        assert other.newest("u", clock).fingerprint != made.fingerprint
        secret = settings.model_copy(update={"pseudonym_key": load_settings(pseudonym_key="k" * 32).pseudonym_key})
        named = ErasureKeys(secret)
        own = named.newest("t", clock)
        assert own.fingerprint != made.fingerprint
        assert set(named.known("t", {own.fingerprint, made.fingerprint})) == {own.fingerprint, made.fingerprint}
        with pytest.raises(SettingsError, match="set GEMBASCOPE_PSEUDONYM_KEY to what it was"):
            keys.known("t", {own.fingerprint})


def test_an_order_that_waits_is_the_same_order(clock: Clock, tmp_path: Path, warehouse: Warehouse, tenant: str) -> None:
    with taking(warehouse, clock, load_settings(home=tmp_path), tenant, ()) as live:
        subject = Subject.of("customer", CUSTOMER)
        one = live.erasing.order(subject, "why", "ada")
        assert live.erasing.order(subject, "why else", "bob") == one
        assert one.subject == subject
        assert [found.phase for found in live.erasing.orders.all()] == ["ordered"]
