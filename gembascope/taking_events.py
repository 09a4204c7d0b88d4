"""Events at run time, wired: a workspace's warehouse, the spool of its home, and the processes to bring up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api.touched import touched
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest, LoadedStep, OnLoaded
from ingest.spool import Spool
from kernel.errors import GembascopeError
from mining.projection import refresh


@contextmanager
def taking_events(
    workspace: LocalWorkspace, *, background: bool = True, on_loaded: Sequence[OnLoaded] = ()
) -> Iterator[LiveIngest]:
    """Take events for the workspace; when it ends, all that can be loaded is. `background`: load meanwhile too.
    `on_loaded` are called when the processes that events touched are up to date."""
    settings, clock = workspace.settings, workspace.clock

    def bring_up_to_date(step: LoadedStep) -> None:
        """Every process that can be, then the first error of one that cannot."""
        failed: list[GembascopeError] = []
        for definition in touched(workspace.views.processes, step.object_types)[0]:
            try:
                refresh(workspace.warehouse, clock, step.tenant, definition)
            except GembascopeError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    with Spool(settings, clock) as spool:
        live = LiveIngest(
            workspace.warehouse,
            clock,
            spool,
            settings.tenant,
            alone=settings.warehouse_url is None,
            on_loaded=[bring_up_to_date, *on_loaded],
        )
        if background:
            live.start()
        try:
            yield live
        finally:
            live.stop()
