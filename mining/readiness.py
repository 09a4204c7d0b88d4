"""The readiness report: what the data can answer, said before any map is shown.

A figure is only as good as its log. Each finding gives a count, a share where one makes sense, and what it means for
the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernel.process import ProcessDefinition
from kernel.warehouse import load_query
from mining.link_paths import Step, steps
from mining.view import ProcessView

BULK_AT_LEAST = 10
OF_CASES = (
    *("date-only stamps", "midnight stamps", "assumed pairs", "open cases", "single-event cases", "bulk entries"),
    "excluded cases",
)
"""The aspects that whoever may read some stores only is told, of their cases. The others are of the whole log."""


@dataclass(frozen=True, slots=True)
class ReadinessFinding:
    """One aspect. `share` is 0 to 1, None where it has no whole; `attention` tells whether it limits answers."""

    aspect: str
    count: int
    share: float | None
    meaning: str
    attention: bool


def readiness(view: ProcessView, *, log: str | None = None) -> list[ReadinessFinding]:
    """The findings for one process, always all aspects, in a fixed order.

    `log` is the process named at load, when the process is one of several made from it. A process with link paths has
    three more aspects per step of a path and source, one that names its store one more. Of some stores only those of
    OF_CASES. Reads all events.
    """
    scope = view.scope | {"object_type": view.definition.object_type}
    if view.stores is not None:
        own = view.warehouse.query(load_query(__file__, "readiness_of_stores"), scope | view.limit)
        return [item for item in _findings(_counts(own.row(0, named=True)), view.definition) if item.aspect in OF_CASES]
    scope |= {"log": log or view.definition.id}
    row = view.warehouse.query(load_query(__file__, "readiness"), scope).row(0, named=True)
    return [*_findings(_counts(row), view.definition), *_storeless(view)] + [
        finding for step in steps(view.definition) for finding in _link_rates(view, step)
    ]


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if value is not None else 0 for name, value in row.items()}


def _findings(n: dict[str, Any], definition: ProcessDefinition) -> list[ReadinessFinding]:
    linked = n["events"]
    total = linked + n["unlinked_events"]
    one = f"an object of type {definition.object_type}"
    found = [
        ReadinessFinding(
            "linked events",
            linked,
            _share(linked, total),
            f"events that name {one}{' or are linked to one' if definition.links else ''}; the rest is in no case"
            if n["unlinked_events"]
            else f"every event names {one}{' or is linked to one' if definition.links else ''}",
            n["unlinked_events"] > 0,
        ),
        ReadinessFinding(
            "date-only stamps",
            n["date_only"],
            _share(n["date_only"], n["relations"]),
            "known to the day only: their order within the day is assumed and yields no wait"
            if n["date_only"]
            else "every stamp has a time of day",
            n["date_only"] > 0,
        ),
        ReadinessFinding(
            "midnight stamps",
            n["midnight"],
            _share(n["midnight"], n["relations"]),
            "many stamps are at exactly midnight UTC: probably dates in disguise; map the column as a date"
            if n["midnight"] > 0.02 * n["relations"]
            else "as few as chance gives",
            n["midnight"] > 0.02 * n["relations"],
        ),
        ReadinessFinding(
            "assumed pairs",
            n["assumed_pairs"],
            _share(n["assumed_pairs"], n["pairs"]),
            "counted in the map and drawn as assumed; they prove no order and have no wait"
            if n["assumed_pairs"]
            else "the log itself orders every pair",
            n["assumed_pairs"] > 0,
        ),
        _open_cases(n),
        ReadinessFinding(
            "single-event cases",
            n["single_event_cases"],
            _share(n["single_event_cases"], n["cases"]),
            "no path to see; often a wrong case column or a log that was cut"
            if n["single_event_cases"] > 0.2 * n["cases"]
            else "few enough to be real",
            n["single_event_cases"] > 0.2 * n["cases"],
        ),
        ReadinessFinding(
            "bulk entries",
            n["bulk"],
            _share(n["bulk"], n["relations"]),
            f"{BULK_AT_LEAST} or more events of one actor in a second: entered together, so their times tell when "
            "they were typed, not when they happened"
            if n["bulk"]
            else "no actor enters many events in one second",
            n["bulk"] > 0,
        ),
        ReadinessFinding(
            "objects without events",
            n["untouched_objects"],
            None,
            "known to the log, but nothing happened to them; they are no cases"
            if n["untouched_objects"]
            else "every known object has events",
            False,
        ),
        ReadinessFinding(
            "quarantined",
            n["quarantined"],
            None,
            "could not become events; `gembascope quarantine` lists them with reasons" if n["quarantined"] else "none",
            n["quarantined"] > 0,
        ),
        ReadinessFinding(
            "conflicting copies",
            n["conflicts"],
            None,
            "events stored with two contents; the highest revision counts, then the smaller content hash"
            if n["conflicts"]
            else "no event was told in two ways",
            n["conflicts"] > 0,
        ),
    ]
    for population in n["excluded"] or []:
        name, cases = population.values()
        meaning = f"population {name!r} is left out of every figure, as the definition says"
        found.append(ReadinessFinding("excluded cases", cases, _share(cases, n["cases"]), meaning, False))
    return found


def _open_cases(n: dict[str, Any]) -> ReadinessFinding:
    if n["unknown_cases"]:
        meaning = "no end activity is declared, so open and complete cannot be told apart; add `end` to the definition"
        return ReadinessFinding("open cases", n["unknown_cases"], None, meaning, True)
    meaning = "not finished: their durations are so far; figures of complete cases leave them out"
    return ReadinessFinding("open cases", n["open_cases"], _share(n["open_cases"], n["cases"]), meaning, False)


def _storeless(view: ProcessView) -> list[ReadinessFinding]:
    """How many cases nobody is told of whose grant is limited to stores: all, where the definition names an attribute
    that there is not."""
    if view.definition.store is None:
        return []
    count, cases = view.warehouse.query(load_query(__file__, "storeless_cases"), view.scope | view.limit).row(0)
    meaning = f"no {view.definition.store!r} is known of them: whoever may read some stores only is told of none"
    told = meaning if count else "every case names its store"
    return [ReadinessFinding("cases without a store", count, _share(count, cases), told, count > 0)]


def _link_rates(view: ProcessView, step: Step) -> list[ReadinessFinding]:
    """How surely one step of a link path joins events to cases: three findings per source whose events name objects of
    the step's type. What is linked to no case or to several is counted, never guessed."""
    parameters = view.scope | {"path": step.path, "far_type": step.far_type}
    found: list[ReadinessFinding] = []
    for row in view.warehouse.query(load_query(__file__, "link_rates"), parameters).to_dicts():
        objects, linked, multiple = row["objects"], row["linked"], row["multiple"]
        unlinked = objects - linked - multiple
        where = f"{step.path}, source {row['source']!r}"
        told = f"of {objects:,} {step.far_type} objects with events of {row['source']!r}"
        case = view.definition.object_type
        meanings = (
            ("linked", linked, f"{told}: joined to exactly one {case}; their events are in its case", False),
            (
                "unlinked",
                unlinked,
                f"{told}: joined to no {case}; their events are in no case unless they name it themselves, so cases "
                "may look shorter than they were"
                if unlinked
                else f"{told}: all are joined to a case",
                unlinked > 0,
            ),
            (
                "multiply linked",
                multiple,
                f"{told}: joined to several {case} objects; their events are in each of these cases and count in each"
                if multiple
                else f"{told}: none is joined to several {case} objects",
                multiple > 0,
            ),
        )
        found += [
            ReadinessFinding(f"{name}: {where}", number, _share(number, objects), meaning, attention)
            for name, number, meaning, attention in meanings
        ]
    if not found:
        meaning = f"no {step.far_type} object has events; this path brings none to the cases"
        found.append(ReadinessFinding(f"linked: {step.path}", 0, None, meaning, step.last))
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
