"""The slow reference of the answers: which cases a filter selects, and what each question says about them.

As `reference`, from which it has the paths: plain Python over lists. Answers are lists of rows in the order promised,
with the names of the answer's columns. Variant ids are given by the tests: here a variant is its sequence of
activities.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from reference import EPOCH, Path, micros

from kernel import attributes as json_values
from kernel.process import ProcessDefinition
from mining.filters import CaseFilter

Row = dict[str, Any]
Sequences = dict[str, tuple[str, ...]]
"""Variant ids to the activities that they stand for."""


def selected(every: Iterable[Path], chosen: CaseFilter, sequences: Sequences | None = None) -> list[Path]:
    """The cases that a filter selects; excluded populations never count."""
    return [path for path in every if path.population == "" and _matches(path, chosen, sequences or {})]


def _matches(path: Path, chosen: CaseFilter, sequences: Sequences) -> bool:
    wanted: dict[str, set[str]] = defaultdict(set)
    for name, value in chosen.attributes:
        wanted[name].add(value)
    tests = [
        _in_time(path, chosen),
        all(path.attributes.get(name, "") in values for name, values in wanted.items()),
        set(chosen.activities) <= set(path.activities),
        not chosen.variants or path.activities in [sequences.get(variant) for variant in chosen.variants],
        chosen.min_duration is None or path.end - path.start >= chosen.min_duration,
        chosen.max_duration is None or path.end - path.start <= chosen.max_duration,
        chosen.edge is None or chosen.edge in pairwise(path.activities),
        not chosen.states or path.state in chosen.states,
    ]
    return all(tests)


def _in_time(path: Path, chosen: CaseFilter) -> bool:
    """Started or ended in [since, until), or active at some moment of it: an open case has not ended yet."""
    first, last = {
        "started": (path.start, path.start),
        "ended": (path.end, path.end),
        "active": (path.start, None if path.state == "open" else path.end),
        "due": (path.due, path.due),
    }[chosen.anchor]
    if chosen.anchor == "due" and path.due is None:
        return chosen.since is None and chosen.until is None
    late_enough = chosen.since is None or last is None or last >= chosen.since
    return late_enough and (chosen.until is None or first < chosen.until)


def log_summary(cases: list[Path]) -> Row:
    return {
        "cases": len(cases),
        "events": sum(len(path.events) for path in cases),
        "activities": len({activity for path in cases for activity in path.activities}),
        "variants": len({path.activities for path in cases}),
        "first": min((path.start for path in cases), default=None),
        "last": max((path.end for path in cases), default=None),
        "assumed_pairs": sum(sum(path.assumed) for path in cases),
        "open": sum(path.state == "open" for path in cases),
        "complete": sum(path.state == "complete" for path in cases),
    }


def directly_follows(cases: list[Path]) -> list[Row]:
    found = []
    for (source, target), waits in _by_pair(cases).items():
        known = [wait for wait in waits if wait is not None]
        row = {
            "source": source,
            "target": target,
            "frequency": len(waits),
            "assumed": len(waits) - len(known),
            "mean_s": _mean(known),
            "p50_s": _quantile(known, 0.5),
            "p95_s": _quantile(known, 0.95),
        }
        found.append(row)
    return sorted(found, key=lambda row: (-row["frequency"], row["source"].encode(), row["target"].encode()))


def directly_follows_frequency(cases: list[Path]) -> list[Row]:
    dropped = ("p50_s", "p95_s")
    return [{name: value for name, value in row.items() if name not in dropped} for row in directly_follows(cases)]


def activities(cases: list[Path]) -> list[Row]:
    counts = Counter(activity for path in cases for activity in path.activities)
    holding = Counter(activity for path in cases for activity in set(path.activities))
    found = [{"activity": name, "count": count, "cases": holding[name]} for name, count in counts.items()]
    return sorted(found, key=lambda row: (-row["count"], row["activity"].encode()))


def starts_and_ends(cases: list[Path]) -> tuple[list[Row], list[Row]]:
    def ranked(names: Iterable[str]) -> list[Row]:
        found = [{"activity": name, "count": count} for name, count in Counter(names).items()]
        return sorted(found, key=lambda row: (-row["count"], row["activity"].encode()))

    return ranked(path.activities[0] for path in cases), ranked(path.activities[-1] for path in cases)


def variants(cases: list[Path], ids: dict[tuple[str, ...], str]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for path in cases:
        groups[path.activities].append(path)
    found = [
        {
            "variant": ids[sequence],
            "activities": list(sequence),
            "cases": len(group),
            "share": len(group) / len(cases),
            "p50_s": _quantile([path.duration_us for path in group], 0.5),
            "first": min(path.start for path in group),
            "last": max(path.start for path in group),
            "total": len(groups),
        }
        for sequence, group in groups.items()
    ]
    return sorted(found, key=lambda row: (-row["cases"], row["variant"]))


def cases(selection: list[Path], order_by: str, ids: dict[tuple[str, ...], str]) -> list[Row]:
    def rank(path: Path) -> int:
        return {
            "longest": -path.duration_us,
            "shortest": path.duration_us,
            "newest": -micros(path.start - EPOCH),
            "oldest": micros(path.start - EPOCH),
            "events": -len(path.events),
            "due": 1 << 62 if path.due is None else micros(path.due - EPOCH),
        }[order_by]

    return [
        {
            "case": path.case,
            "start": path.start,
            "end": path.end,
            "duration_s": path.duration_us / 1e6,
            "events": len(path.events),
            "variant": ids[path.activities],
            "state": path.state,
            "due": path.due,
        }
        for path in sorted(selection, key=lambda path: (rank(path), path.case.encode()))
    ]


def case_events(path: Path) -> list[Row]:
    return [
        {
            "event_id": counted.event_id.hex(),
            "activity": counted.event.activity,
            "occurred_at": counted.event.occurred_at,
            "precision": counted.event.precision,
            "started_at": counted.event.started_at,
            "source": counted.event.source,
            "actor": counted.event.actor,
            "actor_kind": counted.event.actor_kind,
            "lifecycle": counted.event.lifecycle,
            "outcome": counted.event.outcome,
            "error_code": "",
            "value": counted.event.value,
            "currency": "",
            "attributes": json_values.encode(counted.event.attributes),
            "wait_s": None if wait is None else wait / 1e6,
            "assumed": assumed,
        }
        for counted, wait, assumed in zip(path.events, (None, *path.waits), (False, *path.assumed), strict=True)
    ]


def durations(cases: list[Path]) -> list[Row]:
    groups: dict[str, list[int]] = defaultdict(list)
    for path in cases:
        for state in ("", path.state):
            groups[state].append(path.duration_us)
    return [
        {
            "state": state,
            "cases": len(group),
            "mean_s": _mean(group),
            "p50_s": _quantile(group, 0.5),
            "p90_s": _quantile(group, 0.9),
            "p95_s": _quantile(group, 0.95),
            "min_s": min(group) / 1e6,
            "max_s": max(group) / 1e6,
        }
        for state, group in sorted(groups.items())
    ]


def service_times(cases: list[Path]) -> list[Row]:
    groups: dict[str, list[int]] = defaultdict(list)
    for path in cases:
        for counted in path.events:
            if counted.event.started_at is not None:
                groups[counted.event.activity].append(micros(counted.order_at - counted.event.started_at))
    found = sorted(groups.items(), key=lambda item: (-sum(item[1]), item[0].encode()))
    return [
        {
            "activity": activity,
            "events": len(times),
            "mean_s": _mean(times),
            "p50_s": _quantile(times, 0.5),
            "p95_s": _quantile(times, 0.95),
        }
        for activity, times in found
    ]


def bottlenecks(cases: list[Path], definition: ProcessDefinition) -> list[Row]:
    timed = [(pair, wait, path.case) for path in cases for pair, wait in path.steps() if wait is not None]
    usual = float(np.quantile([wait for _, wait, _ in timed], 0.5)) if timed else 0.0
    targets = {(item.source, item.target): float(micros(item.within)) for item in definition.targets}
    found = []
    for source, target in {pair for pair, _, _ in timed}:
        waits = [wait for pair, wait, _ in timed if pair == (source, target)]
        within = targets.get((source, target), usual)
        row = {
            "source": source,
            "target": target,
            "frequency": len(waits),
            "cases": len({case for pair, _, case in timed if pair == (source, target)}),
            "p50_s": _quantile(waits, 0.5),
            "p95_s": _quantile(waits, 0.95),
            "hours_over_target": sum(max(0.0, wait - within) for wait in waits) / 3.6e9,
            "target_s": within / 1e6,
        }
        found.append(row)
    return sorted(found, key=lambda row: (-row["hours_over_target"], row["source"].encode(), row["target"].encode()))


def rework(cases: list[Path]) -> list[Row]:
    times: dict[str, list[int]] = defaultdict(list)
    for path in cases:
        for activity, count in Counter(path.activities).items():
            times[activity].append(count)
    found = [
        {
            "activity": activity,
            "cases": sum(count > 1 for count in counts),
            "repeats": sum(count - 1 for count in counts),
            "share": sum(count > 1 for count in counts) / len(counts),
        }
        for activity, counts in times.items()
        if max(counts) > 1
    ]
    return sorted(found, key=lambda row: (-row["repeats"], row["activity"].encode()))


def handover(cases: list[Path], between: str) -> list[Row]:
    pairs: Counter[tuple[str, str]] = Counter()
    for path in cases:
        names = [counted.event.actor if between == "actors" else counted.event.source for counted in path.events]
        pairs.update((one, other) for one, other in pairwise(names) if one and other)
    found = [{"source": source, "target": target, "frequency": count} for (source, target), count in pairs.items()]
    return sorted(found, key=lambda row: (-row["frequency"], row["source"].encode(), row["target"].encode()))


def _by_pair(cases: list[Path]) -> dict[tuple[str, str], list[int | None]]:
    found: dict[tuple[str, str], list[int | None]] = defaultdict(list)
    for path in cases:
        for pair, wait in path.steps():
            found[pair].append(wait)
    return found


def _mean(values: list[int]) -> float | None:
    return sum(values) / len(values) / 1e6 if values else None


def _quantile(values: list[int], level: float) -> float | None:
    """Interpolated as numpy does by default, in seconds."""
    return float(np.quantile(values, level)) / 1e6 if values else None
