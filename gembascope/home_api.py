"""The API of a home that this process holds, asked without a server: the routes are the one implementation of what
commands, SDK, pages and programs ask."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx

from api.app import create_app
from api.gate import GateRules
from api.permissions import NEEDS
from api.source_work import SourceWork
from api.visitors import Visitors
from gembascope.asking import Asker, Params
from gembascope.operations import operations
from gembascope.service import find_service
from gembascope.sourcing import Sourcing, sourcing
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from kernel.audit.reading import AuditReader
from kernel.clock import SystemClock
from kernel.errors import GembascopeError
from kernel.identity.directory import Directory
from kernel.identity.passwords import Passwords
from orchestration_hooks.telling import tell
from orchestration_hooks.worker import Worker

log = logging.getLogger("gembascope.home")
HOST = "http://localhost"


class HomeApi:
    """The API over an open workspace and the state database of its home; close it before the workspace.

    `local` asks as a command on this machine (`kernel.access.local_principal`). Nothing listens, and no work goes on
    beside: what a service does by itself is done once by `work`, after whatever moved something.
    """

    def __init__(self, workspace: LocalWorkspace) -> None:
        settings = workspace.settings
        token = secrets.token_urlsafe(32)
        self._home = settings.home.expanduser()
        self._directory = Directory(settings, SystemClock(), Passwords(seldom=True))
        self._operations = operations(workspace, self._directory.state)
        self._app = create_app(
            workspace.views,
            workspace.clock,
            GateRules(Visitors(self._directory, token), NEEDS, names_store=workspace.views.names_store),
            upload_folder=self._home / "uploads",
            audited=AuditReader(self._directory.state, settings, workspace.clock),
            desk=self._operations.desk,
            source_work=self._source_work,
        )
        self._workspace, self._opened = workspace, ExitStack()
        self._sourcing: Sourcing | None = None
        self.local = Asker(self.send, {"Authorization": f"Bearer {token}"}, self.work)

    def _source_work(self) -> SourceWork:
        """Of the home, whose spool is opened when it is first asked."""
        if self._sourcing is None:
            live = self._opened.enter_context(taking_events(self._workspace, background=False))
            self._sourcing = self._opened.enter_context(sourcing(self._workspace, live, self._directory.state))
        return self._sourcing.work

    def send(
        self, method: str, path: str, *, params: Params = (), content: bytes = b"", headers: Mapping[str, str]
    ) -> httpx.Response:
        """As `gembascope.asking.Send`."""

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=HOST, trust_env=False) as client:
                return await client.request(method, path, params=tuple(params), content=content, headers=headers)

        return _finished(sent())

    def work(self) -> None:
        """Do once what a service does by itself, unless one holds the home: people are told of incidents, which opens
        the runs of automatic playbooks, and every run that is due is moved until it waits or ends.

        Alerts and messages are put in the outbox, and what runs did becomes events: both are for the next service.
        What cannot be done is told in the log, and stays due.
        """
        if find_service(self._home) is not None:
            return
        found = self._operations
        _safely(
            "nobody was told of incidents",
            lambda: tell(found.desk, found.state, found.alerter(), found.clock.now()),
        )
        _safely("runs were not moved", lambda: Worker(found.engine).run_due())

    def close(self) -> None:
        """What was put into the spool is loaded before."""
        try:
            self._opened.close()
        finally:
            self._directory.close()


def _safely(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except GembascopeError as error:
        log.warning("%s: %s", what, error)


def _finished(work: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """The answer, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
