"""What people see of trouble and do about it: the one thing that API and pages ask, so that all show the same.

Everything is limited to what the present principal may see and do; outside of a request that is a command on this
machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from anomalies.backtest import BackTest
from anomalies.detection import Detected, Detection
from anomalies.incident_desk import IncidentDesk, IncidentLine
from kernel.access import Permission, Principal, reach, require
from kernel.clock import Clock
from kernel.definitions import suggestion
from kernel.errors import DefinitionError, GembascopeError, InputError, NotAllowed, NotFound
from kernel.owners import Owner
from kernel.process import ProcessDefinition, no_such_process
from kpis.as_of import as_of, as_of_each
from kpis.standings import Standing, standings
from mining.view import Views
from orchestration_hooks.approvals import Decided, Decision
from orchestration_hooks.engine import Engine
from orchestration_hooks.messages import Undelivered
from orchestration_hooks.mutes import Mute
from orchestration_hooks.opening import Opened
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.runs import RunDetail, RunRow, Waiting
from orchestration_hooks.situation import Subject
from orchestration_hooks.states import Mode, Status

PAGE = 50
PROPOSED = (Mode.MANUAL, Mode.AUTOMATIC)
"""Modes in which a person may ask for a run that does something."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of one tenant. `link`: the address at which people see an incident."""

    views: Views
    clock: Clock
    incidents: IncidentDesk
    detection: Detection
    engine: Engine
    playbooks: Callable[[], Mapping[str, Playbook]]
    link: Callable[[str], str]
    playbook_folder: Path | None = None
    """Where the tenant's own playbooks are."""
    demo: bool = False
    """Whether the clock is that of a demo, which people have to be told."""
    called: Callable[[str], str] = str
    """The name of who is known by an id; else the id."""

    @property
    def principal(self) -> Principal:
        return self.incidents.principal

    def now(self) -> datetime:
        return self.clock.now()

    def now_of(self, process: str) -> datetime:
        """The business now of a process (`kpis.as_of`); the clock's where there is no such process any more."""
        try:
            return as_of(self.views.view(process), self.clock)
        except GembascopeError:
            return self.clock.now()

    def nows_of(self, processes: Collection[str]) -> dict[str, datetime]:
        """`now_of` each of these processes, in as many questions as for one."""
        try:
            views = [self.views.of(definition) for definition in self.views.all() if definition.id in processes]
            found, now = as_of_each(views, self.clock), self.clock.now()
        except GembascopeError:  # of one of them: the others are told by themselves
            return {process: self.now_of(process) for process in processes}
        return {process: found.get(process, now) for process in processes}

    def standings(self, process: str = "") -> list[Standing]:
        """How every promise stands (`kpis.standings`)."""
        return standings(self.views, self.clock, process)

    def lasting(self) -> list[IncidentLine]:
        """The incidents that are not resolved, in the order of the desk."""
        return self.incidents.lines()

    def owners(self) -> Mapping[str, Owner]:
        """The owners by id; none while a definition of one is wrong, which `check` tells."""
        try:
            return self.incidents.owners.book().owners
        except DefinitionError:
            return {}

    def detect(self) -> Detected:
        """Look for trouble now, as the service does by itself whenever events arrive; who may act may ask for it."""
        require(self.principal, Permission.ACT)
        return self.detection.run()

    def back_test(
        self, rule: str, since: datetime, until: datetime, every: timedelta, truth: Collection[str] | None = None
    ) -> BackTest:
        """What a rule would have found (`Detection.back_test`), for who may act on all of its process.

        Raises
        ------
        NotFound
            There is no such rule, or none of a process that one may read.
        NotAllowed
            One may not act on its process.
        """
        readable = {definition.id for definition in self.views.all()}
        known = {name: found for name, found in self.detection.rules.all().items() if found.process in readable}
        if rule not in known:
            there = ", ".join(known) or "none"
            raise NotFound(f"no rule {rule[:60]!r}{suggestion(rule, known)}; there are: {there}")
        require(self.principal, Permission.ACT, known[rule].process)
        return self.detection.back_test(known[rule], since, until, every, truth)

    # What is done about it

    def all_playbooks(self) -> list[Playbook]:
        """The playbooks for processes that one may read, by id; `DefinitionError` when a definition is wrong."""
        readable = {definition.id for definition in self.views.all()}
        return [found for _, found in sorted(self.playbooks().items()) if found.trigger.match.process in readable]

    def offers(self, line: IncidentLine) -> list[Playbook]:
        """The playbooks that a person may have run on an incident, by id; none while a definition is wrong."""
        try:
            known = self.playbooks()
        except DefinitionError:
            return []
        subject = subject_of(line, self.link)
        return [known[name] for name in sorted(known) if known[name].trigger.match.admits(subject)]

    def propose(self, incident: str, playbook: str, mode: Mode | None = None) -> Opened:
        """Ask for a run of a playbook on an incident. `mode`: less than the playbook's own, such as a dry run.

        Raises
        ------
        NotFound
            There is no such incident, none that one may read, or no such playbook for it.
        NotAllowed
            One may not act on it.
        InputError
            The incident is resolved, or the mode is more than the playbook allows.
        """
        line = self.incidents.line(incident)
        self.incidents.check_act(line)
        if line.incident.state == "resolved":
            raise InputError("this incident is resolved: there is nothing left to do about it")
        offered = {found.id: found for found in self.offers(line)}
        if playbook not in offered:
            there = ", ".join(offered) or "none"
            raise NotFound(
                f"no playbook {playbook[:60]!r} for this incident{suggestion(playbook, offered)}; there are: {there}"
            )
        chosen = offered[playbook]
        if mode is None and chosen.mode in PROPOSED:
            mode = Mode.MANUAL
        subject = subject_of(line, self.link)
        return self.engine.opening.open(chosen, subject, requested_by=self.principal.id, mode=mode)

    def runs(self, *, incident: str | None = None, process: str | None = None, most: int = PAGE) -> list[RunRow]:
        """Runs, the newest first."""
        return self.engine.runs.list_runs(self.principal, incident_id=incident, process=process, limit=most)

    def counts(self) -> dict[Status, int]:
        """How many runs there are by status."""
        return self.engine.runs.counts(self.principal)

    def run(self, run: str) -> RunDetail:
        """One run with everything; `NotFound` when there is none, or none that one may see."""
        return self.engine.runs.get_run(self.principal, run)

    def inbox(self, run: str | None = None) -> list[Waiting]:
        """The decisions that wait, of all runs or of one, the greatest value first; each says why one may not take it
        oneself."""
        return self.engine.runs.inbox(self.principal, run_id=run)

    def decide(self, run: str, step: str, decision: Decision, reason: str, version: int) -> Decided:
        """Take a decision, as `Approvals.decide`."""
        return self.engine.approvals.decide(run, step, self.principal, decision, reason, version)

    def cancel(self, run: str, reason: str) -> None:
        """Have a run stop, as `Controls.cancel`."""
        self.engine.controls.cancel(run, self.principal, reason)

    def resume(self, run: str) -> None:
        """Have a run that holds look again now, as `Controls.resume`."""
        self.engine.controls.resume(run, self.principal)

    def may_resume(self, run: RunRow) -> bool:
        """Whether to offer it to whoever asks: where they may act in some stores only, `resume` knows more."""
        return reach(self.principal, Permission.ACT, run.process) is not None

    def requeue(self, run: str) -> None:
        """Send a dead run on, as `Controls.requeue`."""
        self.engine.controls.requeue(run, self.principal)

    def settle(self, run: str, *, done: bool, reason: str) -> None:
        """Say what became of a deed in doubt, as `Controls.settle`."""
        self.engine.controls.settle(run, self.principal, done=done, reason=reason)

    # What keeps runs from being opened

    def mutes(self) -> list[Mute]:
        """The mutes that last, as `Mutes.present`."""
        return self.engine.mutes.present(self.principal)

    def readable(self) -> list[ProcessDefinition]:
        """The processes that one may read, by id; none while a definition is wrong."""
        try:
            return self.views.all()
        except DefinitionError:
            return []

    def mute(
        self, process: str, *, playbook: str = "", key: str = "", until: datetime | timedelta, reason: str
    ) -> Mute:
        """Mute a playbook on a process, or every one (`playbook` ""), as `Mutes.mute`.

        Raises
        ------
        NotFound
            There is no such process, none that one may read, or no such playbook for it.
        """
        if reach(self.principal, Permission.READ, process) is None:
            raise no_such_process(process, [definition.id for definition in self.views.all()])
        require(self.principal, Permission.ACT, process)
        self.views.processes.get(process)
        if playbook:
            found = self.playbooks().items()
            known = sorted(name for name, one in found if one.trigger.match.process == process)
            if playbook not in known:
                there = ", ".join(known) or "none"
                raise NotFound(
                    f"no playbook {playbook[:60]!r} for the process {process}{suggestion(playbook, known)}; "
                    f"there are: {there}"
                )
        return self.engine.mutes.mute(self.principal, process, playbook=playbook, key=key, until=until, reason=reason)

    def end_mute(self, mute: str) -> Mute:
        """End a mute now, as `Mutes.end`."""
        return self.engine.mutes.end(self.principal, mute)

    # What did not reach anybody

    def undelivered(self) -> Undelivered:
        """Messages that did not arrive, as `Messages.undelivered`."""
        return self.engine.messages.undelivered(self.principal)

    def requeue_message(self, message: str) -> None:
        """Send a message again, as `Messages.requeue`."""
        self.engine.messages.requeue(self.principal, message)

    def discard_message(self, message: str, reason: str) -> None:
        """Give a message up, as `Messages.discard`."""
        self.engine.messages.discard(self.principal, message, reason)

    def titles(self, incidents: Collection[str]) -> dict[str, str]:
        """What incidents are called, by id, of those that there are; for who may read everything."""
        require(self.principal, Permission.READ)
        found = {}
        for incident in incidents:
            with suppress(NotFound):
                found[incident] = self.incidents.incidents.get(incident).title
        return found

    def may(self, permission: Permission, process: str = "") -> bool:
        """Whether one has the permission in all of a process; without one, in everything of the tenant."""
        try:
            require(self.principal, permission, process)
        except NotAllowed:
            return False
        return True


def subject_of(line: IncidentLine, link: Callable[[str], str]) -> Subject:
    """An incident as what a playbook works on."""
    incident = line.incident
    return Subject(
        process=incident.process,
        key="",
        incident_id=incident.id,
        kind=incident.kind.value,
        rule=incident.rule,
        title=incident.title,
        owner=incident.owner,
        severity=incident.severity.value,
        suspect=incident.suspect,
        link=link(incident.id),
    )
