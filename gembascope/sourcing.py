"""The sources of a workspace, wired: their inlets over its spool, what is known of them, and the quarantine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.source_work import SourceWork
from gembascope.fetching import Fetching
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

log = logging.getLogger("gembascope.ingest")


@dataclass(frozen=True, slots=True)
class Sourcing:
    """What takes from sources, what watches what they say, and what is asked about them."""

    sources: Sources
    watch: DriftWatch
    work: SourceWork
    fetching: Fetching | None

    def turn(self) -> None:
        """What is done every so often: what was learned is written down, changed definitions are followed, and the law
        of conservation is looked at."""
        self.watch.keep()
        for one in self.sources.spool.accounts(self.sources.tenant):
            if one.missing:
                log.error("the law of conservation is broken: %d events of %s are nowhere", one.missing, one.source)
        if self.fetching is not None:
            self.fetching.look()


@contextmanager
def sourcing(workspace: LocalWorkspace, live: LiveIngest, state: State, *, fetch: bool = False) -> Iterator[Sourcing]:
    """The sources of the workspace's tenant; `state` holds the audit. `fetch`: run the collectors that fetch, until it
    ends. What was learned of sources is written down then."""
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
    fetching = Fetching(sources, settings, alone=settings.warehouse_url is None) if fetch else None
    collecting = fetching.states if fetching is not None else dict
    desk = SourceDesk(sources, workspace.warehouse, clock, collecting)
    releaser = Releaser(workspace.warehouse, clock, tenant, live, sources)
    try:
        if fetching is not None:
            fetching.look()
        yield Sourcing(sources, watch, SourceWork(desk, releaser, live, state, SystemClock()), fetching)
    finally:
        if fetching is not None:
            fetching.stop()
        watch.keep()
