"""What routes need of sources, besides taking what they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from ingest.live import LiveIngest
from ingest.releasing import Releaser
from ingest.sources.desk import SourceDesk
from kernel.access import present
from kernel.audit.chain import append
from kernel.clock import Clock
from kernel.errors import StateUnavailable
from kernel.state.database import State

AUDIT_CHAIN = "sources"


@dataclass(frozen=True, slots=True)
class SourceWork:
    """The sources of a tenant, its quarantine and what loads; `state` holds the audit, `clock` is that of the
    machine."""

    desk: SourceDesk
    releaser: Releaser
    live: LiveIngest
    state: State
    clock: Clock

    def recorded(self, kind: str, body: dict[str, Any]) -> None:
        """Write down what whoever asks here did."""
        principal = present()
        if principal is not None:
            with self.state.writing() as connection:
                append(
                    connection,
                    self.desk.tenant,
                    AUDIT_CHAIN,
                    kind=kind,
                    actor=principal.id,
                    body=body,
                    at=self.clock.now(),
                )


def the_work(request: Request) -> SourceWork:
    """Of the service; StateUnavailable where it takes no events."""
    found: Callable[[], SourceWork] | None = request.app.state.source_work
    if found is None:
        raise StateUnavailable("this service takes no events at run time")
    return found()
