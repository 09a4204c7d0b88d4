"""Errors that answer "who must act".

    GembascopeError                  fields: reason, retryable
    ├── SettingsError                whoever starts the process
    │   └── HomeInUse                  another process holds the home   (retryable)
    ├── DefinitionError              the author of a YAML file          (problems: path, line, message)
    ├── InputError                   whoever named the file or the flag
    │   ├── UnreadableFile             the file is not what it claims to be, or breaks a parser limit
    │   ├── MappingError               a column is missing, ambiguous or of no use
    │   ├── TooManyBad                 more bad rows than --max-bad allows
    │   ├── NotFound                   no such process, case, variant or object type
    │   └── OutOfDate                  what was decided on is not what is there any more
    ├── AccessError                  whoever asked
    │   ├── SignInRefused              wrong name, password, key or token, or too many of them
    │   ├── TooManyRequests            more of them than the settings allow                (retryable)
    │   └── NotAllowed                 known, and without the right to do this
    ├── WarehouseError               the operator                       (code, name, query; never the data)
    │   ├── WarehouseUnavailable       retryable
    │   └── BudgetExceeded             the query passed its limit of time, memory or rows
    ├── AuditBroken                  whoever answers for the installation: the audit is not what was recorded
    ├── StateError                   the operator                       (never the data)
    │   ├── StateUnavailable           retryable
    │   ├── SpoolFull                  more events wait to be loaded than may   (retryable)
    │   └── StateConflict              what was to be added is there already
    └── EgressError                  the operator                       (code, retryable; never a path or a header)

A row that cannot become an event raises nothing: it goes to quarantine with its reason and position
(`ingest.quarantine`). Programming mistakes stay ValueError, TypeError and RuntimeError.
"""

from __future__ import annotations

from dataclasses import dataclass


class GembascopeError(Exception):
    """An expected failure with a message for the person who can mend it."""

    reason: str = "error"
    retryable: bool = False


class SettingsError(GembascopeError):
    reason = "settings"


class HomeInUse(SettingsError):
    reason = "home_in_use"
    retryable = True


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in one definition file; `line` counts from 1."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class DefinitionError(GembascopeError):
    """All problems of a set of definition files, not only the first."""

    reason = "definition"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InputError(GembascopeError):
    reason = "input"


class UnreadableFile(InputError):
    reason = "unreadable_file"


class MappingError(InputError):
    reason = "mapping"


class TooManyBad(InputError):
    reason = "too_many_bad"


class NotFound(InputError):
    reason = "not_found"


class OutOfDate(InputError):
    reason = "out_of_date"


class AccessError(GembascopeError):
    reason = "access"


class SignInRefused(AccessError):
    """Says the same whatever was wrong: who tries learns nothing."""

    reason = "sign_in_refused"


class NotAllowed(AccessError):
    reason = "not_allowed"


class TooManyRequests(AccessError):
    """`after_s`: whole seconds until the next one is answered."""

    reason = "too_many_requests"
    retryable = True

    def __init__(self, message: str, *, after_s: int = 1) -> None:
        self.after_s = after_s
        super().__init__(message)


class WarehouseError(GembascopeError):
    """ClickHouse refused; `code` and `name` are its own, `query` names the .sql file."""

    reason = "warehouse"

    def __init__(self, message: str, *, code: int = 0, name: str = "", query: str = "") -> None:
        self.code, self.name, self.query = code, name, query
        super().__init__(message)


class WarehouseUnavailable(WarehouseError):
    reason = "warehouse_unavailable"
    retryable = True


class BudgetExceeded(WarehouseError):
    reason = "budget_exceeded"


class AuditBroken(GembascopeError):
    reason = "audit_broken"


class StateError(GembascopeError):
    """The state database refused."""

    reason = "state"


class StateUnavailable(StateError):
    reason = "state_unavailable"
    retryable = True


class SpoolFull(StateError):
    reason = "spool_full"
    retryable = True


class StateConflict(StateError):
    reason = "state_conflict"


class EgressError(GembascopeError):
    """A request of ours was not sent, or not answered. `code`: from a closed list, see `kernel.egress.Egress.send`."""

    reason = "egress"

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        self.code, self.retryable = code, retryable
        super().__init__(message)


EXIT_CODES: dict[type[GembascopeError], int] = {
    GembascopeError: 1,
    InputError: 3,
    TooManyBad: 4,
    DefinitionError: 5,
    SettingsError: 6,
    WarehouseError: 7,
    AccessError: 8,
    StateError: 9,
    AuditBroken: 10,
    EgressError: 11,
}
"""Exit code of the command line per error; the nearest ancestor decides. 0 is success, 2 a wrong
command line, 130 an interrupted command."""


def exit_code(error: GembascopeError) -> int:
    """The exit code of `error`: that of its nearest listed ancestor."""
    return next(EXIT_CODES[cls] for cls in type(error).__mro__ if cls in EXIT_CODES)
