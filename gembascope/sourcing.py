"""The sources of a workspace, wired: their inlets over its spool, what is known of them, and the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.source_work import SourceWork
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from ingest.releasing import Releaser
from ingest.sources.definition import SourceDefinitions
from ingest.sources.desk import SourceDesk
from ingest.sources.drift import DriftWatch
from ingest.sources.registry import Sources
from kernel.clock import SystemClock
from kernel.secrets import Secrets
from kernel.state.database import State


@dataclass(frozen=True, slots=True)
class Sourcing:
    """What takes from sources, what watches what they say, and what is asked about them."""

    sources: Sources
    watch: DriftWatch
    work: SourceWork


@contextmanager
def sourcing(workspace: LocalWorkspace, live: LiveIngest, state: State) -> Iterator[Sourcing]:
    """The sources of the workspace's tenant; `state` holds the audit. What was learned of them is written down when it
    ends."""
    settings, clock, spool = workspace.settings, workspace.clock, live.spool
    home, tenant = settings.home.expanduser(), settings.tenant
    watch = DriftWatch(spool.state, clock, tenant)
    key = settings.pseudonym_key
    sources = Sources(
        tenant,
        SourceDefinitions(home, tenant),
        spool,
        clock,
        secrets=Secrets(home),
        key=key.get_secret_value() if key is not None else None,
        accepted=live.noticed,
        noticed=watch.noticed,
    )
    desk = SourceDesk(sources, workspace.warehouse, clock)
    releaser = Releaser(workspace.warehouse, clock, tenant, live, sources)
    try:
        yield Sourcing(sources, watch, SourceWork(desk, releaser, state, SystemClock()))
    finally:
        watch.keep()
