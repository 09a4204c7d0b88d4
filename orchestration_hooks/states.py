"""The words of a run: closed lists, for tables, metrics and people alike."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a run stands."""

    READY = "ready"  # a worker may take it, from `wake_at` on
    WAITING = "waiting"  # for a decision, an event or an answer, at most until `wake_at`
    HOLDING = "holding"  # the subject cannot be read, or a person has to say whether something was done
    COMPENSATING = "compensating"  # what it did is being undone
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"  # cannot go on by itself: somebody looks at it, then sends it on or cancels it
    CANCELLED = "cancelled"


OVER = (Status.DONE, Status.FAILED, Status.CANCELLED)
"""What a run does not leave again. A dead one keeps its key: its trouble is in somebody's hands."""


class Reason(StrEnum):
    """How it ended, or why it was not opened."""

    SENT = "sent"
    RESOLVED = "resolved"
    HANDED_OVER = "handed_over"  # to people, who go on without a playbook
    NO_LONGER_NEEDED = "no_longer_needed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED_PERMANENTLY = "failed_permanently"
    DRY_RUN = "dry_run"
    SHADOW = "shadow"
    DUPLICATE = "duplicate"  # of a run that is open
    MUTED = "muted"
    LIMIT_REACHED = "limit_reached"  # as many runs of the playbook are open as it allows


class Mode(StrEnum):
    """How much a run may do."""

    AUTOMATIC = "automatic"  # findings open it
    MANUAL = "manual"  # people open it
    SHADOW = "shadow"  # findings open it; it does nothing outside and asks nobody
    DRY_RUN = "dry_run"  # people open it; likewise


PRETENDED = (Mode.SHADOW, Mode.DRY_RUN)


class StepStatus(StrEnum):
    STARTED = "started"  # what is to be sent is written down; whether it was sent, nobody knows yet
    WAITING = "waiting"  # it was sent, and the answer comes later
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class WaitKind(StrEnum):
    APPROVAL = "approval"
    EVENT = "event"
    CALLBACK = "callback"


class WaitOutcome(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    ARRIVED = "arrived"
    EXPIRED = "expired"
    CHANGED = "changed"  # more is at stake than was asked for: it is asked again
    ENDED = "ended"  # the run ended, or needs it no more


class Activity(StrEnum):
    """What happens in a run, as activities of the process `remediation`."""

    RUN_OPENED = "Run opened"
    CONTEXT_GATHERED = "Context gathered"
    APPROVAL_REQUESTED = "Approval requested"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    ESCALATED = "Escalated"
    EXPIRED = "Expired"
    CHANGED = "Changed since it was shown"
    NOTIFIED = "Notified"
    CALLED = "Called"
    TRIGGERED = "Triggered"
    CALLBACK_RECEIVED = "Callback received"
    WAITING = "Waiting for event"
    RECOVERED = "Recovered"
    BRANCHED = "Branched"
    WOULD_DO = "Would do"
    HELD = "Held"
    SETTLED = "Settled by a person"
    RETRIED = "To be tried again"
    STEP_FAILED = "Step failed"
    CANCEL_REQUESTED = "Cancel requested"
    COMPENSATING = "Undoing"
    COMPENSATED = "Undone"
    DEAD_LETTER = "Dead letter"
    REQUEUED = "Sent on"
    NO_LONGER_NEEDED = "No longer needed"
    ENDED = "Run ended"
