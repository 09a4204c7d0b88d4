"""Trouble and remedies from Python: incidents, findings, runs and decisions as polars frames.

Money is Decimal with its currency. What one finding or case costs is in `value` and `currency`; sums, of which there
may be one per currency, are lists of `{amount, currency}` structs: `frame.explode("value").unnest("value")` gives rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from gembascope import frames
from gembascope.asking import segment
from gembascope.frames import frame_of, instant_of
from gembascope.workspace import Workspace as Connection
from kernel.errors import InputError
from mining.answers import Document

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. `facts`: one row as of `Trouble.incidents`. `may_act`: whether whoever asks may act on it. `notes`:
    what was said and done, in order: `number`, `kind`, `author`, `text`, `at`."""

    id: str
    title: str
    state: str
    owner: str
    may_act: bool
    facts: pl.DataFrame
    notes: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a playbook. `facts`: one row as of `Trouble.runs`. `steps`: one row per visit of a step, in order.
    `votes`: the decisions that counted. `history`: everything that happened, one row per event, in order."""

    run_id: str
    status: str
    reason: str | None
    step: str
    facts: pl.DataFrame
    steps: pl.DataFrame
    votes: pl.DataFrame
    history: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of asking for a run. `reason` None: it was opened; else why not, such as duplicate, with the run that
    is open (None where there is none)."""

    run_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What is late, what it costs, what broke, and what waits. `promises`: one row per process and promise; `incidents`
    and `decisions` as the functions of these names. `problem`: why no rule runs; "" where they do."""

    now: datetime
    promises: pl.DataFrame
    incidents: pl.DataFrame
    decisions: pl.DataFrame
    problem: str


@dataclass(frozen=True, slots=True)
class Detected:
    """`rules`: one row per rule with its `process`, the instant asked (`now`), findings that last (`lasting`), were
    `added` and `ended`, cases `undecided`, findings `left_out` past its cap, and why it could not decide
    (`not_learned`) or run (`problem`). `problem`: why no rule could be read; "" when they could."""

    rules: pl.DataFrame
    problem: str


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a rule would have found. `found`: one row per finding with `finding_id`, `kind`, `case_id`, `found_at` and
    `last_found_at`, `severity`, `title`, by found_at, then id. `days`: one row per day of UTC with those `new` and the
    most `open` at once. `precision` and `recall`: None without truth, and where there is nothing to divide by."""

    instants: int
    found: pl.DataFrame
    days: pl.DataFrame
    precision: float | None
    recall: float | None
    not_learned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Messages:
    """Alerts that did not arrive. `given_up`: one row per message that is not tried any more, the newest of `dead` in
    all first, with `incident`, the worst of the `incidents` that it is about, and `code` and `detail` of the last
    attempt. `waiting`: how many are tried yet, the oldest `waiting_since` then."""

    given_up: pl.DataFrame
    dead: int
    waiting: int
    waiting_since: datetime | None


