"""Defects that are planted in the service to see that the harness catches each."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import polars as pl

import ingest.live as live
from ingest import quarantine as quarantining
from ingest import spool as spooling
from ingest import store as storing
from ingest.live import LiveIngest, Receipt
from ingest.spool import Spool
from ingest.spool_account import Account
from ingest.staging import Step
from ingest.store import EventStore, Stored
from kernel.errors import SpoolFull, StateError, StateUnavailable, WarehouseError
from kernel.state import database


@dataclass(frozen=True, slots=True)
class Sabotage:
    """`scene`: under which circumstances it shows (`faults.scenes`)."""

    plant: Callable[[], None]
    scene: str
    caught_by: tuple[str, ...]
    """The laws of which at least one must be violated."""


def _acknowledge_before_commit() -> None:
    def accept(self: Spool, tenant: str, parts: Any) -> str:
        receipt = self._next_receipt()

        def later() -> None:
            time.sleep(0.5)
            real(self, tenant, parts)

        threading.Thread(target=later, daemon=True).start()
        return receipt

    real, Spool.accept = Spool.accept, accept  # type: ignore[method-assign]


def _skip_sync() -> None:
    prepare = database._prepare_sqlite

    def careless(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    database._prepare_sqlite = careless


def _drop_when_full() -> None:
    accept = Spool.accept

    def dropping(self: Spool, tenant: str, parts: Any) -> str:
        try:
            return accept(self, tenant, parts)
        except SpoolFull:
            return self._next_receipt()

    Spool.accept = dropping  # type: ignore[method-assign]


def _no_deduplication() -> None:
    command = live.Warehouse.command
    everything = (
        "WHERE {known:UInt64} > 0\n",
        "WHERE {known:UInt64} > 0 AND 1 = 0\n",
    )

    def blind(self: Any, query: Any, *more: Any) -> None:
        if query.name == "store_events":
            query = replace(query, text=query.text.replace(*everything))
        command(self, query, *more)

    live.Warehouse.command = blind  # type: ignore[method-assign]


def _mark_before_insert() -> None:
    load = LiveIngest._load

    def hasty(self: LiveIngest, taken: Any) -> None:
        self.spool.mark(self._tenant, taken, stored=taken.events)
        load(self, taken)

    LiveIngest._load = hasty  # type: ignore[method-assign]


def _mark_without_verification() -> None:
    store_step = EventStore.store_step

    def trusting(self: EventStore, origin: Any, step: Step, **more: Any) -> Stored:
        try:
            return store_step(self, origin, step, **more)
        except WarehouseError:
            return Stored(step.rows, 0)

    EventStore.store_step = trusting  # type: ignore[method-assign]


def _lose_one_of_a_group() -> None:
    write = Spool._write

    def forgetful(self: Spool, group: Any) -> None:
        if len(group) > 1:
            write(self, group[:-1])
            group[-1].done = True
        else:
            write(self, group)

    Spool._write = forgetful  # type: ignore[method-assign]


def _count_accepted_twice() -> None:
    with_ = spooling._with

    def twice(before: Account, part: Any, size: int, at: Any) -> Account:
        found = with_(before, part, size, at)
        return replace(found, received=found.received + part.received, duplicate=found.duplicate + part.received)

    spooling._with = twice


def _quarantine_without_bytes() -> None:
    real = quarantining.quarantine

    def forgetful(*args: Any, **more: Any) -> None:
        real(*args, **more | {"keep_raw": False})

    live.quarantine = forgetful


def _refuse_silently() -> None:
    accept = LiveIngest.accept

    def quiet(self: LiveIngest, *args: Any, **more: Any) -> Receipt:
        try:
            return accept(self, *args, **more)
        except StateError:
            return Receipt(uuid4().hex, 0, 0, ())

    LiveIngest.accept = quiet  # type: ignore[method-assign]


def _swallow_unavailable() -> None:
    write = Spool._write

    def brave(self: Spool, group: Any) -> None:
        write(self, group)
        for offer in group:
            if isinstance(offer.error, StateUnavailable):
                offer.error = None

    Spool._write = brave  # type: ignore[method-assign]


def _ignore_the_lease() -> None:
    """And who holds a batch, which alone keeps two loaders apart as well."""
    Spool.lead = lambda *_, **__: True  # type: ignore[method-assign]
    Spool._leads = lambda *_: True  # type: ignore[method-assign]
    _go_on_when_overtaken()


def _go_on_when_overtaken() -> None:
    sql = storing._sql

    def held_always(name: str) -> Any:
        query = sql(name)
        return replace(query, text=re.sub(r"FROM\s+held_batch\([^)]*\)", "FROM (SELECT 1 AS held)", query.text))

    storing._sql = held_always


def _forget_the_repair() -> None:
    EventStore.repair = lambda *_: 0  # type: ignore[method-assign]


def _lose_refused_at_load() -> None:
    together = live.together
    live.together = lambda entries: replace(together(entries), refused=())


def _truncate_long_steps() -> None:
    together = live.together

    def first(entries: Any) -> Any:
        found = together(entries)
        return found.rows(0, 150) if found.events.height > 150 else found

    live.together = first


def _error_on_bad_input() -> None:
    accept = LiveIngest.accept

    def fragile(self: LiveIngest, body: bytes, source: str = "") -> Receipt:
        try:
            body.decode()
        except UnicodeDecodeError:
            raise AssertionError("this is not UTF-8") from None
        return accept(self, body, source)

    LiveIngest.accept = fragile  # type: ignore[method-assign]


def _shift_contents() -> None:
    staged = live.staged

    def shifted(origin: Any, events: pl.DataFrame, *args: Any, **more: Any) -> Step:
        return staged(origin, events.with_columns(pl.col("actor").shift(1, fill_value="")), *args, **more)

    live.staged = shifted


SABOTAGES: dict[str, Sabotage] = {
    "acknowledge before the commit": Sabotage(_acknowledge_before_commit, "kill", ("L1",)),
    "skip the sync": Sabotage(_skip_sync, "power", ("L1",)),
    "drop when full": Sabotage(_drop_when_full, "full", ("L1", "L5")),
    "no deduplication of repeats": Sabotage(_no_deduplication, "repeat", ("L3",)),
    "mark before the insert": Sabotage(_mark_before_insert, "before the insert", ("L1",)),
    "mark without verification after a failed insert": Sabotage(_mark_without_verification, "poison", ("L1",)),
    "lose one entry of a group commit": Sabotage(_lose_one_of_a_group, "plain", ("L1",)),
    "count accepted twice": Sabotage(_count_accepted_twice, "plain", ("L5",)),
    "quarantine without the bytes": Sabotage(_quarantine_without_bytes, "plain", ("Q",)),
    "refuse silently": Sabotage(_refuse_silently, "full", ("L1", "H")),
    "swallow an unavailable database": Sabotage(_swallow_unavailable, "locked", ("L1",)),
    "ignore the lease and who holds a batch": Sabotage(_ignore_the_lease, "two", ("L3", "L5")),
    "go on with a step that was taken over": Sabotage(_go_on_when_overtaken, "overtaken", ("L3",)),
    "forget the repair at the start": Sabotage(_forget_the_repair, "repair", ("L1", "L5")),
    "lose refused events at load": Sabotage(_lose_refused_at_load, "plain", ("Q",)),
    "truncate long steps": Sabotage(_truncate_long_steps, "plain", ("L1",)),
    "an error on bad input": Sabotage(_error_on_bad_input, "bad input", ("H",)),
    "contents of the event before": Sabotage(_shift_contents, "plain", ("L4",)),
}
