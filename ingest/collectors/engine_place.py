"""Up to where an engine's executions were fetched, as the text that the inlet keeps with what it took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.sources.delivery import CollectorError

SEEN_KEPT = 500
"""Executions that have ended and go into the place. These only save work: what comes twice is known by its ids."""


@dataclass(frozen=True, slots=True)
class Known:
    """An execution that was handed over. `version`: as it was then, "" where it never could be read. `open`: it has
    not ended as far as is known, and is looked at again."""

    started: datetime
    version: str
    open: bool


@dataclass
class Place:
    """`begin`: nothing that started before is collected. `mark`: what started up to it, less the overlap, was handed
    over, or is known as open."""

    begin: datetime | None = None
    mark: datetime | None = None
    known: dict[str, Known] = field(default_factory=dict)

    def least(self, overlap_s: float) -> datetime:
        """From when on executions are listed."""
        assert self.begin is not None
        return self.begin if self.mark is None else max(self.begin, self.mark - timedelta(seconds=overlap_s))

    def opened(self) -> list[str]:
        """What has not ended, the oldest first."""
        found = ((known.started, name) for name, known in self.known.items() if known.open)
        return [name for _, name in sorted(found)]

    def following(self, changes: dict[str, Known | None], mark: datetime | None) -> Place:
        """The place after these: None of what is gone."""
        known = {name: one for name, one in self.known.items() if name not in changes}
        known |= {name: one for name, one in changes.items() if one is not None}
        return Place(self.begin, mark if self.mark is None or (mark and mark > self.mark) else self.mark, known)

    def forget(self, overlap_s: float) -> None:
        """What has ended and is listed no more."""
        least = self.least(overlap_s)
        self.known = {name: one for name, one in self.known.items() if one.open or one.started >= least}

    def dumped(self, of: str, most_open: int) -> str:
        """`of`: what of the settings the place depends on. Where more are open than `most_open` the oldest are kept,
        and the mark is no later than the start of the first other one: it is listed again."""
        opened = self.opened()
        mark = self.mark
        if len(opened) > most_open and mark is not None:
            mark = min(mark, self.known[opened[most_open]].started)
        ended = [name for name, one in self.known.items() if not one.open]
        found = {
            "of": of,
            "begin": _text(self.begin),
            "mark": _text(mark),
            "open": self._texts(opened[:most_open]),
            "ended": self._texts(ended if len(ended) <= SEEN_KEPT else []),
        }
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def _texts(self, names: list[str]) -> dict[str, list[str | None]]:
        return {name: [_text(self.known[name].started), self.known[name].version] for name in names}


def loaded(text: str, of: str) -> Place | None:
    """The place that `dumped` wrote; the beginning for "", and None where it is of other settings.

    Raises
    ------
    CollectorError
        It is none of ours: of another kind of collector, say.
    """
    if not text:
        return Place()
    try:
        found = json.loads(text)
        if found["of"] != of:
            return None
        known = {
            name: Known(datetime.fromisoformat(started), version, kind == "open")
            for kind in ("ended", "open")
            for name, (started, version) in found[kind].items()
        }
        return Place(_moment(found["begin"]), _moment(found["mark"]), known)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CollectorError("the place that is kept of this source is no place in a workflow engine") from None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