class Trouble:
    """What a workspace tells of trouble and remedies, and what can be done there. People decide on runs: that is
    `gembascope approve` and `reject`, or the page of the run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def overview(self) -> Overview:
        """How everything stands now."""
        found = self._connection.get("/api/v1/overview")
        now = instant_of(found["now"])
        if now is None:
            raise TypeError("an overview has its instant")
        return Overview(
            now,
            frame_of(found["promises"], frames.STANDINGS),
            frame_of(found["incidents"], frames.INCIDENTS),
            _decisions(found),
            found["detection"]["problem"],
        )

    def incidents(
        self, *, states: Sequence[str] = ("open", "acknowledged"), process: str = "", limit: int = 200
    ) -> pl.DataFrame:
        """The first `limit` incidents in these states (open, acknowledged, resolved), of all processes or one: the
        severest first, then what loses most per hour, then what has lasted longest, then by id. `cases`, `open`
        (findings that last), `value`, `unpriced`, `lost_per_hour`, `since` and `deadline` are of what lasts now."""
        params = [("limit", str(limit)), *(("state", state) for state in states)]
        params += [("process", process)] if process else []
        return frame_of(self._connection.get("/api/v1/incidents", params)["incidents"], frames.INCIDENTS)

    def incident(self, incident: str) -> Incident:
        """One incident; `NotFound` where there is none that may be read."""
        found = self._connection.get(f"/api/v1/incidents/{segment(incident)}")
        return Incident(
            found["id"],
            found["title"],
            found["state"],
            found["owner"],
            found["may_act"],
            frame_of([found], frames.INCIDENTS),
            frame_of(found["notes"], frames.NOTES),
        )

    def findings(self, incident: str, *, lasting: bool = False, limit: int | None = None) -> pl.DataFrame:
        """The findings of an incident, all or the first `limit`: those that last first, then what loses most per hour,
        then what is worth most (unpriced last), then the oldest. `evidence` is JSON; `ended` says how the trouble
        ended, null while it lasts."""
        if limit is not None and limit < 1:
            raise InputError(f"limit: {limit} is not a whole number from 1 on")
        rows: list[Document] = []
        skip: int | None = 0
        while skip is not None and (limit is None or len(rows) < limit):
            page = PAGE if limit is None else min(PAGE, limit - len(rows))
            params = [("lasting", str(lasting).lower()), ("skip", str(skip)), ("limit", str(page))]
            found = self._connection.get(f"/api/v1/incidents/{segment(incident)}/findings", params)
            rows += found["findings"]
            skip = found["next"]
        return frame_of(rows, frames.FINDINGS)

    def detect(self) -> Detected:
        """Look for trouble now, as a service does by itself. Where none runs, people are told and runs that are due are
        moved once, by this process."""
        found = self._connection.post("/api/v1/detection")
        return Detected(frame_of(found["rules"], frames.LOOKED), found["problem"])

    def playbooks(self) -> pl.DataFrame:
        """The playbooks for processes that may be read, by id. `matches` is JSON; `file` is below the home, or within
        the product."""
        return frame_of(self._connection.get("/api/v1/playbooks")["playbooks"], frames.PLAYBOOKS)

    def propose(self, incident: str, playbook: str, *, mode: str | None = None) -> Proposed:
        """Ask for a run of a playbook on an incident. `mode`: less than it does by itself, such as dry_run. Where no
        service runs, the run is moved by this process until it waits or ends.

        Raises
        ------
        NotFound
            There is no such incident, or no such playbook for it.
        NotAllowed
            One may not act on it.
        InputError
            The incident is resolved, or the mode is more than the playbook allows.
        """
        body = {"playbook": playbook} | ({"mode": mode} if mode is not None else {})
        found = self._connection.post(f"/api/v1/incidents/{segment(incident)}/runs", body)
        return Proposed(found["run"], found["reason"])

    def runs(self, *, incident: str | None = None, process: str | None = None, limit: int = 50) -> pl.DataFrame:
        """The newest `limit` runs, the newest first. `totals`: what is at stake; `in_doubt`: nobody knows whether a
        deed was done."""
        params = [("limit", str(limit))]
        params += [(name, value) for name, value in (("incident", incident), ("process", process)) if value is not None]
        return frame_of(self._connection.get("/api/v1/runs", params)["runs"], frames.RUNS)

    def run(self, run: str) -> Run:
        """One run with everything that happened; `NotFound` where there is none that may be seen."""
        found = self._connection.get(f"/api/v1/runs/{segment(run)}")
        return Run(
            found["run_id"],
            found["status"],
            found["reason"],
            found["step"],
            frame_of([found], frames.RUNS),
            frame_of(found["steps"], frames.RUN_STEPS),
            frame_of(found["votes"], frames.RUN_VOTES),
            frame_of(found["history"], frames.RUN_HISTORY),
        )

    def resume(self, run: str) -> Run:
        """Have a run that holds look again now; `InputError` where it does not hold, or a deed of it is in doubt. Where
        no service runs, it is moved by this process."""
        self._connection.post(f"/api/v1/runs/{segment(run)}/resume")
        return self.run(run)

    def mutes(self) -> pl.DataFrame:
        """What is muted now, one row per mute; what ends first comes first. `playbook` "": every one of the process;
        `key` "": all runs."""
        return frame_of(self._connection.get("/api/v1/mutes")["mutes"], frames.MUTES)

    def mute(
        self,
        process: str,
        *,
        until: str | date | datetime | timedelta,
        reason: str,
        playbook: str = "",
        key: str = "",
    ) -> str:
        """For a while open no runs of a playbook on a process, or of every one; runs that are open go on. The id of the
        mute. `until`: an instant, or how long it lasts from now; at most 90 days.

        Raises
        ------
        NotFound
            There is no such process, or no such playbook for it.
        NotAllowed
            One may not act on all of the process.
        InputError
            It has no reason, or does not end in time.
        """
        ends = {"lasts": _milliseconds(until)} if isinstance(until, timedelta) else {"until": _instant(until)}
        body = {"process": process, "playbook": playbook, "key": key, "reason": reason} | ends
        return str(self._connection.post("/api/v1/mutes", body)["mute_id"])

    def end_mute(self, mute: str) -> None:
        """End a mute now; `NotFound` where there is none that may be seen, `InputError` where it has ended."""
        self._connection.post(f"/api/v1/mutes/{segment(mute)}/end")

    def messages(self) -> Messages:
        """Alerts that did not arrive; `NotAllowed` to who may not read everything."""
        return _messages(self._connection.get("/api/v1/messages"))

    def requeue_message(self, message: str) -> Messages:
        """Send a message that was given up again, under the same key, by the service of the home or the next one that
        runs. What is not delivered afterwards."""
        return _messages(self._connection.post(f"/api/v1/messages/{segment(message)}/requeue"))

    def discard_message(self, message: str, *, reason: str) -> Messages:
        """Give a message up for good; the audit keeps the reason. What is not delivered afterwards."""
        return _messages(self._connection.post(f"/api/v1/messages/{segment(message)}/discard", {"reason": reason}))

    def decisions(self) -> pl.DataFrame:
        """What waits for a decision, one row per run and step: the greatest value first, what is not priced last, then
        what is due first. `cases` and `totals` are at stake; `votes` of the `needed` ones have agreed."""
        return _decisions(self._connection.get("/api/v1/decisions"))

    def back_test(
        self,
        rule: str,
        since: str | date | datetime,
        until: str | date | datetime,
        *,
        every: str | timedelta = "1d",
        truth: Collection[str] | None = None,
    ) -> BackTest:
        """What a rule would have found from `since` to `until`, asked `every` so often as if it were then; nothing is
        written down. `truth`: ids of the cases that it should find."""
        body: Mapping[str, Any] = {
            "since": _instant(since),
            "until": _instant(until),
            "every": every if isinstance(every, str) else _milliseconds(every),
            "truth": None if truth is None else sorted(truth),
        }
        found = self._connection.post(f"/api/v1/rules/{segment(rule)}/backtest", dict(body), moves=False)
        return BackTest(
            found["instants"],
            frame_of(found["found"], frames.BACK_TESTED),
            frame_of(found["days"], frames.BACK_TESTED_DAYS).with_columns(pl.col("day").str.to_date()),
            found["precision"],
            found["recall"],
            tuple(found["not_learned"]),
        )


def _decisions(found: Document) -> pl.DataFrame:
    rows = [
        row
        | {name: row["run"][name] for name in ("run_id", "process", "playbook")}
        | {"cases": row["stake"]["count"], "totals": row["stake"]["totals"], "unpriced": row["stake"]["unpriced"]}
        for row in found["decisions"]
    ]
    return frame_of(rows, frames.DECISIONS)


def _messages(found: Document) -> Messages:
    given_up = frame_of(found["messages"], frames.MESSAGES)
    return Messages(given_up, found["dead"], found["waiting"], instant_of(found["waiting_since"]))


def _milliseconds(value: timedelta) -> str:
    return f"{value // timedelta(milliseconds=1)}ms"


def _instant(value: str | date | datetime) -> str:
    """As the address reads it; a datetime is aware, which is checked there."""
    return value if isinstance(value, str) else value.isoformat()
