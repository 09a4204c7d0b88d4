"""What people see of trouble and do about it: the one thing that API and pages ask, so that all show the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from anomalies.incident_desk import IncidentDesk, IncidentLine
from kernel.clock import Clock
from kernel.errors import DefinitionError, GembascopeError
from kernel.owners import Owner
from kpis.as_of import as_of
from kpis.standings import Standing, standings
from mining.view import Views


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of one tenant. Everything is limited to what the present principal may see and do."""

    views: Views
    clock: Clock
    incidents: IncidentDesk

    def now(self) -> datetime:
        return self.clock.now()

    def now_of(self, process: str) -> datetime:
        """The business now of a process (`kpis.as_of`); the clock's where there is no such process any more."""
        try:
            return as_of(self.views.view(process), self.clock)
        except GembascopeError:
            return self.clock.now()

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
