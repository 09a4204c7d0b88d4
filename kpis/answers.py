"""The answers about promises as JSON documents, as `mining.answers` has them: the one form that the command line, the
API and a remote SDK share.

Money is a text and its currency beside it, instants are ISO 8601 in UTC. Each answer is one of an instant, `now`: that
of `kpis.as_of`. Each function takes a process view, a filter, the options that its signature names, and a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kernel.clock import Clock
from kernel.errors import InputError
from kpis.as_of import as_of
from kpis.sla import MAX_PAGE, SlaState, SlaSummary, sla_cases, sla_summaries
from mining.answers import Document, Options, instant, number, rows
from mining.filters import CaseFilter
from mining.view import ProcessView


def sla(view: ProcessView, chosen: CaseFilter, options: Options, clock: Clock) -> Document:
    """Every promise of the process, or the one that `promise` names, in the order of the definition."""
    now, named = as_of(view, clock), options.get("promise")
    found = sla_summaries(view, now, chosen, None if named is None else [named])
    return {
        "process": view.definition.id,
        "now": instant(now),
        "promises": [_summary(one) for one in found],
    }


def cases(view: ProcessView, chosen: CaseFilter, options: Options, clock: Clock) -> Document:
    """A page of the cases of one promise, those that lose most per hour first. `sla`: states, parted by commas; `late`:
    true for those past due and not kept."""
    name = promise_name(view, options.get("promise"))
    page = sla_cases(
        view,
        name,
        as_of(view, clock),
        states=_states(options.get("sla", "")),
        late_now=_yes(options, "late"),
        chosen=chosen,
        limit=number(options, "limit", 50, MAX_PAGE),
        after=options.get("next"),
    )
    found = rows(page.cases.rename({"case_id": "case"}))
    return {"process": view.definition.id, "promise": name, "now": instant(page.now), "cases": found, "next": page.next}


def promise_name(view: ProcessView, named: str | None) -> str:
    """The promise that is meant: the only one of the process where none is named.

    Raises
    ------
    InputError
        None is named, and the process has several, or promises nothing.
    """
    names = [promise.name for promise in view.definition.promises]
    if named is not None:
        return named
    if not names:
        raise InputError(
            f"{view.definition.id} promises nothing; add promises to its definition, each with a name, from, to and "
            "within"
        )
    if len(names) > 1:
        raise InputError(f"promise: {view.definition.id} has several, name one of them: {', '.join(names)}")
    return names[0]


ANSWERS: dict[str, Callable[[ProcessView, CaseFilter, Options, Clock], Document]] = {"sla": sla, "sla/cases": cases}
"""As `mining.answers.ANSWERS`, for answers that a clock decides too."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "sla": ("promise",),
    "sla/cases": ("promise", "sla", "late", "limit", "next"),
}
"""The options that an answer takes besides the filter."""


def _summary(found: SlaSummary) -> Document:
    return {
        "promise": found.promise,
        **{str(state): count for state, count in found.cases.items()},
        "not_started": found.not_started,
        "void": found.void,
        "late_now": found.late_now,
        "kept_late": found.kept_late,
        "value_late": _money(found.value_late),
        "value_at_risk": _money(found.value_at_risk),
        "unpriced": found.unpriced,
        "lost_per_hour": _money(found.lost_per_hour),
        "oldest_due": instant(found.oldest_due) if found.oldest_due is not None else None,
    }


def _money(sums: dict[str, Decimal]) -> list[Document]:
    return [{"value": str(value), "currency": currency} for currency, value in sums.items()]


def _states(text: str) -> list[SlaState]:
    try:
        return [SlaState(word) for word in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"sla: {text[:60]!r} is not one or more of {', '.join(SlaState)}") from None


def _yes(options: Options, name: str) -> bool:
    text = options.get(name, "false")
    if text not in ("true", "false"):
        raise InputError(f"{name}: {text[:40]!r} is neither true nor false")
    return text == "true"
