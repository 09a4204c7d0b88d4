"""Executions of n8n, by its public API.

Listings are read without data, newest id first, and each execution that is new or changed is then asked for by its id,
with data: what nodes carried can be of any size, and a page of many such documents could not be bounded. n8n leaves
out of a listing what runs at that time, so that is asked for first: what has ended in between is in the listing.
Servers that do not tell what runs (they answer 400) show an execution only once it is over; it is found where it took
no longer than `overlap_s`, and a note says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ingest.collectors.engine_collector import Execution, Fetched, moment
from ingest.collectors.engine_http import EngineHttp, Fixed, Refused, TooLarge, Unanswered, paged
from ingest.collectors.engine_settings import N8nSettings
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError
from kernel.clock import Clock, SystemClock
from kernel.egress import Egress
from kernel.secrets import Secrets

LIST_BYTES = 8 << 20
PATH = "/api/v1/executions"
ENDED = frozenset({"success", "error", "failed", "crashed", "canceled"})


class N8n:
    """Asks one n8n; an `Engine`."""

    kind = "n8n-execution"
    lags = False
    ascending = False

    def __init__(self, settings: N8nSettings, secrets: Secrets, egress: Egress, clock: Clock | None = None) -> None:
        self._settings, self.notes = settings, Notes()
        key = Fixed(secrets, settings.api_key, "x-n8n-api-key")
        self._http = EngineHttp(
            settings.url, key, egress, clock or SystemClock(), timeout_s=settings.timeout_s, accept="application/json"
        )
        self._tells_running = settings.status is None

    def depends(self) -> str:
        settings = self._settings
        return json.dumps(["n8n", settings.url, settings.workflow, settings.status])

    def executions(self, least: Any, begin: Any) -> Iterator[Execution]:
        if self._tells_running:
            try:
                for page in self._pages("running"):
                    yield from page
            except Refused:
                self._tells_running = False
                self.notes.set(
                    "running",
                    f"this n8n does not say what runs: executions of more than {self._settings.overlap_s:.0f} s "
                    "(overlap_s) are not seen when they end",
                )
        for page in self._pages(self._settings.status):
            yield from page
            if page and all(one.started is not None and one.started < least for one in page):
                return

    def _pages(self, status: str | None) -> Iterator[list[Execution]]:
        def ask(cursor: str) -> tuple[list[Any], str]:
            query: dict[str, str | int] = {"limit": self._settings.page}
            given = {"status": status, "workflowId": self._settings.workflow, "cursor": cursor}
            query |= {name: value for name, value in given.items() if value}
            answered = self._http.get(PATH, query, LIST_BYTES)
            if answered is None or not isinstance(answered[0].get("data"), list):
                raise CollectorError(f"{self._http.host} has no executions of the public API of n8n")
            mark = answered[0].get("nextCursor")
            return [[self._told(one) for one in answered[0]["data"]]], mark if isinstance(mark, str) else ""

        found: Iterator[list[Execution]] = paged(ask)
        return found

    def _told(self, given: Any) -> Execution:
        name = _name(given)
        if not name:
            raise Unanswered(f"{self._http.host} lists an execution without an id")
        status = _status(given)
        ended = status in ENDED or (status not in ("new", "running", "waiting") and bool(given.get("stoppedAt")))
        version = [status, given.get("startedAt"), given.get("stoppedAt"), given.get("waitTill")]
        return Execution(name, moment(given.get("startedAt")), json.dumps(version), ended)

    def fetch(self, name: str, version: str) -> Fetched | None:
        path = f"{PATH}/{quote(name, safe='')}"
        if version:
            light = self._http.get(path, {}, LIST_BYTES)
            if light is None or self._of(name, light[0]).version == version:
                return Fetched(self._of(name, light[0]), None) if light is not None else None
        try:
            whole = self._http.get(path, {"includeData": "true"}, self._settings.most_document_bytes)
        except TooLarge:
            bare = self._http.get(path, {}, LIST_BYTES)
            most = self._settings.most_document_bytes
            note = f"execution {name} has more than {most:,} bytes: collected without what its nodes did"
            return Fetched(self._of(name, bare[0]), bare[1], note=note) if bare is not None else None
        return Fetched(self._of(name, whole[0]), whole[1]) if whole is not None else None

    def _of(self, name: str, document: dict[str, Any]) -> Execution:
        if _name(document) != name:
            raise Unanswered(f"{self._http.host} answered with another execution")
        return self._told(document)


def _name(given: Any) -> str:
    name = given.get("id") if isinstance(given, dict) else None
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    return name if isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() else ""


def _status(given: dict[str, Any]) -> str:
    """Its status; older servers do not list one."""
    if isinstance(status := given.get("status"), str) and status:
        return status
    if given.get("finished") is True:
        return "success"
    if given.get("waitTill"):
        return "waiting"
    return "error" if given.get("stoppedAt") else "running"
