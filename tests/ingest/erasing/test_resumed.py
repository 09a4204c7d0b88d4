"""What a killed erasure has written down is done before anything else is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from erased_customer import CUSTOMER, HISTORY, SOURCE, account, load, taking
from sent_events import body

from ingest.erasing.erasing import Erasing
from ingest.erasing.subject import Subject
from kernel.clock import Clock
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse

COPIES = Query("copies", "SELECT count() - uniqExact(event_id) FROM events WHERE tenant = {tenant:String}")
ROWS = Query("rows", "SELECT sum(total_rows) FROM system.tables WHERE name = {table:String}")


class Killed(BaseException):
    """The process ends here."""


def test_what_comes_again_meanwhile_finds_the_log_rewritten(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes without the subject: to a log that has it still it would be another event. The first process is killed
    when there is a tombstone, and the second when all is collected. Tables that they leave are empty when they are
    dropped: of one whose engine is killed meanwhile the files stay for minutes."""
    home, told, collect, command = load_settings(home=tmp_path), HISTORY[:3], Erasing._collect, Warehouse.command
    dropped: list[int] = []

    def watched(self: Warehouse, query: Query, parameters: Any = None) -> None:
        if query.name == "erase_end":
            dropped.append(self.read_for_write(ROWS, parameters).item() or 0)
        command(self, query, parameters)

    def killed(*_: object) -> None:
        raise Killed

    def collected_and_killed(*words: Any) -> None:
        collect(*words)
        raise Killed

    monkeypatch.setattr(Warehouse, "command", watched)
    with taking(warehouse, clock, home, tenant, ()) as live:
        load(live, *told)
        live.erasing.order(Subject.of("customer", CUSTOMER), "why", "admin")
        monkeypatch.setattr(Erasing, "_collect", killed)
        with pytest.raises(Killed):
            live.drain()
    with taking(warehouse, clock, home, tenant, ()) as live:
        live.accept(body(*told), SOURCE)
        monkeypatch.setattr(Erasing, "_collect", collected_and_killed)
        with pytest.raises(Killed):
            live.drain()
    with taking(warehouse, clock, home, tenant, ()) as live:
        live.drain()
        (found,) = live.erasing.orders.all()
        assert (found.phase, found.verified) == ("done", True)
        assert account(live) == (6, 3, 3)
        assert warehouse.read_for_write(COPIES, {"tenant": tenant}).item() == 0
        assert dropped
        assert not any(dropped)
