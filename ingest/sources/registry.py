"""The sources of a tenant at work: their definitions, each with its inlet, read again when a file has changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import MappingPack
from ingest.mappings.personal import Privacy
from ingest.sources.definition import SourceDefinition, SourceDefinitions
from ingest.sources.inlet import SourceInlet
from ingest.spool import Spool
from kernel.clock import Clock
from kernel.errors import DefinitionError, NotFound, SettingsError
from kernel.pseudonyms import Pseudonyms
from kernel.secrets import Secrets

FRESH_S = 1.0
"""How long what was read counts as new: files are not asked for each delivery."""
Stamp = tuple[tuple[int, int], tuple[int, int]]
Notice = Callable[[str, str, object], None]


@dataclass(frozen=True, slots=True)
class _Open:
    definition: SourceDefinition
    inlet: SourceInlet
    stamp: Stamp
    checked_s: float


class Sources:
    """Inlets by source. `secrets` reads those that definitions refer to. `key`: of the installation, which pseudonyms
    follow from. `accepted` is called when something was put into the spool; `noticed` with a source, the rule that took
    a record, and the record."""

    def __init__(
        self,
        tenant: str,
        definitions: SourceDefinitions,
        spool: Spool,
        clock: Clock,
        *,
        secrets: Secrets | None = None,
        key: str | None = None,
        accepted: Callable[[], None] = lambda: None,
        noticed: Notice | None = None,
    ) -> None:
        self.definitions, self.tenant, self.spool = definitions, tenant, spool
        self.secrets = secrets or Secrets(definitions.folder)
        self._clock, self._key = clock, key
        self._accepted, self._noticed = accepted, noticed
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}

    def inlet(self, source: str, kind: str | None = None) -> SourceInlet:
        """The inlet of a source that is collected by `kind`, or by any.

        Raises
        ------
        NotFound
            No such source, or one of another kind, or one that is off.
        DefinitionError, SettingsError
            Its definition or its pack is wrong, or it hides persons and there is no key.
        """
        return self._at(source, kind).inlet

    def definition(self, source: str, kind: str | None = None) -> SourceDefinition:
        """Its definition; raises as `inlet`."""
        return self._at(source, kind).definition

    def settings(self, source: str, kind: str) -> object:
        """How it is collected: the same object until its definition changes; raises as `inlet`."""
        return self._at(source, kind).definition.collect

    def requests_per_minute(self, source: str, kind: str) -> int:
        """How many requests are taken of it; raises as `inlet`."""
        return self._at(source, kind).definition.limits.requests_per_minute

    def _at(self, source: str, kind: str | None) -> _Open:
        with self._lock:
            found = self._open.get(source)
            now_s = time.monotonic()
            if found is None or now_s - found.checked_s > FRESH_S:
                found = self._open[source] = self._read(source, found, now_s)
        if found.definition.off or (kind is not None and found.definition.collect.kind != kind):
            raise NotFound(f"no source {source!r} is taken from in that way")
        return found

    def _read(self, source: str, before: _Open | None, now_s: float) -> _Open:
        path = self.definitions.folder / f"{source}.yaml"
        definition = self.definitions.get(source)
        packs = self.definitions.packs
        stamp = (_stamp(path.stat()), _stamp(packs.path(definition.pack).stat()))
        if before is not None and before.stamp == stamp:
            return _Open(before.definition, before.inlet, stamp, now_s)
        return _Open(definition, self._inlet(definition, packs.get(definition.pack)), stamp, now_s)

    def _inlet(self, definition: SourceDefinition, pack: MappingPack) -> SourceInlet:
        rules = (*pack.personal, *definition.personal)
        if rules and self._key is None:
            raise SettingsError(
                f"the source {definition.id} hides persons and needs a key: set GEMBASCOPE_PSEUDONYM_KEY"
            )
        hide = Pseudonyms(self._key or "", self.tenant).of

        noticed = self._noticed

        return SourceInlet(
            self.tenant,
            definition,
            Mapper(pack),
            Privacy(rules, hide),
            self.spool,
            self._clock,
            accepted=self._accepted,
            noticed=partial(noticed, definition.id) if noticed is not None and pack.watch else None,
        )

    def resume(self, source: str) -> None:
        """Take from a stopped source again; NotFound where there is none."""
        inlet = self.inlet(source)
        inlet.resumed()
        self.spool.sources.resume(self.tenant, source)

    def problems(self) -> list[str]:
        """What is wrong with definitions and packs of sources, one line each."""
        found = []
        try:
            for name, definition in self.definitions.all().items():
                try:
                    self.definitions.packs.get(definition.pack)
                except DefinitionError as error:
                    found += [f"{name}: {problem}" for problem in error.problems]
        except DefinitionError as error:
            found += [str(problem) for problem in error.problems]
        return found


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_mtime_ns, stat.st_size
