"""What reaches a run from outside: answers of engines, news of its cases, and what people want of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import and_, select, update

from kernel.access import Permission, Principal, reach
from kernel.errors import InputError, NotAllowed, NotFound
from kernel.state.tables import DEAD_LETTERS, RUN_CASES, RUN_SIGNALS, RUN_STEPS, RUN_WAITS, RUNS
from orchestration_hooks.book import Book
from orchestration_hooks.entry import Entry, encoded
from orchestration_hooks.library import inserting
from orchestration_hooks.moves import ENGINE_FAILED, TOO_MANY_VISITS, finish
from orchestration_hooks.states import OVER, Activity, Reason, Status, StepStatus, WaitOutcome
from orchestration_hooks.tools import Tools

ANSWERS = ("done", "failed")
LONGEST_ANSWER = 64 * 1024
CHUNK = 500
"""Cases of one statement."""


class Controls:
    """What people and engines may do to a run. Each is one transaction, audited with who did it."""

    def __init__(self, tools: Tools, book: Book) -> None:
        self._tools, self._book = tools, book

    def callback(self, key: str, answer: Mapping[str, Any], *, dedup_key: str, actor: str) -> bool:
        """The answer of an engine to the deed with this key; False when it came before, or is not waited for any more.

        It may come before the worker has recorded that the engine was asked: it is kept, and found then.

        Raises
        ------
        NotFound
            Nothing with this key was ever asked of an engine.
        InputError
            It is not an answer: `status` done or failed, `detail` a text, `output` a mapping.
        """
        if answer.get("status") not in ANSWERS or not isinstance(answer.get("output", {}), Mapping):
            raise InputError("an answer has a status, done or failed, and may have a detail and an output")
        body = {
            "status": answer["status"],
            "detail": str(answer.get("detail", ""))[:2000],
            "output": dict(answer.get("output", {})),
        }
        if len(encoded(body)) > LONGEST_ANSWER or not 0 < len(dedup_key) <= 254:
            raise InputError(f"an answer has at most {LONGEST_ANSWER} characters, and a key of 1 to 254")
        asked = select(RUN_STEPS.c.run_id, RUN_STEPS.c.step, RUN_STEPS.c.visit).where(
            RUN_STEPS.c.tenant == self._tools.tenant, RUN_STEPS.c.key == key, RUN_STEPS.c.kind == "trigger"
        )
        with self._tools.state.reading() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            raise NotFound("nothing was asked under this key")
        with self._book.of(row.run_id) as entry:
            if entry.status in OVER or self._closed(entry, row):
                entry.audit("Callback too late", {"key": key, "status": body["status"]}, actor=actor)
                return False
            values = {
                "tenant": self._tools.tenant,
                "run_id": row.run_id,
                "step": row.step,
                "visit": row.visit,
                "dedup_key": dedup_key,
                "actor": actor,
                "body": encoded(body),
                "at": entry.now,
            }
            insert = inserting(entry.connection, RUN_SIGNALS).values(**values).on_conflict_do_nothing()
            new = entry.connection.execute(insert.returning(RUN_SIGNALS.c.run_id)).first() is not None
            if new:
                entry.nudge()
            return new

    def look_again(self, process: str, case_ids: Collection[str] | None = None) -> int:
        """Events of a process arrived: have its runs that wait look at once. How many were woken or told.

        `case_ids`: only those that are about one of these.
        """
        waiting = and_(
            RUNS.c.tenant == self._tools.tenant,
            RUNS.c.process == process,
            RUNS.c.status.in_([Status.WAITING.value, Status.READY.value]),
        )
        now = self._tools.lease_clock.now()
        ready = {"nudges": RUNS.c.nudges + 1, "status": Status.READY.value, "wake_at": now}
        ids = [None] if case_ids is None else sorted(case_ids)
        told: set[str] = set()
        for start in range(0, len(ids), CHUNK):
            which = waiting
            if case_ids is not None:
                theirs = select(RUN_CASES.c.run_id).where(
                    RUN_CASES.c.tenant == self._tools.tenant,
                    RUN_CASES.c.process == process,
                    RUN_CASES.c.case_id.in_(ids[start : start + CHUNK]),
                )
                which = and_(waiting, RUNS.c.run_id.in_(theirs))
            with self._tools.state.writing() as connection:
                # one order for everybody who takes many rows: two of them cannot wait for each other
                locked = select(RUNS.c.run_id, RUNS.c.status).where(which).order_by(RUNS.c.run_id).with_for_update()
                rows = connection.execute(locked).all()
                for status, values in ((Status.WAITING, ready), (Status.READY, {"nudges": RUNS.c.nudges + 1})):
                    found = [row.run_id for row in rows if row.status == status.value]
                    for begin in range(0, len(found), CHUNK):
                        these = (RUNS.c.tenant == self._tools.tenant, RUNS.c.run_id.in_(found[begin : begin + CHUNK]))
                        connection.execute(update(RUNS).where(*these).values(**values))
                told |= {row.run_id for row in rows}
        return len(told)

    def cancel(self, run_id: str, principal: Principal, reason: str) -> None:
        """Have the run stop: what it did and can undo is undone first. One that died while it was being undone ends as
        it stands. `InputError` when it is over."""
        with self._book.of(run_id) as entry:
            self._may_act(entry, principal)
            if entry.status in OVER:
                raise InputError("the run is over")
            entry.tell(Activity.CANCEL_REQUESTED, {"reason": reason}, actor=principal.id)
            entry.changes["cancel_by"] = principal.id
            entry.changes["nudges"] = entry.run.row.nudges + 1
            if entry.status is Status.DEAD and self._phase(entry) == "compensating":
                finish(entry, Reason.CANCELLED, given_up=True)  # it cannot be undone, and somebody knows
                return
            if entry.status is not Status.COMPENSATING:
                entry.changes |= {"status": Status.READY.value, "wake_at": entry.lease_now}

    def resume(self, run_id: str, principal: Principal) -> None:
        """Have a run that holds look again now. `InputError` when it does not hold, or a person has to settle it."""
        with self._book.of(run_id) as entry:
            self._may_act(entry, principal)
            if entry.status is not Status.HOLDING or "in_doubt" in entry.run.context:
                raise InputError("the run does not hold, or something of it is in doubt")
            entry.audit("Resumed", {}, actor=principal.id)
            entry.changes["wake_at"] = entry.lease_now

    def requeue(self, run_id: str, principal: Principal) -> None:
        """Send a dead run on, from where it stopped and under the same keys; only a workflow that its engine says has
        failed is started as another one. `InputError` when it is not dead, or would die of the same again."""
        with self._book.of(run_id) as entry:
            self._may_act(entry, principal)
            if entry.status is not Status.DEAD:
                raise InputError("the run is not a dead letter")
            letters, run = DEAD_LETTERS, entry.run
            mine = (letters.c.tenant == self._tools.tenant, letters.c.run_id == run_id, letters.c.requeued_at.is_(None))
            letter = entry.connection.execute(select(letters).where(*mine).order_by(letters.c.number.desc())).first()
            if letter is None:
                raise InputError("the run has no dead letter that is open")
            if letter.code == TOO_MANY_VISITS:
                raise InputError("its playbook goes round in circles: cancel it")
            values = {"requeued_at": entry.now, "requeued_by": principal.id}
            entry.connection.execute(update(letters).where(*mine).values(**values))
            entry.tell(Activity.REQUEUED, {"code": letter.code, "phase": letter.phase}, actor=principal.id)
            if letter.code == ENGINE_FAILED:  # it was done, and failed: doing it again is another deed
                run.visits = {**run.visits, run.step_id: run.visits.get(run.step_id, 1) + 1}
            status = Status.COMPENSATING if letter.phase == "compensating" else Status.READY
            entry.changes |= {"status": status.value, "wake_at": entry.lease_now, "attempt": 0}

    def settle(self, run_id: str, principal: Principal, *, done: bool, reason: str) -> None:
        """Say what became of a deed in doubt: `done`, so that the run goes on, or not, so that it is tried again.

        Raises
        ------
        InputError
            Nothing of the run is in doubt, or there is no reason given.
        """
        if not reason.strip():
            raise InputError("say how you know")
        with self._book.of(run_id) as entry:
            self._may_act(entry, principal)
            run = entry.run
            doubt = run.context.get("in_doubt")
            if entry.status is not Status.HOLDING or doubt is None:
                raise InputError("nothing of the run is in doubt")
            run.context = {name: found for name, found in run.context.items() if name != "in_doubt"}
            if done:
                run.context = {**run.context, "settled": doubt}
            # what was done stands from now on, so that it is undone too when the run is cancelled before it moves
            entry.step("", StepStatus.DONE if done else StepStatus.STARTED, in_doubt=0)
            entry.tell(Activity.SETTLED, {"done": done, "reason": reason}, actor=principal.id)
            entry.changes |= {"status": Status.READY.value, "wake_at": entry.lease_now, "attempt": 0}

    def _closed(self, entry: Entry, asked: Any) -> bool:
        """Whether the run has stopped waiting for this answer without one."""
        waits = RUN_WAITS
        where = (
            waits.c.tenant == self._tools.tenant,
            waits.c.run_id == asked.run_id,
            waits.c.step == asked.step,
            waits.c.visit == asked.visit,
            waits.c.closed_at.is_not(None),
            waits.c.outcome != WaitOutcome.ARRIVED.value,
        )
        return entry.connection.execute(select(waits.c.step).where(*where)).first() is not None

    def _phase(self, entry: Entry) -> str:
        letters = DEAD_LETTERS
        mine = (letters.c.tenant == entry.tenant, letters.c.run_id == entry.run.id)
        newest = select(letters.c.phase).where(*mine).order_by(letters.c.number.desc()).limit(1)
        return str(entry.connection.execute(newest).scalar_one())

    def _may_act(self, entry: Entry, principal: Principal) -> None:
        """Refuse who may not act on every case of the run; who may not even see it learns nothing."""
        if not covers(entry, principal, Permission.READ):
            raise NotFound(f"there is no run {entry.run.id!r}")
        if not covers(entry, principal, Permission.ACT):
            raise NotAllowed("this needs the right to act on every case of the run")


def covers(entry: Entry, principal: Principal, permission: Permission) -> bool:
    """Whether the permission reaches every store that the run is about, those of cases it was about included."""
    if principal.tenant != entry.tenant:
        return False
    found = reach(principal, permission, entry.run.row.process)
    if found is None or found.stores is None:
        return found is not None
    theirs = (RUN_CASES.c.tenant == entry.tenant, RUN_CASES.c.run_id == entry.run.id)
    stores = set(entry.connection.execute(select(RUN_CASES.c.store).where(*theirs).distinct()).scalars())
    return bool(stores) and stores <= found.stores
