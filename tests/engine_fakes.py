"""Workflow engines that answer as the real ones do, in which things happen while they are asked."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from kernel.clock import FixedClock
from kernel.egress import Answer
from kernel.errors import EgressError

START = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)
Reply = tuple[int, dict[str, str], bytes]


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Run:
    """An execution. `told`: how it was at which times, the newest last; what an index tells is older by its lag."""

    number: int
    started: datetime
    state: str = "running"
    steps: int = 0
    told: list[tuple[datetime, str, int]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.state == "ended"

    def at(self, moment: datetime) -> tuple[str, int] | None:
        """Its state and steps as an index knew them then; None before it knew it."""
        return next(((state, steps) for since, state, steps in reversed(self.told) if since <= moment), None)


class FakeEngine:
    """Executions that start, several at one instant among them, go on, wait and end: by chance at every question, as
    long as `lively` is above 0."""

    def __init__(self, seed: int = 0, lively: float = 0.0) -> None:
        self.chance, self.lively = random.Random(seed), lively
        self.clock = FixedClock(START)
        self.runs: dict[int, Run] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def start(self, **changes: Any) -> Run:
        number = len(self.runs) + 1
        run = self.runs[number] = Run(number, self.clock.now(), **changes)
        self.changed(run)
        return run

    def changed(self, run: Run) -> None:
        run.told.append((self.clock.now(), run.state, run.steps))

    def go_on(self, run: Run, state: str = "running") -> None:
        run.state, run.steps = state, run.steps + 1
        self.changed(run)

    def pass_time(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)

    def happen(self) -> None:
        if self.chance.random() < self.lively:
            self.pass_time(self.chance.choice([0, 0, 0.001, 0.4]))
            for _ in range(self.chance.choice([0, 1, 1, 2])):
                self.start(state=self.chance.choice(["running", "running", "waiting", "ended"]))
            for run in [one for one in self.runs.values() if not one.ended]:
                if self.chance.random() < 0.3:
                    self.go_on(run, self.chance.choice(["running", "waiting", "ended"]))

    def settle(self) -> None:
        """Nothing happens any more, and all that did not end ends."""
        self.lively = 0
        for run in self.runs.values():
            if not run.ended:
                self.go_on(run, "ended")

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.happen()
        parts = urlsplit(target)
        given = dict(parse_qsl(parts.query)) if method == "GET" else json.loads(body)
        self.asked.append((method, parts.path, given))
        found = self.found(parts.path, given)
        self.happen()
        return (404, {}, b"{}") if found is None else (200, {}, json.dumps(found).encode())

    def found(self, path: str, given: dict[str, Any]) -> Any:
        raise NotImplementedError

    def name(self, run: Run) -> str:
        """The id that it is collected by."""
        raise NotImplementedError

    def document(self, run: Run) -> dict[str, Any]:
        """What is collected of it in the end."""
        raise NotImplementedError


class FakeN8n(FakeEngine):
    """Leaves out what runs, unless it is asked for; `old`: it cannot be."""

    old = False

    def found(self, path: str, given: dict[str, Any]) -> Any:
        if path != "/api/v1/executions":
            run = self.runs.get(int(path.rpartition("/")[2]))
            return None if run is None else self.document(run, data=given.get("includeData") == "true")
        below = json.loads(base64.b64decode(given["cursor"]))["lastId"] if "cursor" in given else 10**9
        status = given.get("status")
        wanted = [
            run
            for run in sorted(self.runs.values(), key=lambda one: -one.number)
            if run.number < below
            and (run.state == "running") == (status == "running")
            and (status in (None, "running") or self.document(run)["status"] == status)
        ]
        page, more = wanted[: int(given["limit"])], wanted[int(given["limit"]) :]
        cursor = base64.b64encode(json.dumps({"lastId": page[-1].number}).encode()).decode() if more else None
        return {"data": [self.document(run, data=False) for run in page], "nextCursor": cursor}

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if headers.get("x-n8n-api-key") != "key-1":
            return 401, {}, b'{"message":"unauthorized"}'
        if self.old and "status=running" in target:
            return 400, {}, b'{"message":"status"}'
        return super().answer(method, target, headers, body)

    def name(self, run: Run) -> str:
        return str(run.number)

    def document(self, run: Run, data: bool = True) -> dict[str, Any]:
        state, steps = run.at(self.clock.now()) or ("new", 0)
        changed = run.told[-1][0]
        found = {"id": str(run.number), "workflowId": "w", "startedAt": written(run.started), "mode": "webhook"}
        found |= {"status": {"ended": "success"}.get(state, state)}
        if state != "running":
            found["stoppedAt"] = written(changed)
        if state == "waiting":
            found["waitTill"] = written(changed + timedelta(hours=1 + steps))
        if data:
            found["data"] = {"resultData": {"runData": {"Set": [{"startTime": 1, "n": n} for n in range(steps)]}}}  # type: ignore[assignment]
        return found


class FakeTemporal(FakeEngine):
    """Its listing lags behind its histories."""

    lag_s = 2.0

    def found(self, path: str, given: dict[str, Any]) -> Any:
        base = "/api/v1/namespaces/shop/workflows"
        if path == base:
            return self._listed(given)
        workflow, _, history = path.removeprefix(base + "/").partition("/")
        run = self.runs.get(int(given["execution.runId"].removeprefix("run-")))
        if run is None or unquote(workflow) != self.name(run).partition("/")[2]:
            return None
        if not history:
            return {"workflowExecutionInfo": self._info(run, run.state, run.steps)}
        begin = int(given.get("nextPageToken", "0"))
        events = self._events(run)
        token = {"nextPageToken": str(begin + 3)} if begin + 3 < len(events) else {}
        return {"history": {"events": events[begin : begin + 3]}} | token

    def _listed(self, given: dict[str, Any]) -> Any:
        assert given["query"].startswith("StartTime >= '")
        since = datetime.fromisoformat(given["query"].split("'")[1])
        known = [(run, run.at(self.clock.now() - timedelta(seconds=self.lag_s))) for run in self.runs.values()]
        wanted = sorted(
            ((run.started, run.number, run, there) for run, there in known if there and run.started >= since),
            key=lambda one: one[:2],
            reverse=True,
        )
        if token := given.get("nextPageToken"):
            moment, number = json.loads(base64.b64decode(token))
            wanted = [one for one in wanted if (written(one[0]), one[1]) < (moment, number)]
        page, more = wanted[: int(given["pageSize"])], wanted[int(given["pageSize"]) :]
        found: dict[str, Any] = {"executions": [self._info(run, *there) for _, _, run, there in page]}
        if more:
            mark = json.dumps([written(page[-1][0]), page[-1][1]])
            found["nextPageToken"] = base64.b64encode(mark.encode()).decode()
        return found

    def _info(self, run: Run, state: str, steps: int) -> dict[str, Any]:
        run_id, _, workflow = self.name(run).partition("/")
        status = "COMPLETED" if state == "ended" else "RUNNING"
        return {
            "execution": {"workflowId": workflow, "runId": run_id},
            "type": {"name": "Refund"},
            "startTime": written(run.started),
            "status": f"WORKFLOW_EXECUTION_STATUS_{status}",
            "historyLength": str(steps + 1),
        }

    def _events(self, run: Run) -> list[dict[str, Any]]:
        return [{"eventId": str(n + 1), "eventTime": written(run.started)} for n in range(run.steps + 1)]

    def name(self, run: Run) -> str:
        return f"run-{run.number}/refunds/{run.number % 3} ü"

    def document(self, run: Run) -> dict[str, Any]:
        info = self._info(run, run.state, run.steps)
        return {
            "workflowExecution": info["execution"],
            "workflowType": info["type"],
            "status": info["status"],
            "namespace": "shop",
            "events": self._events(run),
        }


class FakeCamunda(FakeEngine):
    """Instances and what belongs to them are told of with lags of their own; a cursor is what was last, by the fields
    that are sorted by. `tokens`: how many questions a token is good for; 0 where none is asked for."""

    lags_s: ClassVar = {"process-instances": 1.0, "element-instances": 2.0, "incidents": 0.5, "jobs": 1.5}
    tokens = 0

    def __init__(self, seed: int = 0, lively: float = 0.0) -> None:
        super().__init__(seed, lively)
        self.given = self.left = 0

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if target == "/oauth/token":
            form = dict(parse_qsl(body.decode()))
            if (form["grant_type"], form["client_id"], form["client_secret"]) != ("client_credentials", "us", "s3cret"):
                return 401, {}, b'{"error":"s3cret is wrong"}'
            self.given, self.left = self.given + 1, self.tokens
            return 200, {}, json.dumps({"access_token": f"token-{self.given}", "expires_in": 300}).encode()
        if self.tokens:
            self.left -= 1
            if self.left < 0 or headers.get("authorization") != f"Bearer token-{self.given}":
                return 401, {}, b"{}"
        return super().answer(method, target, headers, body)

    def found(self, path: str, given: dict[str, Any]) -> Any:
        what, _, rest = path.removeprefix("/v2/").partition("/")
        if what not in self.lags_s:
            return None
        moment = self.clock.now() - timedelta(seconds=self.lags_s[what])
        if rest != "search":
            one = self.runs.get(int(rest) - 2**51)
            return self._instance(one, moment) if one is not None and one.at(moment) else None
        wanted, page = given["filter"], given["page"]
        if what == "process-instances":
            since = wanted["startDate"]["$gte"]
            known = [run for run in self.runs.values() if written(run.started) >= since and run.at(moment)]
            items = [self._instance(run, moment) for run in known]
        else:
            run = self.runs[int(wanted["processInstanceKey"]) - 2**51]
            mine = run.at(moment)
            items = self._parts(what, run, *mine) if mine else []
        by, total = [one["field"] for one in given["sort"]], len(items)
        items.sort(key=lambda one: [one[name] for name in by])
        if after := page.get("after"):
            last = json.loads(base64.b64decode(after))
            items = [one for one in items if [one[name] for name in by] > last]
        items = items[: page["limit"]]
        cursor = None
        if items:
            cursor = base64.b64encode(json.dumps([items[-1][name] for name in by]).encode()).decode()
        return {"items": items, "page": {"totalItems": total, "endCursor": cursor}}

    def _instance(self, run: Run, moment: datetime) -> dict[str, Any]:
        found = {"processInstanceKey": self.name(run), "processDefinitionId": "refund"}
        ends = [since for since, state, _ in run.told if state == "ended" and since <= moment]
        found |= {"startDate": written(run.started), "state": "COMPLETED" if ends else "ACTIVE"}
        return found | ({"endDate": written(ends[0])} if ends else {})

    def _parts(self, what: str, run: Run, state: str, steps: int) -> list[dict[str, Any]]:
        if what == "element-instances":
            return [{"elementInstanceKey": f"{run.number:05}{n:05}", "elementId": f"step-{n}"} for n in range(steps)]
        if what == "jobs":
            return [{"jobKey": f"{run.number:05}{n:05}", "retries": n} for n in range(steps // 2)]
        return [{"incidentKey": f"{run.number:05}1"}] if state == "waiting" else []

    def name(self, run: Run) -> str:
        return str(2**51 + run.number)

    def document(self, run: Run) -> dict[str, Any]:
        there = run.state, run.steps
        found: dict[str, Any] = {"processInstance": self._instance(run, self.clock.now())}
        for name, what in {"elementInstances": "element-instances", "incidents": "incidents", "jobs": "jobs"}.items():
            found[name] = self._parts(what, run, *there)
        return found


class InProcess:
    """The way out to a fake, without a network. `faults`: the share of questions at which something goes wrong."""

    def __init__(self, fake: FakeEngine, faults: float = 0.0, seed: int = 0) -> None:
        self._fake, self.faults, self._chance = fake, faults, random.Random(seed)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float,
        most_bytes: int = 1 << 20,
    ) -> Answer:
        fault = self._chance.choice(["away", "busy", "broken", "cut"]) if self._chance.random() < self.faults else ""
        if fault == "away":
            raise EgressError("connection_lost", "the host ended the connection", retryable=True)
        if fault == "busy":
            return Answer(429, {"retry-after": "0"}, b"", whole=True)
        target = url.split("://", 1)[1].partition("/")[2]
        status, more, content = self._fake.answer(method, f"/{target}", headers or {}, body)
        if fault == "broken":
            return Answer(500, {}, b"oh", whole=True)
        if fault == "cut":
            content = content[: len(content) // 2]
        return Answer(status, more, content[:most_bytes], whole=len(content) <= most_bytes)


def as_served(fake: FakeEngine) -> Callable[[Any], Reply]:
    """What a `loopback.Recorder` answers for a fake."""
    return lambda asked: fake.answer(asked[0], asked[1], asked[2], asked[3])
