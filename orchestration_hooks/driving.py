"""Moving a run on for as long as the worker holds it: one step after the other, each recorded before the next."""

from __future__ import annotations

import logging

from kernel.errors import StateUnavailable
from kernel.state.tables.base import EPOCH
from orchestration_hooks import waiting
from orchestration_hooks.book import Book, LeaseLost
from orchestration_hooks.deeds import act, settled
from orchestration_hooks.entry import Run
from orchestration_hooks.library import Library
from orchestration_hooks.moves import again_later, bury, finish, go, undo
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.playbook_steps import Retry, Step
from orchestration_hooks.states import Reason, Status
from orchestration_hooks.tools import Tools
from orchestration_hooks.undoing import undo_next

log = logging.getLogger("gembascope.runs")


class Driver:
    """Moves runs that were claimed."""

    def __init__(self, tools: Tools, book: Book, library: Library) -> None:
        self._tools, self._book, self._library = tools, book, library

    def drive(self, run: Run) -> None:
        """Move the run until it waits, ends, holds or is somebody else's.

        A mistake in a step, ours or that of a definition, is an attempt that failed: the run is tried again later, and
        at last becomes a dead letter; at once where its playbook cannot be read. No run keeps a worker from the others.

        Raises
        ------
        StateUnavailable
            The state database does not answer: the lease runs out, and somebody takes the run again.
        """
        try:
            while self._holds(run):
                self._move(run)
        except LeaseLost:
            log.warning("run %s: its lease was lost; whoever has it by now goes on", run.id)
        except StateUnavailable:
            raise
        except Exception as error:
            log.exception("run %s: step %s failed unexpectedly", run.id, run.step_id)
            self._stumbled(run, type(error).__name__)

    def _holds(self, run: Run) -> bool:
        return bool(run.row.lease_until != EPOCH)

    def _move(self, run: Run) -> None:
        playbook = self._library.get(run.row.playbook_hash)
        if run.row.cancel_by is not None and run.status is not Status.COMPENSATING:
            with self._book.entry(run) as entry:
                undo(entry, Reason.CANCELLED)
        elif run.status is Status.COMPENSATING:
            undo_next(self._tools, self._book, run, playbook)
        else:
            self._step(run, playbook, playbook.step(run.step_id))

    def _step(self, run: Run, playbook: Playbook, step: Step) -> None:
        given = (self._tools, self._book, run, playbook, step)
        if step.gather is not None:
            waiting.gather(*given)
        elif step.approval is not None:
            waiting.approval(*given, step.approval)
        elif step.wait_event is not None:
            waiting.event(*given, step.wait_event)
        elif step.trigger is not None and not settled(run) and waiting.wait_of(self._tools, run) is not None:
            waiting.callback(*given)
        elif step.call is not None or step.trigger is not None or step.notify is not None:
            act(*given)
        else:  # it chooses or ends: only a dead letter that was sent on begins here
            with self._book.entry(run) as entry:
                if step.record is not None:
                    finish(entry, Reason(step.record.outcome))
                else:
                    go(entry, playbook, step.id)

    def _stumbled(self, run: Run, name: str) -> None:
        try:
            retry = self._retry(run)
            with self._book.entry(run) as entry:
                if retry is None or run.attempt >= retry.attempts:
                    bury(entry, "error", f"{name}; the log says more")
                else:
                    again_later(entry, run, retry, self._tools.seed)
        except LeaseLost:
            log.warning("run %s: its lease was lost", run.id)
        except StateUnavailable:
            raise
        except Exception:
            log.exception("run %s: that it failed could not be recorded; it is taken again after its lease", run.id)

    def _retry(self, run: Run) -> Retry | None:
        """How the step is tried again; None where its playbook, or the step in it, is what is wrong."""
        try:
            return self._library.get(run.row.playbook_hash).step(run.step_id).retry
        except StateUnavailable:
            raise
        except Exception:
            return None  # which `drive` has logged: it reads the same first
