"""Runs of playbooks: where each stands, what it waits for, what it did, and what is still to be told about it.

Documents (`context`, `output`, `body`, `asked`) are JSON. Money is kept in documents as text; `at_stake` is for order.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, UniqueConstraint

from kernel.state.tables.base import METADATA, Instant, tenant


def _of_a_run() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "run_id"], ["runs.tenant", "runs.run_id"], ondelete="CASCADE")


PLAYBOOKS = Table(
    "playbooks",
    METADATA,
    tenant(),
    Column("playbook_hash", String(64), primary_key=True),  # SHA-256 of body
    Column("name", String(64), nullable=False),
    Column("author", String(254), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("added_at", Instant, nullable=False),
)
"""One row per version of a playbook that ever opened a run; never changed, so that a run ends as it began."""

RUNS = Table(
    "runs",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("open_key", String(64)),  # hash of process and key while the run is not over, then null: one open per key
    Column("process", String(128), nullable=False),
    Column("incident_id", String(32), nullable=False),  # '': none
    Column("key", String(254), nullable=False),
    Column("playbook", String(64), nullable=False),
    Column("playbook_hash", String(64), nullable=False),
    Column("mode", String(16), nullable=False),  # automatic | manual | shadow | dry_run
    Column("requested_by", String(254), nullable=False),
    Column("hits", Integer, nullable=False),  # how often it was asked for while open
    Column("status", String(16), nullable=False),  # see orchestration_hooks.states.Status
    Column("reason", String(32)),  # how it ended, or will end once what it did is undone
    Column("position", String(64), nullable=False),  # id of the step that is next
    Column("visits", Text, nullable=False),  # JSON: how often each step was entered
    Column("context", Text, nullable=False),
    Column("at_stake", BigInteger),  # greatest sum of one currency in ten-thousandths; null: not priced
    Column("wake_at", Instant),  # waiting: on the clock of business; else on that of leases; null: not by itself
    Column("lease_owner", String(128)),
    Column("lease_until", Instant, nullable=False),
    Column("fence", Integer, nullable=False),  # grows with every claim: who holds an older one records nothing
    Column("attempt", Integer, nullable=False),  # at the step that is next
    Column("holds", Integer, nullable=False),  # times in a row that the subject could not be read
    Column("nudges", Integer, nullable=False),  # grows with everything that a waiting run has to look at
    Column("events", Integer, nullable=False),  # that were recorded of it
    Column("cancel_by", String(254)),  # who asked that it stops
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("tenant", "open_key"),
    Index(None, "tenant", "status", "wake_at"),
    Index(None, "tenant", "process", "opened_at"),
    ForeignKeyConstraint(["tenant", "playbook_hash"], ["playbooks.tenant", "playbooks.playbook_hash"]),
)
"""One row per run, those that are over included."""

RUN_CASES = Table(
    "run_cases",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("case_id", String(254), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("store", String(254), nullable=False),
    Index(None, "tenant", "process", "case_id"),
    _of_a_run(),
)
"""One row per case that was ever at stake in a run."""

RUN_STEPS = Table(
    "run_steps",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("number", Integer, nullable=False),  # grows in the order in which steps of the run began
    Column("kind", String(16), nullable=False),
    Column("key", String(128), nullable=False),  # what the deed is known by outside
    Column("status", String(16), nullable=False),  # started | waiting | done | failed | skipped
    Column("attempt", Integer, nullable=False),
    Column("in_doubt", Integer, nullable=False),  # 1: an attempt was made of which nobody knows what became
    Column("request", Text),  # what is sent, written down before it is sent
    Column("output", Text),
    Column("error", Text),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("compensated_at", Instant),
    UniqueConstraint("tenant", "key"),
    _of_a_run(),
)
"""One row per visit of a step."""

RUN_WAITS = Table(
    "run_waits",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # approval | event | callback
    Column("match_key", String(254), nullable=False),  # an activity, or the key of the deed that is answered
    Column("asked", Text, nullable=False),  # what was at stake when it began: what an approval is for
    Column("level", Integer, nullable=False),  # of escalation, from 0
    Column("next_level_at", Instant),
    Column("deadline", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("outcome", String(16)),  # approved | rejected | arrived | expired | changed | ended
    Index(None, "tenant", "kind", "closed_at"),
    _of_a_run(),
)
"""One row per time that a run began to wait for something."""

RUN_SIGNALS = Table(
    "run_signals",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("dedup_key", String(254), primary_key=True),
    Column("actor", String(254), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    _of_a_run(),
)
"""One row per answer of an external engine; the same answer again adds none."""

RUN_VOTES = Table(
    "run_votes",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("actor", String(254), primary_key=True),
    Column("decision", String(16), nullable=False),  # approve | reject
    Column("reason", Text, nullable=False),
    Column("roles", Text, nullable=False),  # that the actor had at that time, as JSON
    Column("at", Instant, nullable=False),
    _of_a_run(),
)
"""One row per decision that counted; those that were refused are in the audit only."""

RUN_EVENTS = Table(
    "run_events",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … within the run
    Column("activity", String(64), nullable=False),
    Column("actor", String(254), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("sent_at", Instant),  # when it had become an event of the process `remediation`
    Index(None, "tenant", "sent_at", "at"),
    _of_a_run(),
)
"""One row per thing that happened in a run."""

DEAD_LETTERS = Table(
    "dead_letters",
    METADATA,
    tenant(),
    Column("run_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … within the run
    Column("step", String(64), nullable=False),
    Column("visit", Integer, nullable=False),
    Column("phase", String(16), nullable=False),  # forward | compensating
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("requeued_at", Instant),
    Column("requeued_by", String(254)),
    Index(None, "tenant", "requeued_at"),
    _of_a_run(),
)
"""One row per time that a run could not go on by itself."""

MUTES = Table(
    "mutes",
    METADATA,
    tenant(),
    Column("mute_id", String(32), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("playbook", String(64), nullable=False),  # '': every playbook
    Column("key", String(254), nullable=False),  # '': every key
    Column("reason", Text, nullable=False),
    Column("muted_by", String(254), nullable=False),
    Column("muted_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)
"""One row per time that somebody forbade runs to be opened for a while."""

LIMIT_BUCKETS = Table(
    "limit_buckets",
    METADATA,
    tenant(),
    Column("connection", String(64), primary_key=True),
    Column("millitokens", BigInteger, nullable=False),  # thousandths of calls that may be made at refilled_at
    Column("refilled_at", Instant, nullable=False),
)
"""One row per connection with a limit: how many calls it has left."""

LIMIT_SLOTS = Table(
    "limit_slots",
    METADATA,
    tenant(),
    Column("connection", String(64), primary_key=True),
    Column("holder", String(160), primary_key=True),  # the key of the deed
    Column("until", Instant, nullable=False),  # a slot of who died is free after that
)
"""One row per call that is under way on a connection with a limit."""
