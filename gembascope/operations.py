"""Everything of a tenant that watches and acts, wired over an open workspace and its state database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anomalies.detection import Detection
from anomalies.finding_store import FindingStore
from anomalies.incident_desk import IncidentDesk
from anomalies.incidents import Incidents
from anomalies.recording import Recorder
from anomalies.rules import Rules
from gembascope.workspace import LocalWorkspace
from kernel.calendar import BusinessCalendar
from kernel.clock import Clock, DemoClock, SystemClock
from kernel.egress import Egress
from kernel.errors import DefinitionError
from kernel.identity.tokens import pepper
from kernel.identity.users import called
from kernel.owners import Owners
from kernel.secrets import Secrets
from kernel.settings import Settings
from kernel.state.database import State
from orchestration_hooks.alerts.alerter import Alerter
from orchestration_hooks.alerts.policy import read_policies
from orchestration_hooks.callbacks import Callbacks, Tokens
from orchestration_hooks.connections import Connections
from orchestration_hooks.desk import Desk
from orchestration_hooks.engine import Engine
from orchestration_hooks.evaluating import IncidentEvaluator
from orchestration_hooks.http_effects import HttpEffects
from orchestration_hooks.library import read_playbooks
from orchestration_hooks.outward import Outward, answered
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.tools import Tools
from orchestration_hooks.triggering import Composer


@dataclass(frozen=True, slots=True)
class Operations:
    """The desk of a tenant with what works behind it. `clock` is that of business, `machine_clock` that of leases and
    deliveries: a demo tells them apart."""

    settings: Settings
    state: State
    clock: Clock
    machine_clock: Clock
    desk: Desk
    engine: Engine
    incidents: Incidents
    detection: Detection
    callbacks: Callbacks
    effects: HttpEffects
    public_url: str | None

    def alerter(self) -> Alerter:
        """Who tells people, by the policies as they are now; `DefinitionError` when one is wrong."""
        home, tenant = self.settings.home.expanduser(), self.settings.tenant
        kinds = {name: found.kind for name, found in Connections(home, tenant).all().items()}
        return Alerter(tenant, read_policies(home, tenant, kinds), self.public_url)


def operations(
    workspace: LocalWorkspace, state: State, *, address: str | None = None, machine_clock: Clock | None = None
) -> Operations:
    """The operations of the workspace's tenant. `address`: of this service, where people of this machine reach it; it
    stands in for GEMBASCOPE_PUBLIC_URL where nobody elsewhere can come."""
    settings, clock, views = workspace.settings, workspace.clock, workspace.views
    home, tenant, lease_clock = settings.home.expanduser(), settings.tenant, machine_clock or SystemClock()
    public_url = settings.public_url or (address if settings.for_this_machine else None)
    owners = Owners(home, tenant, clock)
    incidents, findings = Incidents(state, clock, tenant), FindingStore(workspace.warehouse, tenant)
    rules = Rules(home, tenant, views.processes.all)
    detection = Detection(views, clock, owners, rules, Recorder(findings, incidents))
    connections, secrets = Connections(home, tenant), Secrets(home)
    tokens = Tokens(pepper(settings))
    compose = Composer(tenant, tokens, public_url, clock)
    effects = HttpEffects(tenant, connections, secrets, Egress(settings.egress_hosts), lease_clock, compose)
    tools = Tools(
        state,
        tenant,
        clock,
        lease_clock,
        Outward(effects, state, tenant),
        IncidentEvaluator(detection, incidents, findings, views),
        calendars=_calendars(workspace),
    )
    engine = Engine(tools)
    signal = partial(answered, engine.controls)
    return Operations(
        settings,
        state,
        clock,
        lease_clock,
        Desk(
            views,
            clock,
            IncidentDesk(tenant, incidents, findings, owners),
            detection,
            engine,
            lambda: playbooks_of(workspace),
            lambda incident: f"{public_url or ''}/incident?incident={incident}",
            playbook_folder=_playbook_folder(workspace),
            demo=isinstance(clock, DemoClock),
            called=partial(called, state, tenant),
        ),
        engine,
        incidents,
        detection,
        Callbacks(state, tenant, tokens, connections, secrets, clock, signal, lease_clock),
        effects,
        public_url,
    )


def playbooks_of(workspace: LocalWorkspace) -> Mapping[str, Playbook]:
    """The playbooks of the workspace's tenant, as they are now; `DefinitionError` with all that is wrong."""
    return read_playbooks(_playbook_folder(workspace), workspace.views.processes.calendars().keys())


def _playbook_folder(workspace: LocalWorkspace) -> Path:
    settings = workspace.settings
    return settings.home.expanduser() / "tenants" / settings.tenant / "playbooks"


def _calendars(workspace: LocalWorkspace) -> dict[str, BusinessCalendar]:
    """The calendars that playbooks count on; none while one of them is wrong, which `check` tells."""
    try:
        return {name: BusinessCalendar(found) for name, found in workspace.views.processes.calendars().items()}
    except DefinitionError:
        return {}
