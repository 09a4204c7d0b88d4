"""What each address of the API needs, in one table. An address that is in no table is there for nobody."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import compile_path

from api.routes.events import FRAMES
from kernel.access import ANY, OPEN, SIGNED, Need, Permission
from kpis import answers as kpi_answers
from mining.answers import ANSWERS

READ, EXPORT, LOAD, ADMINISTER = Permission.READ, Permission.EXPORT, Permission.LOAD, Permission.ADMINISTER
ACT, APPROVE = Permission.ACT, Permission.APPROVE

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): LOAD,
    ("GET", "/api/docs"): READ,
    ("GET", "/api/openapi.json"): READ,
    ("GET", "/api/v1/processes"): READ,
    ("GET", "/api/v1/processes/{process}/readiness"): READ,
    ("GET", "/api/v1/processes/{process}/cases/{case_id:path}"): READ,
    **{("GET", f"/api/v1/processes/{{process}}/{name}"): READ for name in (*ANSWERS, *kpi_answers.ANSWERS)},
    **{("GET", f"/api/v1/processes/{{process}}/{name}"): EXPORT for name in FRAMES},
    ("GET", "/api/v1/processes/{process}/export"): EXPORT,
    ("POST", "/api/v1/ingest"): LOAD,
    ("POST", "/api/v1/events"): LOAD,
    ("POST", "/api/v1/hooks/{source}"): SIGNED,
    ("POST", "/api/v1/sources/{source}/cloudevents"): LOAD,
    ("POST", "/otlp/{source}/v1/traces"): LOAD,
    ("POST", "/otlp/{source}/v1/logs"): LOAD,
    ("GET", "/api/v1/ingest/status"): LOAD,
    ("GET", "/api/v1/quarantine"): LOAD,
    ("GET", "/api/v1/quarantine/{entry}"): LOAD,
    ("POST", "/api/v1/quarantine/replay"): LOAD,
    ("POST", "/api/v1/quarantine/discard"): LOAD,
    ("POST", "/api/v1/quarantine/{entry}/repair"): LOAD,
    ("GET", "/api/v1/erasures"): ADMINISTER,
    ("POST", "/api/v1/erasures"): ADMINISTER,
    ("GET", "/api/v1/erasures/{erasure}"): ADMINISTER,
    ("GET", "/api/v1/sources"): LOAD,
    ("GET", "/api/v1/sources/{source}"): LOAD,
    ("PUT", "/api/v1/sources/{source}"): ADMINISTER,
    ("DELETE", "/api/v1/sources/{source}"): ADMINISTER,
    ("POST", "/api/v1/sources/{source}/stop"): LOAD,
    ("POST", "/api/v1/sources/{source}/resume"): LOAD,
    ("POST", "/api/v1/sources/{source}/look"): LOAD,
    ("GET", "/api/v1/audit/head"): ADMINISTER,
    ("GET", "/api/v1/audit/{chain}"): ADMINISTER,
    ("POST", "/api/v1/callbacks/{token}"): SIGNED,
    ("GET", "/api/v1/incidents"): READ,
    ("GET", "/api/v1/incidents/{incident}"): READ,
    ("GET", "/api/v1/incidents/{incident}/findings"): READ,
    ("POST", "/api/v1/incidents/{incident}/acknowledge"): ACT,
    ("POST", "/api/v1/incidents/{incident}/comments"): ACT,
    ("POST", "/api/v1/incidents/{incident}/owner"): ACT,
    ("POST", "/api/v1/incidents/{incident}/close"): ACT,
    ("POST", "/api/v1/incidents/{incident}/runs"): ACT,
    ("POST", "/api/v1/detection"): ACT,
    ("POST", "/api/v1/rules/{rule}/backtest"): ACT,
    ("GET", "/api/v1/playbooks"): READ,
    ("GET", "/api/v1/overview"): READ,
    ("GET", "/api/v1/decisions"): READ,
    ("GET", "/api/v1/runs"): READ,
    ("GET", "/api/v1/runs/{run}"): READ,
    ("POST", "/api/v1/runs/{run}/decisions"): APPROVE,
    ("POST", "/api/v1/runs/{run}/cancel"): ACT,
    ("POST", "/api/v1/runs/{run}/resume"): ACT,
    ("POST", "/api/v1/runs/{run}/requeue"): ACT,
    ("POST", "/api/v1/runs/{run}/settle"): ACT,
    ("GET", "/api/v1/mutes"): READ,
    ("POST", "/api/v1/mutes"): ACT,
    ("POST", "/api/v1/mutes/{mute}/end"): ACT,
    ("GET", "/api/v1/messages"): READ,
    ("POST", "/api/v1/messages/{message}/requeue"): ACT,
    ("POST", "/api/v1/messages/{message}/discard"): ACT,
}


class Addresses:
    """The addresses of a service and what they need: method and path template to a permission, or OPEN."""

    def __init__(self, needs: Mapping[tuple[str, str], Need]) -> None:
        self._compiled = [(method, compile_path(path)[0], need) for (method, path), need in needs.items()]

    def need(self, method: str, path: str) -> tuple[Need, str] | None:
        """What a request needs, and the process that it is about ('' for none); None when it is to no address."""
        asked = "GET" if method == "HEAD" else method
        for listed, pattern, need in self._compiled:
            found = pattern.match(path) if listed == asked else None
            if found is not None:
                return need, found.groupdict().get("process", ANY)
        return None

    def is_one(self, path: str) -> bool:
        """Whether there is such an address, for whatever method."""
        return any(pattern.match(path) for _, pattern, _ in self._compiled)
