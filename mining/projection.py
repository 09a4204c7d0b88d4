"""The projection: events to one row per case of a process, in full or for the touched cases only.

Law: any order and any batching of the same events, duplicates included, gives the same `case_paths` and
`day_figures` byte for byte (`version` aside). So a touched case is always rebuilt whole, never patched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse, load_query
from mining.link_paths import rebuild_derived, refresh_derived
from mining.promises import promised
from mining.touches import touches

RANGE_ROWS = 2_600_000
"""Relations per part of a full build: what bounds its memory."""

NO_DEFINITION = "00" * 16
"""The hash of no definition: what is projected with it must be built anew."""


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: nothing (`kind` "current"), for no batch is new or none touches a case; the touched cases; or
    everything."""

    kind: str  # current | touched | full
    through_batch: int
    version: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the events of a process have or had: a build leaves out what would be done for what they have not.

    They are kept with the projection, so that a refresh need only look at what is new. More than is true costs time and
    changes nothing.
    """

    sources: frozenset[str] = frozenset()
    dated: bool = False  # business dates
    started: bool = False  # activities with a start
    attributed: bool = False  # objects with attributes

    @classmethod
    def read(cls, row: dict[str, Any]) -> Facts:
        """From a row that has them among its columns."""
        return cls(frozenset(row["sources"]), bool(row["dated"]), bool(row["started"]), bool(row["attributed"]))

    def joined(self, other: Facts) -> Facts:
        """What either has."""
        return Facts(
            self.sources | other.sources,
            self.dated or other.dated,
            self.started or other.started,
            self.attributed or other.attributed,
        )

    def stored(self) -> dict[str, Any]:
        """As parameters of record_projection.sql."""
        return {
            "sources": sorted(self.sources),
            "dated": int(self.dated),
            "started": int(self.started),
            "attributed": int(self.attributed),
        }

    def parameters(self, definition: ProcessDefinition) -> dict[str, Any]:
        """As parameters of the view built_cases: what an order within a case may depend on."""
        return {
            "tied": int(len(self.sources) > 1 or self.dated or bool(definition.order)),
            "started": int(self.started),
            "named_sources": sorted(self.sources),
        }

    def query(self, definition: ProcessDefinition) -> Query:
        """The cheapest that builds all that the cases have."""
        if definition.promises:
            return _sql("build_promised_paths")
        if self.attributed or definition.case_attributes or definition.excluded:
            return _sql("build_described_paths")
        return _sql("build_plain_paths")


def refresh(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    definition: ProcessDefinition,
    *,
    full: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Refreshed:
    """Bring `case_paths` and `day_figures` of a process up to the last stored batch.

    Rebuilds everything when asked, when the process was never projected, or when its definition changed; else
    only the cases touched since the last refresh, over link paths too. `progress` is called with parts done and all
    parts. Killed at any point, the next refresh does the same work again.
    """
    with warehouse.writing():
        scope = {"tenant": tenant, "process": definition.id}
        found = warehouse.read_for_write(_sql("projection_state"), scope)
        state = found.row(0, named=True) if not found.is_empty() else None
        same = state is not None and state["definition_hash"] == definition.hash.hex()
        since = state["through_batch"] if state is not None and same and not full else 0
        stored = warehouse.read_for_write(_sql("last_stored_batch"), {"tenant": tenant, "since_batch": since})
        through, conflicts = stored.row(0)
        version = max(int(clock.now().timestamp() * 1_000_000), (state["version"] if state else 0) + 2)
        if since and through == since:
            return Refreshed("current", through, state["version"] if state else 0)
        window = {"since_batch": since, "through_batch": through, "object_type": definition.object_type}
        build = (
            scope | window | _definition_parameters(definition) | {"version": version, "incremental": int(since > 0)}
        )
        record = scope | window | {"projected_at": clock.now()}

        def recorded(definition_hash: str, version: int, facts: Facts) -> None:
            moment = {"definition_hash": definition_hash, "version": version}
            warehouse.command(_sql("record_projection"), record | moment | facts.stored())

        if state is not None and since:
            touched = refresh_derived(warehouse, build, definition, touches(warehouse, build, definition))
            if definition.object_type not in touched.types:
                # No case is touched, so no killed refresh has left anything of these batches either. They are recorded
                # as seen, else the next refresh would look through them again, and every later one through more. The
                # version is new: what `readiness` says of objects that belong to no case may have changed.
                recorded(definition.hash.hex(), version, Facts.read(state))
                return Refreshed("current", through, version)
        else:
            rebuild_derived(warehouse, build, definition, lambda: recorded(NO_DEFINITION, version - 1, Facts()))
        asked = build | {"linked": int(bool(definition.links)), "promised": int(bool(definition.promises))}
        read = warehouse.read_for_write(_sql("projection_facts"), asked).row(0, named=True)
        facts = Facts.read(read)
        if state is not None and since:
            facts = facts.joined(Facts.read(state))
        elif not facts.sources:
            _build_none(warehouse, build)
            recorded(definition.hash.hex(), version, facts)
            return Refreshed("full", through, version)
        build = build | facts.parameters(definition)
        paths = facts.query(definition)
        with promised(warehouse, clock, definition, read["years"]) as promises:
            if since:
                projected = state["version"] if state else 0
                version = _refresh_touched(
                    warehouse, paths, build | promises, projected=projected, conflicts=conflicts > 0
                )
            else:
                with warehouse.merges_put_off():
                    _build_all(warehouse, paths, build | promises, progress)
        recorded(definition.hash.hex(), version, facts)
        return Refreshed("touched" if since else "full", through, version)


def _build_all(
    warehouse: Warehouse, paths: Query, build: dict[str, Any], progress: Callable[[int, int], None] | None
) -> None:
    """Build with `paths` beside the rows that readers see, and put the new ones in their place when all are there."""
    cuts = warehouse.read_for_write(_sql("key_ranges"), build | {"rows": RANGE_ROWS})["object_id"].to_list()
    bounds = ["", *cuts, ""]
    warehouse.command(_sql("clear_rebuilt_paths"), build)
    build = build | {"table": "rebuilt_paths"}
    for number, (after, upto) in enumerate(pairwise(bounds), start=1):
        warehouse.command(paths, build | {"after": after, "upto": upto})
        if progress is not None:
            progress(number, len(bounds) - 1)
    warehouse.command(_sql("replace_case_paths"), build)
    warehouse.command(_sql("clear_rebuilt_paths"), build)
    _figures(warehouse, build, [])


def _build_none(warehouse: Warehouse, build: dict[str, Any]) -> None:
    """As `_build_all` where there is no event to build of: what an earlier definition or a killed build left goes."""
    warehouse.command(_sql("clear_rebuilt_paths"), build)
    warehouse.command(_sql("replace_case_paths"), build)
    warehouse.command(_sql("remove_empty_days"), build | {"days": []})


def _refresh_touched(
    warehouse: Warehouse, paths: Query, build: dict[str, Any], *, projected: int, conflicts: bool
) -> int:
    """Rebuild the touched cases with `paths`, and the figures of the days on which they started or start now.

    `projected`: the version of the last refresh that was finished. Returns the version that the cases have now.
    """
    before, newest = warehouse.read_for_write(_sql("touched_days"), build).row(0)
    # A refresh that was killed may have left newer rows than this one would write, if the clock was set back since.
    build = build | {"version": max(build["version"], newest + 1), "table": "case_paths"}
    warehouse.command(paths, build | {"after": "", "upto": ""})
    if conflicts:
        warehouse.command(_sql("remove_empty_cases"), build)
    after = warehouse.read_for_write(_sql("days_of_version"), build).item()
    days = sorted({*before, *after})
    if newest > projected:  # a refresh was killed between paths and figures: where its cases started is not known
        _figures(warehouse, build, [])
    elif days:
        _figures(warehouse, build, days)
    return int(build["version"])


def _figures(warehouse: Warehouse, build: dict[str, Any], days: list[Any]) -> None:
    warehouse.command(_sql("build_day_figures"), build | {"days": days})
    warehouse.command(_sql("remove_empty_days"), build | {"days": days})


def _definition_parameters(definition: ProcessDefinition) -> dict[str, Any]:
    return {
        "activities": list(definition.activities),
        "lifecycles": list(definition.lifecycles),
        "ranks": list(definition.order),
        "ends": list(definition.end),
        "case_attributes": [item.name for item in definition.case_attributes],
        "takes": [item.take for item in definition.case_attributes],
        "population_names": [item.name for item in definition.excluded],
        "population_attributes": [item.attribute for item in definition.excluded],
        "population_values": [list(item.values) for item in definition.excluded],
    }
