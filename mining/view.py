"""A process as it is asked about: the warehouse, the tenant and the definition together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kernel.access import ANY, Permission, admits, present
from kernel.clock import Clock, SystemClock
from kernel.definitions import suggestion
from kernel.errors import InputError, NotFound
from kernel.process import ProcessDefinition, Processes, no_such_process
from kernel.warehouse import Query, Warehouse, load_query
from mining.filters import CaseFilter
from mining.projection import refresh


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process of one tenant, ready for questions."""

    warehouse: Warehouse
    tenant: str
    definition: ProcessDefinition

    @property
    def scope(self) -> dict[str, Any]:
        """The parameters that every query about this process has."""
        return {"tenant": self.tenant, "process": self.definition.id}

    def ask(self, query: Query, chosen: CaseFilter, **more: Any) -> pl.DataFrame:
        """The rows of a query over the selected cases.

        Raises
        ------
        InputError
            The filter is anchored on due instants and the process promises nothing.
        """
        self.check_anchor(chosen)
        return self.warehouse.query(query, self.scope | chosen.parameters() | more)

    def check_anchor(self, chosen: CaseFilter) -> None:
        """Refuse a filter that is anchored on due instants where the process promises nothing (InputError)."""
        if chosen.anchor == "due" and (chosen.since or chosen.until) and not self.definition.promises:
            raise InputError(
                f"anchor due: {self.definition.id} has no promise, so no case is due; add promises to its definition, "
                "each with a name, from, to and within, or use started, ended or active"
            )

    def check(self, chosen: CaseFilter) -> None:
        """Refuse activities and attributes that the process does not have: a typo must not read as "no cases".

        Raises
        ------
        NotFound
            With a suggestion, and what there is.
        """
        if not chosen.activities and not chosen.attributes and not chosen.edge:
            return
        known = self.warehouse.query(load_query(__file__, "filter_words"), self.scope).row(0, named=True)
        named = [*chosen.activities, *(chosen.edge or ())]
        _refuse(named, known["activities"], f"{self.definition.id} has no activity")
        _refuse([name for name, _ in chosen.attributes], known["attributes"], "no case attribute is called")


@dataclass(frozen=True, slots=True)
class Views:
    """The processes of one tenant: what a reader needs to ask about any of them."""

    warehouse: Warehouse
    tenant: str
    processes: Processes
    clock: Clock = field(default_factory=SystemClock)
    _seen: dict[str, bytes] = field(default_factory=dict)

    def all(self) -> list[ProcessDefinition]:
        """The definitions that whoever asks may read, ordered by id; outside of a request all of them.
        `DefinitionError` lists the problems of all files."""
        return [definition for definition in self.processes.all().values() if _may_read(definition.id)]

    def view(self, process: str) -> ProcessView:
        """One process; `NotFound` says which there are, and is the answer too to whoever may not read it.

        A definition that is new, or was changed since its paths were built, has them built first: the one question
        that finds this out waits for it.
        """
        if not _may_read(process):
            raise no_such_process(process, [definition.id for definition in self.all()])
        definition = self.processes.get(process)
        if self._seen.get(process) != definition.hash:
            scope = {"tenant": self.tenant, "process": process}
            state = self.warehouse.query(load_query(__file__, "projection_state"), scope)
            if state.is_empty() or state.item(0, "definition_hash") != definition.hash.hex():
                refresh(self.warehouse, self.clock, self.tenant, definition)
            self._seen[process] = definition.hash
        return ProcessView(self.warehouse, self.tenant, definition)

    def data_version(self, process: str) -> int:
        """A number that changes whenever the answers about a process may; 0 before its first projection."""
        scope = {"tenant": self.tenant, "process": process}
        found = self.warehouse.query(load_query(__file__, "projection_state"), scope)
        return int(found.item(0, "version")) if found.height else 0


def _may_read(process: str) -> bool:
    """Whether whoever asks may; outside of a request nobody is asked."""
    principal = present()
    return principal is None or (process != ANY and admits(principal, Permission.READ, process))


def _refuse(words: list[str], known: list[str], what: str) -> None:
    for word in words:
        if word not in known:
            listed = ", ".join(sorted(known)[:30]) or "none"
            raise NotFound(f"{what} {word!r}{suggestion(word, known)}; there are: {listed}")
