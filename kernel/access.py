"""The one place that decides who may do what. Everything is refused that is not granted here.

A *principal* is a person who signed in, a key of a program, or a command of this machine. It has *grants*: a role
within a scope, which is every process or one, and every store or one. A role is a set of permissions and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, StrEnum

from kernel.errors import NotAllowed

ANY = ""
"""As process or store of a grant: all of them."""


class Permission(StrEnum):
    """What can be asked for."""

    READ = "read"  # maps, lists, cases, findings, incidents
    EXPORT = "export"  # whole logs and tables
    LOAD = "load"  # send events and files
    ACT = "act"  # acknowledge, comment, start a playbook
    APPROVE = "approve"  # decide on a step that waits for approval
    ADMINISTER = "administer"  # users, keys, sources, definitions


class Open(Enum):
    """Nobody need be known."""

    OPEN = "open"  # whoever asks is answered
    SIGNED = "signed"  # what is sent carries its own proof, which the address itself checks


OPEN, SIGNED = Open.OPEN, Open.SIGNED
Need = Permission | Open
"""What an address needs."""


class Role(StrEnum):
    VIEWER = "viewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.ANALYST: frozenset({Permission.READ, Permission.EXPORT}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.EXPORT, Permission.LOAD, Permission.ACT}),
    Role.APPROVER: frozenset({Permission.READ, Permission.EXPORT, Permission.APPROVE}),
    Role.ADMIN: frozenset({Permission.READ, Permission.EXPORT, Permission.LOAD, Permission.ADMINISTER}),
}
"""Who administers neither acts nor approves by that: those are grants of their own, to be kept apart."""


LIMITABLE = frozenset({Permission.READ, Permission.EXPORT})
"""What can be had for some stores of a process alone at the addresses of that process. Whoever asks for ACT or APPROVE
asks about one thing, of one store (`require`); what is loaded and administered belongs to no store."""


ASKED_LATER = frozenset({Permission.READ, Permission.ACT, Permission.APPROVE})
"""What can be about things of a process at an address that names none, such as that of an incident."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One role within one scope."""

    role: Role
    process: str = ANY
    store: str = ANY

    def __str__(self) -> str:
        scope = [f"{name}={value}" for name, value in (("process", self.process), ("store", self.store)) if value]
        return f"{self.role.value} ({', '.join(scope)})" if scope else self.role.value


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `kind`: user, key, or local for a command of this machine. `id` is for the audit, `name` for people."""

    tenant: str
    kind: str
    id: str
    name: str
    grants: frozenset[Grant]


def local_principal(tenant: str) -> Principal:
    """A command on the machine that holds the home: whoever may type it may do all but approve."""
    everything = frozenset({Grant(Role.ADMIN), Grant(Role.OPERATOR)})
    return Principal(tenant, "local", "local", "a command on this machine", everything)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a permission reaches in one process. `stores` None: every store; else only these."""

    stores: frozenset[str] | None = None


def reach(principal: Principal, permission: Permission, process: str = ANY) -> Reach | None:
    """What the principal may do this to; None when it may not.

    Without a process it is asked about what belongs to none, such as users: then only grants for every process count.
    """
    stores: set[str] = set()
    for grant in principal.grants:
        if permission not in PERMISSIONS[grant.role] or grant.process not in (ANY, process):
            continue
        if grant.store == ANY:
            return Reach()
        stores.add(grant.store)
    return Reach(frozenset(stores)) if stores and process != ANY else None


def admits(principal: Principal, permission: Permission, process: str = ANY, *, names_store: bool = False) -> bool:
    """Whether the principal comes in at an address of the process. Where people read, act or decide and no process is
    named yet, any grant for it is enough: what is shown there is what they may read (`mining.view.Views`), and what is
    done is asked for anew when it is known to what (`require`). A grant for some stores admits to what is LIMITABLE of
    a process that names its store (`names_store`), and to no other."""
    if permission in ASKED_LATER and process == ANY:
        return any(permission in PERMISSIONS[grant.role] for grant in principal.grants)
    found = reach(principal, permission, process)
    return found is not None and (found.stores is None or (names_store and permission in LIMITABLE))


def require(principal: Principal | None, permission: Permission, process: str = ANY, store: str = ANY) -> None:
    """Refuse what the principal may not do to one thing of the process and store, such as an incident or a step that
    waits for approval. A thing that belongs to no process, or whose store is not known (ANY), needs a grant for all of
    them; nobody (None) may nothing.

    Raises
    ------
    NotAllowed
        Says what was asked for, and nothing about the thing.
    """
    found = reach(principal, permission, process) if principal is not None else None
    if found is None or (found.stores is not None and (store == ANY or store not in found.stores)):
        name = principal.name if principal is not None else "nobody"
        raise NotAllowed(f"{name} has no grant to {permission.value} here")


_present: ContextVar[Principal | None] = ContextVar("principal", default=None)


@contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    """While it lasts, and in what is begun from it, `present` is this principal."""
    before = _present.set(principal)
    try:
        yield
    finally:
        _present.reset(before)


def present() -> Principal | None:
    """Who the request is from that is being answered here; None outside of one."""
    return _present.get()
