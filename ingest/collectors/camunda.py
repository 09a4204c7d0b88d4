"""Process instances of Camunda 8, by the REST API (v2) of an orchestration cluster.

An instance is handed over with its element instances, incidents, jobs and chosen variables as one document. These are
kept apart by the cluster and told of a little after they happen, so an instance counts as ended only when nothing of
it changed from one poll to the next. What is listed is sorted by start and key, so that instances of one instant are
not passed over; clusters before 8.8 tell a page by its last values instead of a cursor, and have no search for jobs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ingest.collectors.engine_collector import Execution, Fetched, moment
from ingest.collectors.engine_http import Credentials, EngineHttp, Fixed, Refused, Tokens, TooLarge, Unanswered, paged
from ingest.collectors.engine_settings import CamundaSettings
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError
from kernel.clock import Clock, SystemClock
from kernel.egress import Egress
from kernel.secrets import Secrets

PAGE_BYTES = 8 << 20
MOST_COUNTED = 10_000
"""As far as clusters count what they find."""
PARTS = {
    "elementInstances": ("element-instances", "elementInstanceKey"),
    "incidents": ("incidents", "incidentKey"),
    "jobs": ("jobs", "jobKey"),
}
"""What belongs to an instance: how its search is called, and its key."""
_NOISE = frozenset({"deadline", "lastUpdateTime"})
"""What changes of jobs without anything having happened."""


class Camunda:
    """Asks one cluster; an `Engine`."""

    kind = "camunda-instance"
    lags = True
    ascending = True

    def __init__(self, settings: CamundaSettings, secrets: Secrets, egress: Egress, clock: Clock | None = None) -> None:
        self._settings, self.notes, clock = settings, Notes(), clock or SystemClock()
        credentials: Credentials
        if settings.oauth is not None:
            credentials = Tokens(settings.oauth, secrets, egress, settings.timeout_s, clock)
        else:
            credentials = Fixed(secrets, settings.password, prefix="Basic ", user=settings.user)
        self._http = EngineHttp(
            settings.url, credentials, egress, clock, timeout_s=settings.timeout_s, accept="application/json"
        )

    def depends(self) -> str:
        settings = self._settings
        return json.dumps(["camunda", settings.url, settings.processes, settings.tenant])

    def executions(self, least: datetime, begin: datetime) -> Iterator[Execution]:
        since = least.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        wanted: dict[str, Any] = {"startDate": {"$gte": since}}
        if self._settings.processes:
            wanted["processDefinitionId"] = {"$in": list(self._settings.processes)}
        if self._settings.tenant:
            wanted["tenantId"] = self._settings.tenant
        try:
            for one in self._search("process-instances", wanted, ("startDate", "processInstanceKey")):
                yield self._told(one, "")
        except _NoSearch:
            raise CollectorError(f"{self._http.host} has no REST API (v2) of Camunda 8") from None

    def _told(self, given: Any, version: str) -> Execution:
        key = _key(given, "processInstanceKey")
        if not key:
            raise Unanswered(f"{self._http.host} tells of an instance without a key")
        ended = given.get("state") not in (None, "ACTIVE")
        return Execution(key, moment(given.get("startDate")), version, ended, moment(given.get("endDate")))

    def fetch(self, name: str, version: str) -> Fetched | None:
        instance = self._http.get(f"/v2/process-instances/{quote(name, safe='')}", {}, PAGE_BYTES)
        if instance is None:
            return None
        if _key(instance[0], "processInstanceKey") != name:
            raise Unanswered(f"{self._http.host} answered with another instance")
        document: dict[str, Any] = {"processInstance": instance[0]}
        most = self._settings.most_document_bytes
        left = most - len(instance[1])
        try:
            for part, (search, key) in PARTS.items():
                document[part] = self._found(search, {"processInstanceKey": name}, (key,), left)
                left -= len(json.dumps(document[part]))
            if self._settings.variables:
                document["variables"] = self._variables(name, left)
        except TooLarge:
            one = self._told(instance[0], "too large " + instance[0].get("state", ""))
            if one.version == version:
                return Fetched(one, None)
            body = json.dumps({"processInstance": instance[0]}).encode()
            return Fetched(one, body, f"what belongs to it has more than {most:,} bytes")
        one = self._told(instance[0], _digest(document))
        return Fetched(one, json.dumps(document).encode() if one.version != version else None)

    def _variables(self, name: str, left: int) -> dict[str, Any]:
        """Those asked for, of the instance itself; what the cluster cuts short is left out."""
        wanted = {"processInstanceKey": name, "scopeKey": name, "name": {"$in": list(self._settings.variables)}}
        found: dict[str, Any] = {}
        for one in self._found("variables", wanted, ("name",), left):
            if isinstance(one, dict) and one.get("name") in self._settings.variables and not one.get("isTruncated"):
                try:
                    found[one["name"]] = json.loads(one["value"])
                except (KeyError, TypeError, ValueError, RecursionError):
                    continue  # it is no JSON, and so none that could be used
        return found

    def _found(self, what: str, wanted: Mapping[str, Any], by: tuple[str, ...], most: int) -> list[Any]:
        """All that is found; nothing where there is no such search."""
        try:
            return list(self._search(what, wanted, by, most))
        except _NoSearch:
            return []

    def _search(
        self, what: str, wanted: Mapping[str, Any], by: tuple[str, ...], most: int | None = None
    ) -> Iterator[Any]:
        """What is found, page by page.

        Raises
        ------
        TooLarge
            It has more than `most` bytes.
        _NoSearch
            The cluster has none of this kind.
        """
        path, size, count = f"/v2/{what}/search", 0, 0
        sort = [{"field": name, "order": "ASC"} for name in by]

        def ask(mark: str) -> tuple[list[Any], str]:
            nonlocal size, count
            page: dict[str, Any] = {"limit": self._settings.page} | (json.loads(mark) if mark else {})
            try:
                answered = self._http.post(path, {"filter": wanted, "sort": sort, "page": page}, PAGE_BYTES)
            except Refused as error:
                raise Refused(f"{error} when asked for {what}") from None
            if answered is None:
                raise _NoSearch(what)
            size += len(answered[1])
            if most is not None and size > most:
                raise TooLarge("it is larger than is read")
            items, mark = self._page(answered[0])
            count += len(items)
            return items, "" if _is_all(answered[0]["page"], count) else mark

        yield from paged(ask)

    def _page(self, answered: dict[str, Any]) -> tuple[list[Any], str]:
        items, page = answered.get("items"), answered.get("page")
        if not isinstance(items, list) or not isinstance(page, dict):
            raise Unanswered(f"{self._http.host} answered with no page")
        if not items:
            return [], ""
        if isinstance(cursor := page.get("endCursor"), str) and cursor:
            return items, json.dumps({"after": cursor})
        if isinstance(last := page.get("lastSortValues"), list) and last:
            return items, json.dumps({"searchAfter": last})
        return items, ""


def _is_all(page: dict[str, Any], count: int) -> bool:
    """Whether so many are all that there are; what is counted no further is said to be more, or is as much as is
    counted. A page that is not full says nothing: a cluster may give out less than is asked for."""
    total = page.get("totalItems")
    if not isinstance(total, int) or isinstance(total, bool) or page.get("hasMoreTotalItems"):
        return False
    return total <= count < MOST_COUNTED


class _NoSearch(Exception):
    """The cluster has no search of this kind."""


def _key(given: Any, name: str) -> str:
    key = given.get(name) if isinstance(given, dict) else None
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    return key if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= 40 else ""


def _digest(document: dict[str, Any]) -> str:
    jobs = [
        {name: value for name, value in job.items() if name not in _NOISE} if isinstance(job, dict) else job
        for job in document["jobs"]
    ]
    text = json.dumps(document | {"jobs": jobs}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
