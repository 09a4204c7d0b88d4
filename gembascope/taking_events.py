"""Events at run time, wired: a workspace's warehouse, the spool of its home, and the processes to bring up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api.touched import refresh_touched
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest, LoadedStep, OnLoaded
from ingest.spool import Spool


@contextmanager
def taking_events(
    workspace: LocalWorkspace, *, background: bool = True, on_loaded: Sequence[OnLoaded] = ()
) -> Iterator[LiveIngest]:
    """Take events for the workspace; when it ends, all that can be loaded is. `background`: load meanwhile too.
    `on_loaded` are called when the processes that events touched are up to date."""
    settings, clock = workspace.settings, workspace.clock

    def refresh(step: LoadedStep) -> None:
        refresh_touched(workspace.warehouse, clock, step.tenant, workspace.views.processes, step.object_types)

    with Spool(settings, clock) as spool:
        live = LiveIngest(
            workspace.warehouse,
            clock,
            spool,
            settings.tenant,
            alone=settings.warehouse_url is None,
            on_loaded=[refresh, *on_loaded],
        )
        if background:
            live.start()
        try:
            yield live
        finally:
            live.stop()
