"""Workflow executions of Temporal, by the HTTP API of its frontend: a history each, as proto JSON.

Executions are found by when they started; each run of a workflow (continued as new, retried, reset) is an execution of
its own. Whether a known one went on is asked for by describing it, and its history is then read from the beginning.
What a workflow carries (inputs, results, details, headers, stack traces) is left out unless `payloads` is set;
messages of failures stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ingest.collectors.engine_collector import Execution, Fetched, moment
from ingest.collectors.engine_http import EngineHttp, Fixed, TooLarge, Unanswered, paged
from ingest.collectors.engine_settings import TemporalSettings
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError
from kernel.clock import Clock, SystemClock
from kernel.egress import Egress
from kernel.secrets import Secrets

PLAIN = "application/json+no-payload-shorthand"
"""What is asked for, so that payloads come as they are in exported histories."""
LIST_BYTES = 8 << 20
RUNNING = ("WORKFLOW_EXECUTION_STATUS_RUNNING", "Running", "WORKFLOW_EXECUTION_STATUS_PAUSED", "Paused")
_CARRIED = frozenset({"header", "stackTrace", "encodedAttributes"})
_PAYLOAD = frozenset({"metadata", "data", "externalPayloads"})


class Temporal:
    """Asks one namespace; an `Engine`. Ids of its executions are RUN/WORKFLOW."""

    kind = "temporal-history"
    lags = False
    ascending = False

    def __init__(
        self, settings: TemporalSettings, secrets: Secrets, egress: Egress, clock: Clock | None = None
    ) -> None:
        self._settings, self.notes = settings, Notes()
        key = Fixed(secrets, settings.api_key, prefix="Bearer ")
        self._http = EngineHttp(
            settings.url, key, egress, clock or SystemClock(), timeout_s=settings.timeout_s, accept=PLAIN
        )
        self._path = f"/api/v1/namespaces/{quote(settings.namespace, safe='')}/workflows"

    def depends(self) -> str:
        settings = self._settings
        return json.dumps(["temporal", settings.url, settings.namespace, settings.query])

    def executions(self, least: datetime, begin: datetime) -> Iterator[Execution]:
        since = least.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        wanted = f"StartTime >= '{since}'"
        if self._settings.query:
            wanted = f"({self._settings.query}) AND {wanted}"

        def ask(token: str) -> tuple[list[Any], str]:
            query: dict[str, str | int] = {"query": wanted, "pageSize": self._settings.page}
            query |= {"nextPageToken": token} if token else {}
            answered = self._http.get(self._path, query, LIST_BYTES)
            if answered is None:
                raise CollectorError(f"{self._http.host} has no namespace {self._settings.namespace!r}")
            found = answered[0].get("executions", [])
            if not isinstance(found, list):
                raise Unanswered(f"{self._http.host} answered with no list of executions")
            return found, _text(answered[0].get("nextPageToken"))

        for one in paged(ask):
            ids = _object(_object(one).get("execution"))
            if not _text(ids.get("runId")) or not _text(ids.get("workflowId")):
                raise Unanswered(f"{self._http.host} lists an execution without ids")
            yield self._told(f"{ids['runId']}/{ids['workflowId']}", one, "")

    def _told(self, name: str, info: dict[str, Any], version: str) -> Execution:
        ended = _text(info.get("status")) not in RUNNING
        return Execution(name, moment(info.get("startTime")), version, ended)

    def fetch(self, name: str, version: str) -> Fetched | None:
        run, _, workflow = name.partition("/")
        path = f"{self._path}/{quote(workflow, safe='')}"
        answered = self._http.get(path, {"execution.runId": run}, LIST_BYTES)
        if answered is None:
            return None
        info = _object(answered[0].get("workflowExecutionInfo"))
        if _text(_object(info.get("execution")).get("runId")) != run:
            raise Unanswered(f"{self._http.host} answered with another execution")
        one = self._told(name, info, f"{info.get('historyLength')} {_text(info.get('status'))}")
        if one.version == version:
            return Fetched(one, None)
        document: dict[str, Any] = {
            "workflowExecution": {"workflowId": workflow, "runId": run},
            "workflowType": info.get("type"),
            "status": info.get("status"),
            "namespace": self._settings.namespace,
        }
        most = self._settings.most_document_bytes
        try:
            events = self._events(f"{path}/history", run)
        except TooLarge:
            return Fetched(one, json.dumps(document).encode(), f"its history has more than {most:,} bytes")
        if events is None:
            return None
        return Fetched(one, json.dumps(document | {"events": events}, ensure_ascii=False).encode("utf-8", "replace"))

    def _events(self, path: str, run: str) -> list[Any] | None:
        most, size, gone = self._settings.most_document_bytes, 0, False

        def ask(token: str) -> tuple[list[Any], str]:
            nonlocal size, gone
            query: dict[str, str | int] = {"execution.runId": run, "maximumPageSize": 1_000}
            query |= {"nextPageToken": token} if token else {}
            answered = self._http.get(path, query, most)
            if answered is None:
                gone = True
                return [], ""
            size += len(answered[1])
            if size > most:
                raise TooLarge("the history is larger than is read")
            events = _object(answered[0].get("history")).get("events", [])
            if not isinstance(events, list):
                raise Unanswered(f"{self._http.host} answered with no events")
            return events, _text(answered[0].get("nextPageToken"))

        found = list(paged(ask))
        if gone:
            return None
        return found if self._settings.payloads else [self._plain(one) for one in found]

    def _plain(self, value: Any) -> Any:
        """Without what is carried."""
        if isinstance(value, list):
            return [self._plain(one) for one in value if not _carried(one)]
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for name, one in value.items():
            if name == "searchAttributes":
                found[name] = _only(one, "indexedFields", self._settings.search_attributes)
            elif name in ("memo", "upsertedMemo"):
                found[name] = _only(one, "fields", self._settings.memo)
            elif name not in _CARRIED and not _carried(one):
                found[name] = self._plain(one)
        return found


def _carried(value: Any) -> bool:
    """Whether it is a payload, or several of them."""
    if not isinstance(value, dict) or not value:
        return False
    return isinstance(value.get("payloads"), list) or ("data" in value and _PAYLOAD.issuperset(value))


def _only(value: Any, of: str, names: tuple[str, ...]) -> dict[str, Any]:
    fields: Mapping[str, Any] = _object(_object(value).get(of))
    return {of: {name: fields[name] for name in names if name in fields}}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
