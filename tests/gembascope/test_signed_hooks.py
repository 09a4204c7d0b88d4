"""Webhooks that are signed as they should be and hold whatever a sender may get wrong: each is taken, its events are
counted to the last one, and neither what comes beside it nor the warehouse is stopped by it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from doors import directory, rules
from fastapi import FastAPI
from hostile_bodies import WHOLE, Recorded, hostile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from signed_webhooks import SECRETS, raw, signed

from api.app import create_app
from api.sources_door import COUNTS
from gembascope.sourcing import Sourcing, sourcing
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from ingest.quarantine import quarantined, quarantined_bytes
from kernel.clock import SystemClock
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

SOURCES = {
    "shop": ("standard", "sim-shop"),
    "payments": ("stripe", "sim-payments"),
    "n8n": ("github", "sim-n8n"),
    "crm": ("shopify", "sim-crm"),
    "supplier-network": ("woocommerce", "sim-supplier-network"),
}
"""How a source signs, and its pack: of JSON, of documents, of tables, of EDIFACT."""
WHOLES, IN_PARTS = ("shop", "payments", "n8n"), ("crm", "supplier-network")
"""Of which a body is one record, and of which it may be many, or none."""
SHOWN = ["x-shop-topic", "x-shop-event-id", "x-shop-triggered-at", "received-at"]
EXAMPLES = int(os.environ.get("GEMBASCOPE_TEST_EXAMPLES", "8"))
AT_ONCE = 16
"""Requests of an example, side by side: so that one that is bad comes with others."""


@contextmanager
def served(warehouse: Warehouse, tenant: str, home: Path) -> Iterator[tuple[FastAPI, LiveIngest, Sourcing]]:
    found = load_settings(home=home, tenant=tenant)
    folder = home / "tenants" / tenant / "sources"
    folder.mkdir(parents=True)
    for source, (style, pack) in SOURCES.items():
        collect = {"kind": "webhook", "style": style, "secrets": [f"env:{style.upper()}_SECRET"], "headers": SHOWN}
        (folder / f"{source}.yaml").write_text(yaml.safe_dump({"id": source, "pack": pack, "collect": collect}))
    opened = LocalWorkspace(found, SystemClock(), warehouse)
    with (
        directory(home / "people", SystemClock(), tenant) as people,
        taking_events(opened, background=False) as live,
        sourcing(opened, live, people.state) as sourced,
    ):
        app = create_app(
            opened.views,
            SystemClock(),
            rules(people, open_house=False),
            upload_folder=home / "uploads",
            live_ingest=live,
            sources=sourced.sources,
            machine_clock=SystemClock(),
        )
        yield app, live, sourced


class Senders:
    """All sources, and what was answered to them."""

    def __init__(self, app: FastAPI) -> None:
        self._app, self._numbers = app, count()
        self.told: Counter[tuple[str, str]] = Counter()
        self.bad: set[tuple[str, bytes]] = set()
        """What was answered to be quarantined, and is so as a whole."""

    def send(self, some: Sequence[tuple[str, Recorded]]) -> None:
        """All at once, and every third of them again."""
        sent = [(source, one.body, self._signed(source, one)) for source, one in some]
        answers = self._answers(sent)
        for (source, body, _), counts in zip(sent, answers, strict=True):
            assert counts["received"] == counts["accepted"] + counts["quarantined"] + counts["repeated"]
            if source in WHOLES:
                assert counts["received"] > 0, body[:500]
                self.bad |= {(source, body)} if counts["quarantined"] else set()
        again = self._answers(sent[::3])
        assert [one["received"] for one in again] == [one["repeated"] for one in again]
        assert [one["received"] for one in again] == [one["received"] for one in answers[::3]]

    def _signed(self, source: str, one: Recorded) -> list[tuple[bytes, bytes]]:
        style = SOURCES[source][0]
        now, number = datetime.now(timezone.utc), next(self._numbers)
        more = [(name.encode(), value) for name, value in one.headers.items()]
        return raw(signed(style, SECRETS[style], one.body, now, f"m-{number}")) + more

    def _answers(self, sent: Sequence[tuple[str, bytes, Any]]) -> list[dict[str, int]]:
        found = []
        for (source, body, headers), answer in zip(sent, asyncio.run(self._posted(sent)), strict=True):
            assert answer.status_code == 202, (source, answer.text, body[:500], headers)
            counts = answer.json()
            assert list(counts) == COUNTS["required"]
            self.told.update({(source, name): number for name, number in counts.items()})
            found.append(counts)
        return found

    async def _posted(self, sent: Sequence[tuple[str, bytes, Any]]) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://localhost") as client:
            return await asyncio.gather(
                *(client.post(f"/api/v1/hooks/{name}", content=body, headers=headers) for name, body, headers in sent)
            )


BODIES = st.one_of([st.tuples(st.just(source), hostile(pack)) for source, (_, pack) in SOURCES.items()])


def test_whatever_is_signed_is_taken_and_counted(
    warehouse: Warehouse, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for style, secret in SECRETS.items():
        monkeypatch.setenv(f"{style.upper()}_SECRET", secret)
    with served(warehouse, tenant, tmp_path / "home") as (app, live, sourced):
        senders = Senders(app)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(st.lists(BODIES, min_size=AT_ONCE, max_size=AT_ONCE))
        def asked(some: list[tuple[str, Recorded]]) -> None:
            senders.send(some)

        for number, body in enumerate(WHOLE):
            senders.send([(name, Recorded(body, {})) for name in (WHOLES[number % 3], IN_PARTS[number % 2])])
        asked()
        live.drain()
        accounts = {one.source: one for one in live.spool.accounts(tenant)}
        for source in SOURCES:
            one, told = accounts[source], senders.told
            assert (one.received, one.quarantined) == (told[source, "received"], told[source, "quarantined"])
            assert (one.missing, one.in_spool, one.refused) == (0, 0, 0)
            assert min(one.stored, one.quarantined, told[source, "repeated"]) > 0, one
        assert sourced.work.desk.unconserved() == []
        entries = quarantined(warehouse, tenant=tenant, limit=10_000)["entry"].to_list()
        kept = {(one.source, one.raw) for one in quarantined_bytes(warehouse, tenant=tenant, entries=entries)}
        assert senders.bad <= kept
