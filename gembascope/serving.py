"""The service: API and pages over one open home, announced to commands on this machine."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.gate import LOOPBACK, GateRules
from api.permissions import NEEDS
from api.rates import Buckets, Rates
from api.source_work import SourceWork
from api.visitors import CSRF_COOKIE, Visitors
from dashboards.cache import Reader
from dashboards.scenes import Scene
from dashboards.warming import warmed
from gembascope.background import Background, working
from gembascope.opening import Opening, made_beside
from gembascope.operations import Operations, operations
from gembascope.service import Service, announced, instance_of
from gembascope.sourcing import sourcing
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from ingest.sources.registry import Sources
from kernel.audit.reading import AuditReader
from kernel.clock import Clock, DemoClock, SystemClock
from kernel.errors import SettingsError
from kernel.identity.directory import Directory
from kernel.settings import Settings

ANY_ADDRESS = ("0.0.0.0", "::")


def build_app(
    opened: LocalWorkspace,
    settings: Settings,
    reader: Reader,
    directory: Directory,
    *,
    local_token: str,
    live: LiveIngest | None = None,
    source_work: SourceWork | None = None,
    sources: Sources | None = None,
    working_on: Operations | None = None,
    scenes: Sequence[Scene] = (),
    pages: bool = True,
) -> FastAPI:
    """API and pages over an open workspace, of which `reader` reads, for the people and keys of `directory`; `live`
    takes events, `sources` what sources send, `source_work` knows of these, and `working_on` is what watches and acts.
    `scenes`: of a demo. Without `pages` the API alone. The caller closes them after the app."""
    if pages:
        from dashboards.app import mount  # Dash takes a second to import
        from dashboards.permissions import NEEDS as PAGES_NEED
    else:
        PAGES_NEED = {}

    hashes: list[str] = []
    rules = GateRules(
        Visitors(directory, local_token, open_house=settings.for_this_machine),
        NEEDS | PAGES_NEED,
        hosts=LOOPBACK | {settings.host.lower()} | {name.lower() for name in settings.allowed_hosts},
        max_upload_bytes=settings.max_upload_bytes,
        script_hashes=lambda: hashes,
        secure=settings.behind_tls,
        names_store=opened.views.names_store,
        rates=Rates(
            sign_ins=Buckets(SystemClock(), settings.sign_ins_per_minute),
            requests=Buckets(SystemClock(), settings.requests_per_minute),
            strangers=Buckets(SystemClock(), settings.strangers_per_minute),
        ),
    )
    key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key else None
    folder = settings.home.expanduser() / "uploads"
    instance = instance_of(local_token)
    app = create_app(
        opened.views,
        opened.clock,
        rules,
        upload_folder=folder,
        pseudonym_key=key,
        instance=instance,
        live_ingest=live,
        source_work=(lambda: source_work) if source_work is not None else None,
        sources=sources,
        machine_clock=SystemClock(),
        audited=AuditReader(directory.state, settings, opened.clock),
        desk=working_on.desk if working_on is not None else None,
        taking=working_on.callbacks if working_on is not None else None,
    )
    if not pages:
        return app
    desk = working_on.desk if working_on is not None else None
    of_sources = source_work.desk if source_work is not None else None
    mount(app, reader, desk, csrf_cookie=CSRF_COOKIE, scenes=scenes, source_desk=of_sources)
    hashes.extend(app.state.csp_script_hashes)
    return app


Beside = Callable[[LiveIngest, Operations, Directory], AbstractContextManager[None]]
"""What goes on beside a service, such as the world of a demo, for as long as its context lasts."""


def serve(
    settings: Settings,
    clock: Clock,
    *,
    ready: Callable[[str, str | None], None],
    opened: LocalWorkspace | None = None,
    beside: Beside | None = None,
    scenes: Sequence[Scene] = (),
) -> None:
    """Serve until interrupted; `scenes` are those of a demo. Once it listens, `ready` is called with the address and,
    when the tenant has no administrator, with the link for the first one: whoever reads the console may become it.

    Raises
    ------
    SettingsError
        The port is taken.
    StateUnavailable
        The state database does not answer.
    """
    listener = _listen(settings.host, settings.port)
    try:
        workspace = opened or LocalWorkspace(settings, clock)
        try:
            _run(settings, workspace, listener, ready, beside, scenes)
        finally:
            workspace.close()
    finally:
        listener.close()


def _run(
    settings: Settings,
    workspace: LocalWorkspace,
    listener: socket.socket,
    ready: Callable[[str, str | None], None],
    beside: Beside | None,
    scenes: Sequence[Scene],
) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    token = secrets.token_urlsafe(32)
    reader = Reader(workspace.views)
    with _ended_by_signal(), ExitStack() as stack:
        # People and keys live on the clock of the machine, whatever a demo's clock says.
        directory = stack.enter_context(Directory(settings, SystemClock()))
        known = operations(workspace, directory.state, address=_reachable(url, host))
        background = Background(known)
        live = stack.enter_context(taking_events(workspace, on_loaded=[background.noticed]))
        sourced = stack.enter_context(sourcing(workspace, live, directory.state, fetch=True))
        background.also("sources are as before", sourced.turn)
        if beside is not None:
            stack.enter_context(beside(live, known, directory))
        stack.enter_context(working(background, live))
        mounted = stack.enter_context(warmed(reader))
        first = directory.users.first_admin_token()
        link = f"{url}/first-administrator?token={first}" if first is not None else None
        app = partial(
            build_app,
            workspace,
            settings,
            reader,
            directory,
            local_token=token,
            live=live,
            source_work=sourced.work,
            sources=sourced.sources,
            working_on=known,
            scenes=scenes,
        )

        def made() -> FastAPI:
            whole = app()
            mounted(whole)
            _settle_garbage()
            return whole

        whole = stack.enter_context(made_beside(made))
        config = uvicorn.Config(
            Opening(app(pages=False), whole),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=10,
            limit_concurrency=256,
        )
        server = _Server(config, lambda: ready(url, link))
        whole.add_done_callback(lambda done: server.leave() if done.exception() is not None else None)
        home = settings.home.expanduser()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        demo = isinstance(workspace.clock, DemoClock)
        with announced(home, Service(_reachable(url, host), token, os.getpid(), settings.tenant, demo)):
            server.run(sockets=[listener])


def _settle_garbage() -> None:
    """What is there by now stays until the end: it need not be looked through again and again for what is not used any
    more, which takes a third of the time of the thread that answers requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends the block as an exception. The server, when it has finished, raises the signal once more for
    whoever started it; by default that would end the process with the home still open."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    def leave(self) -> None:
        """End, as after a signal."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; set GEMBASCOPE_PORT or --port"
        ) from None
    return listener


def _reachable(url: str, host: str) -> str:
    """The address for commands on this machine: a service on all addresses is reached by loopback."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:") if host in ANY_ADDRESS else url
