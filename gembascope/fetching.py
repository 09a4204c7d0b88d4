"""The collectors that fetch, as the sources are defined now: begun, ended and begun anew when a definition changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest.collectors.known_keys import StateKeys, make_key_tables
from ingest.collectors.making import make_collector
from ingest.collectors.polled_settings import FolderSettings
from ingest.collectors.supervisor import Supervisor
from ingest.sources.definition import PUSHED, SourceDefinition
from ingest.sources.delivery import Delivery, Outcome
from ingest.sources.desk import Collecting
from ingest.sources.leases import StateLeases, make_lease_tables
from ingest.sources.registry import Sources
from kernel.addresses import host_and_port, plain_host
from kernel.clock import SystemClock
from kernel.egress import Egress
from kernel.errors import GembascopeError, SettingsError
from kernel.settings import Settings

log = logging.getLogger("gembascope.collectors")
INBOX = "inbox"
"""The folder below the home in which watched folders may always be."""


class _Newest:
    """The inlet of a source as it is defined when something is taken: its pack may change meanwhile."""

    def __init__(self, sources: Sources, source: str) -> None:
        self._sources, self._source = sources, source

    @property
    def source(self) -> str:
        return self._source

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        return self._sources.inlet(self._source).take(deliveries, place)

    def take_each(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        return self._sources.inlet(self._source).take_each(deliveries)

    def closed(self) -> str:
        return self._sources.inlet(self._source).closed()

    def place(self) -> str:
        return self._sources.inlet(self._source).place()


class Fetching:
    """Runs a collector for each source that is fetched from. `alone`: no other process can be there."""

    def __init__(self, sources: Sources, settings: Settings, *, alone: bool) -> None:
        self._sources, self._settings = sources, settings
        self._egress = Egress(settings.egress_hosts)
        self._clock = SystemClock()  # of leases and pauses, whatever that of business says
        self._running: dict[str, tuple[SourceDefinition, Supervisor]] = {}
        self._refused: dict[str, str] = {}
        self._lock, self._changing = threading.Lock(), threading.Lock()
        """Of what is told, and of what is begun and ended: that may last, and nobody who asks waits for it."""
        state = sources.spool.state
        with state.writing() as connection:
            make_lease_tables(connection)
            make_key_tables(connection)
        self._leases = None if alone else StateLeases(state, self._clock, sources.tenant)

    def look(self) -> None:
        """Begin, end and begin anew what the definitions ask for. A source whose definition is wrong goes on as before,
        if it was running."""
        right, wrong = self._sources.definitions.each()
        wanted = {name: found for name, found in right.items() if found.collect.kind not in PUSHED and not found.off}
        with self._changing:
            wanted |= {name: self._running[name][0] for name in wrong if name in self._running}
            self._end([name for name, (definition, _) in self._running.items() if wanted.get(name) != definition])
            refused: dict[str, str] = {}
            for name, definition in wanted.items():
                if name not in self._running:
                    self._begin(name, definition, refused)
            with self._lock:
                self._refused = refused

    def _end(self, names: Sequence[str]) -> None:
        """All at once: each may take its time to end."""
        if not names:
            return
        with ThreadPoolExecutor(len(names), "end-collectors") as pool:
            list(pool.map(lambda name: self._running[name][1].stop(), names))
        with self._lock:
            for name in names:
                del self._running[name]

    def _begin(self, name: str, definition: SourceDefinition, refused: dict[str, str]) -> None:
        try:
            self._check(definition)
            keys = StateKeys(self._sources.spool.state, self._sources.tenant, name)
            collector = make_collector(definition.collect, self._sources.secrets, keys, self._egress)
        except GembascopeError as error:
            refused[name] = str(error)
            log.warning("source %s: %s", name, error)
            return
        inlet = _Newest(self._sources, name)
        supervisor = Supervisor([(inlet, collector)], self._clock, leases=self._leases)
        with self._lock:
            self._running[name] = (definition, supervisor)
        supervisor.start()

    def _check(self, definition: SourceDefinition) -> None:
        """Whether the administrator of this machine lets a source reach where it is.

        Raises
        ------
        SettingsError
            Its host or its folder is not listed.
        """
        settings = definition.collect
        if isinstance(settings, FolderSettings):
            roots = (self._settings.home.expanduser() / INBOX, *self._settings.source_folders)
            path = settings.path.expanduser().resolve()
            if not any(path.is_relative_to(Path(root).expanduser().resolve()) for root in roots):
                raise SettingsError(
                    f"{settings.path} is not below {INBOX}/ of the home: list it in GEMBASCOPE_SOURCE_FOLDERS"
                )
            return
        listed = {host_and_port(entry) for entry in self._settings.egress_hosts}
        for reached in getattr(settings, "reaches", ()):
            host, _, port = reached.rpartition(":")
            if (plain_host(host), int(port)) not in listed:
                raise SettingsError(f"{reached} is not listed in GEMBASCOPE_EGRESS_HOSTS")

    def states(self) -> Mapping[str, Collecting]:
        """What each collector does now."""
        with self._lock:
            told = {name: Collecting("waiting", why) for name, why in self._refused.items()}
            for _, supervisor in self._running.values():
                for one in supervisor.states():
                    told[one.source] = Collecting(one.state, one.reason or "; ".join(one.notes))
        return told

    def stop(self) -> None:
        """Let every collector end what it is at."""
        with self._changing:
            self._end(list(self._running))
