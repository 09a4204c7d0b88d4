"""A process as it is asked about: the warehouse, the tenant and the definition together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kernel.access import ANY, LIMITABLE, Permission, admits, present, reach
from kernel.clock import Clock, SystemClock
from kernel.definitions import suggestion
from kernel.errors import DefinitionError, InputError, NotAllowed, NotFound
from kernel.process import ProcessDefinition, Processes, no_such_process
from kernel.warehouse import Query, Warehouse, load_query
from mining.filters import CaseFilter
from mining.projection import refresh


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process of one tenant, ready for questions. `stores`: those whose cases it answers about, None for all;
    then every answer is the one that a log with only these cases would give. A query goes through `ask`, which sees to
    that; one that cannot do so sees to it itself.
    """

    warehouse: Warehouse
    tenant: str
    definition: ProcessDefinition
    stores: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.stores is not None and self.definition.store is None:
            raise ValueError(f"{self.definition.id} does not name its store, so it cannot be limited to stores")

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
        return self.warehouse.query(query, self.scope | self.parameters(chosen) | more)

    def parameters(self, chosen: CaseFilter) -> dict[str, Any]:
        """The query parameters of `selected_cases` for a selection within the stores, tenant and process aside."""
        found = chosen.parameters()
        if self.stores is not None:  # a pair of its own: a filter on the same attribute must hold besides
            found["attribute_names"] = [*found["attribute_names"], self.definition.store]
            found["attribute_values"] = [*found["attribute_values"], sorted(self.stores)]
        return found

    @property
    def limit(self) -> dict[str, Any]:
        """The parameters of queries that only a limited view asks: `store` (the attribute) and `stores`."""
        return {"store": self.definition.store or "", "stores": sorted(self.stores or ())}

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether a case with these attributes is one that may be told of."""
        return self.stores is None or attributes.get(self.definition.store or "") in self.stores

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
        if self.stores is None:
            words = self.warehouse.query(load_query(__file__, "filter_words"), self.scope)
        else:
            words = self.warehouse.query(load_query(__file__, "filter_words_of_stores"), self.scope | self.limit)
        known = words.row(0, named=True)
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
        return [definition for definition in self.processes.all().values() if _may_read(definition)]

    def names_store(self, process: str) -> bool:
        """Whether there is such a process, and its definition names its store."""
        try:
            return self.processes.get(process).store is not None
        except (DefinitionError, NotFound):
            return False

    def view(self, process: str, permission: Permission = Permission.READ) -> ProcessView:
        """One process, limited to the stores that whoever asks may read, or have what `permission` says of.

        A definition that is new, or was changed since its paths were built, has them built first: the one question
        that finds this out waits for it.

        Raises
        ------
        NotFound
            Says which processes there are; the answer too to whoever may not read it.
        NotAllowed
            Who asks may read it, and no more.
        """
        principal = present()
        if principal is None:
            return self._built(self.processes.get(process))
        readable = reach(principal, Permission.READ, process) if process != ANY else None
        if readable is None:
            raise self._not_there(process)
        try:
            definition = self.processes.get(process)
        except (DefinitionError, NotFound):
            if readable.stores is None:
                raise
            raise self._not_there(process) from None
        if readable.stores is not None and definition.store is None:
            raise self._not_there(process)
        reached = reach(principal, permission, process)
        limitable = permission in LIMITABLE and definition.store is not None
        if reached is None or (reached.stores is not None and not limitable):
            raise NotAllowed(f"{principal.name} has no grant to {permission.value} here")
        return self._built(definition, reached.stores)

    def of(self, definition: ProcessDefinition) -> ProcessView:
        """`view` of a process whose definition was read already: one that `all` has told, now."""
        principal = present()
        if principal is None:
            return self._built(definition)
        readable = reach(principal, Permission.READ, definition.id)
        if readable is None or (readable.stores is not None and definition.store is None):
            raise self._not_there(definition.id)
        return self._built(definition, readable.stores)

    def _not_there(self, process: str) -> NotFound:
        try:
            return no_such_process(process, [definition.id for definition in self.all()])
        except DefinitionError:  # which concerns those who may read all
            return no_such_process(process, [])

    def _built(self, definition: ProcessDefinition, stores: frozenset[str] | None = None) -> ProcessView:
        process = definition.id
        if self._seen.get(process) != definition.hash:
            scope = {"tenant": self.tenant, "process": process}
            state = self.warehouse.query(load_query(__file__, "projection_state"), scope)
            if state.is_empty() or state.item(0, "definition_hash") != definition.hash.hex():
                refresh(self.warehouse, self.clock, self.tenant, definition)
            self._seen[process] = definition.hash
        return ProcessView(self.warehouse, self.tenant, definition, stores)

    def data_version(self, process: str) -> int:
        """A number that changes whenever the answers about a process may; 0 before its first projection."""
        scope = {"tenant": self.tenant, "process": process}
        found = self.warehouse.query(load_query(__file__, "projection_state"), scope)
        return int(found.item(0, "version")) if found.height else 0

    def data_versions(self) -> dict[str, int]:
        """`data_version` of every process that was ever projected."""
        return dict(self.warehouse.query(load_query(__file__, "data_versions"), {"tenant": self.tenant}).iter_rows())


def _may_read(definition: ProcessDefinition) -> bool:
    """Whether whoever asks may; outside of a request nobody is asked."""
    principal = present()
    named = definition.store is not None
    return principal is None or admits(principal, Permission.READ, definition.id, names_store=named)


def _refuse(words: list[str], known: list[str], what: str) -> None:
    for word in words:
        if word not in known:
            listed = ", ".join(sorted(known)[:30]) or "none"
            raise NotFound(f"{what} {word!r}{suggestion(word, known)}; there are: {listed}")
