"""Looking anew at what a run is about, before anything is done outside and after every wait."""

from __future__ import annotations

import logging
from typing import Any

from kernel.errors import GembascopeError
from orchestration_hooks.entry import Entry, Run
from orchestration_hooks.moves import finish, go, hold, keep
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.situation import Situation, Stake, Subject, Verdict
from orchestration_hooks.states import Activity, Reason, WaitOutcome
from orchestration_hooks.tools import Tools

log = logging.getLogger("gembascope.runs")


def look(tools: Tools, run: Run) -> Situation:
    """How the subject stands now. What cannot be asked is unreadable."""
    try:
        return tools.evaluator.evaluate(Subject(**run.context["subject"]))
    except GembascopeError as error:
        log.warning("run %s: its subject cannot be read (%s)", run.id, error.reason)
        return Situation(Verdict.UNREADABLE, note=f"cannot be read: {error.reason}")


def agreed(run: Run) -> Stake | None:
    """What was approved last in this run; None where nothing was."""
    approved = run.context.get("approved")
    return Stake.read(approved) if approved is not None else None


def may_go_on(entry: Entry, playbook: Playbook, situation: Situation) -> bool:
    """Whether what is to be done is still wanted, as it was approved. Where not, the entry says what happens instead:
    the run ends, holds, or asks again. Fewer cases or less money than approved is fine: the rest is done."""
    if situation.verdict is Verdict.UNREADABLE:
        hold(entry, situation.note)
        return False
    if situation.verdict is Verdict.CURED:
        finish(entry, Reason.NO_LONGER_NEEDED, note=situation.note)
        return False
    stake, approved = Stake.of(situation.cases), agreed(entry.run)
    keep(entry, stake)
    if approved is not None and not approved.covers(stake):
        asked_at = entry.run.context["approved"]["step"]
        ask_again(entry, playbook, asked_at, approved, stake)
        return False
    return True


def ask_again(entry: Entry, playbook: Playbook, step_id: str, before: Stake, now: Stake) -> None:
    """More is at stake than people were asked about: the approval begins anew."""
    entry.close_waits(WaitOutcome.CHANGED)
    entry.tell(Activity.CHANGED, {"approved": _brief(before), "now": _brief(now)})
    entry.run.context = {name: found for name, found in entry.run.context.items() if name != "approved"}
    go(entry, playbook, step_id)


def _brief(stake: Stake) -> dict[str, Any]:
    found = stake.document()
    del found["cases"]
    return found
