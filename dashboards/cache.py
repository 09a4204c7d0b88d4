"""Answers about one selection of cases, remembered until its data change.

A page asks several questions about the same selection, and people go back and forth between pages. An answer is
kept under the tenant, the process and its definition, the stores that whoever asks may read, the version of its data
and the canonical filter, so an answer of other data, of another tenant, for somebody who may read other stores or to
another question can never be taken for it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import polars as pl

from kernel.clock import Clock
from kernel.errors import NotFound
from kpis.standings import Standing, promising, standings_of
from mining.attribute_values import attribute_values
from mining.bottlenecks import bottlenecks
from mining.cases import MAX_PAGE, CasePage, CasePart, case_part, cases
from mining.directly_follows import ProcessMap, process_map
from mining.durations import durations
from mining.filters import EVERYTHING, CaseFilter
from mining.readiness import ReadinessFinding, readiness
from mining.summary import LogSummary, log_summary
from mining.variants import variants
from mining.view import ProcessView, Views

Answer = TypeVar("Answer")

ALL_CONNECTIONS = 100_000
"""More connections than any process has: the ranking of all of them is one answer."""
BLOCK = 100
"""Rows that a case list asks for at once."""
STANDS_S = 15
"""How long an answer about now is given, while the data of its process do not change."""


class Remembered:
    """The answers used last, at most `most` of them. Safe for threads; two who ask the same wait for one answer."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer under `key`, made when it is not there. An error is not remembered."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: Answer = self._kept[key]
                return kept
            mine = self._under_way.setdefault(key, threading.Lock())
        with mine:
            found = self.peek(key)
            if found is not None:
                other: Answer = found
                return other
            try:
                made = make()
                self.put(key, made)
                return made
            finally:
                with self._lock:
                    self._under_way.pop(key, None)

    def peek(self, key: Hashable) -> Any:
        """The answer under `key`, or None."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, answer: object) -> None:
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True, slots=True)
class Asked:
    """A selection of cases of one process at one version of its data, ready for questions."""

    view: ProcessView
    chosen: CaseFilter
    version: int
    remembered: Remembered

    def of(self, chosen: CaseFilter) -> Asked:
        """The same process and data, another selection."""
        return replace(self, chosen=chosen)

    @property
    def everything(self) -> Asked:
        return self.of(EVERYTHING)

    def with_edge(self, source: str, target: str) -> Asked:
        return self.of(replace(self.chosen, edge=(source, target)))

    def check(self) -> None:
        """Refuse activities and attributes that the process does not have; see `ProcessView.check`."""

        def checked() -> bool:
            self.view.check(self.chosen)
            return True

        self._once("check", checked)

    def summary(self) -> LogSummary:
        return self._once("summary", lambda: log_summary(self.view, self.chosen))

    def map(self) -> ProcessMap:
        return self._once("map", lambda: process_map(self.view, self.chosen))

    def bottlenecks(self) -> pl.DataFrame:
        """All connections with a wait, most hours over target first."""
        return self._once("bottlenecks", lambda: bottlenecks(self.view, self.chosen, top=ALL_CONNECTIONS))

    def durations(self) -> pl.DataFrame:
        return self._once("durations", lambda: durations(self.view, self.chosen))

    def variants(self, top: int) -> pl.DataFrame:
        return self._once("variants", lambda: variants(self.view, self.chosen, top=top), top)

    def readiness(self) -> list[ReadinessFinding]:
        return self._once("readiness", lambda: readiness(self.view))

    def attribute_values(self) -> pl.DataFrame:
        return self._once("attribute values", lambda: attribute_values(self.view))

    def drawn(self, name: Hashable, make: Callable[[], Answer]) -> Answer:
        """Something made from these answers, such as a drawing; `name` tells it apart."""
        return self._once("drawn", make, name)

    def case(self, case_id: str, first: int, most: int) -> CasePart:
        """One case and `most` of its events from the place `first` on, read anew every time: its events may be ahead
        of the projection."""
        return case_part(self.view, case_id, first=first, most=most)

    def worst(self, most: int) -> pl.DataFrame:
        """The longest cases of the selection."""
        return self._once("worst", lambda: cases(self.view, self.chosen, page=most), most).cases

    def block(self, order: str, start: int) -> CasePage:
        """The block of a case list that begins at row `start`, a multiple of BLOCK.

        The list is read by cursors, so the cursor of the block before is kept. A reader who jumps far ahead costs
        a walk in the largest pages there are.
        """
        at = start
        after: str | None = None
        while at > 0:
            after = self.remembered.peek(self._key("cursor", order, at))
            if after is not None:
                break
            at -= BLOCK
        while at < start:
            step = min(MAX_PAGE, start - at)
            page = cases(self.view, self.chosen, order_by=order, page=step, after=after)
            if page.next is None:
                return CasePage(page.cases.clear(), None)
            at, after = at + step, page.next
        page = cases(self.view, self.chosen, order_by=order, page=BLOCK, after=after)
        if page.next is not None:
            self.remembered.put(self._key("cursor", order, start + BLOCK), page.next)
        return page

    def _key(self, question: str, *more: Hashable) -> Hashable:
        view, definition = self.view, self.view.definition
        data = (view.tenant, definition.id, definition.hash, view.stores, self.version)
        return (*data, self.chosen, question, *more)

    def _once(self, question: str, make: Callable[[], Answer], *more: Hashable) -> Answer:
        return self.remembered.get(self._key(question, *more), make)


@dataclass(frozen=True, slots=True)
class Reader:
    """The processes of one tenant and what is remembered about them."""

    views: Views
    remembered: Remembered = field(default_factory=Remembered)
    _judging: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, process: str, chosen: CaseFilter = EVERYTHING) -> Asked:
        """A selection of a process; "" takes the first one.

        Raises
        ------
        NotFound
            There is no such process, or the filter names what the process does not have.
        """
        if not process:
            definitions = self.views.all()
            if not definitions:
                raise NotFound("no process is loaded yet")
            process = definitions[0].id
        asked = Asked(self.views.view(process), chosen, self.views.data_version(process), self.remembered)
        asked.check()
        return asked

    def standings(self, clock: Clock) -> list[Standing]:
        """How all promises stand that whoever asks may read about (`kpis.standings`), each process as of at most
        STANDS_S ago, and no longer than its data last: what comes of one has no other judged anew."""
        asked = promising(self.views)
        versions = self.views.data_versions()
        keys: dict[str, Hashable] = {view.definition.id: _standing_key(view, versions) for view in asked}

        def stale() -> dict[str, ProcessView]:
            at, left = clock.now(), {}
            for view in asked:
                process = view.definition.id
                kept: _Judged | None = self.remembered.peek(keys[process])
                if kept is None or not 0 <= (at - kept.at).total_seconds() < STANDS_S:
                    left[process] = view
                else:
                    found[process] = kept.standings
            return left

        found: dict[str, list[Standing]] = {}
        if stale():
            with self._judging:  # who waited here finds what the one before has judged
                left, at = stale(), clock.now()
                for process, judged in standings_of(list(left.values()), clock).items():
                    found[process] = judged
                    self.remembered.put(keys[process], _Judged(at, judged))
        return [one for view in asked for one in found[view.definition.id]]


@dataclass(frozen=True, slots=True)
class _Judged:
    """How the promises of one process stood, and when that was asked."""

    at: datetime
    standings: list[Standing]


def _standing_key(view: ProcessView, versions: Mapping[str, int]) -> Hashable:
    """What the standings of a process depend on besides the time; the stores that whoever asks may read among it."""
    definition = view.definition
    return (view.tenant, definition.id, definition.hash, view.stores, versions.get(definition.id, 0), "standings")
