"""The catalogue as a page: what is shipped, and every field that its files may have, out of the models themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel

from anomalies.exceptions import ExceptionClass
from gembascope.catalogue import Shipped
from ingest.object_types import ObjectType
from kernel.calendar_definition import CalendarDefinition, Closure, PublicHolidays
from kernel.case_value import CaseValue, LateCost
from kernel.condition import shown
from kernel.link_path import written
from kernel.owners import Duty, Escalation, Owner, Scope
from kernel.pack import Additions, Pack, Removals, Replacements
from kernel.process import CaseAttribute, Population, ProcessDefinition
from kernel.promise import Pause, Promise
from kernel.target import Target

FIELDS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Process", ProcessDefinition),
    ("Process: promises", Promise),
    ("Process: promises, pauses", Pause),
    ("Process: promises, late_cost", LateCost),
    ("Process: targets", Target),
    ("Process: case_attributes", CaseAttribute),
    ("Process: excluded", Population),
    ("Process: value", CaseValue),
    ("Pack", Pack),
    ("Pack: add", Additions),
    ("Pack: remove", Removals),
    ("Pack: set", Replacements),
    ("Calendar", CalendarDefinition),
    ("Calendar: public_holidays", PublicHolidays),
    ("Calendar: closures", Closure),
    ("Owner", Owner),
    ("Owner: owns and depends", Scope),
    ("Owner: rota", Duty),
    ("Owner: escalation", Escalation),
    ("Object type", ObjectType),
    ("Exception", ExceptionClass),
)
"""What is written in each kind of file, and in the parts of it."""

TOP = """# The catalogue

Made by `gembascope catalogue docs`; a test says that it is current. `gembascope catalogue add PROCESS` copies a process
with its calendars and owners into the folder of a tenant, where it is yours to change. A pack (`packs/ID.yaml`) says
what is done otherwise for the whole tenant or for a brand, a region or a store, by whom, why and until when.
"""


def catalogue_page(shipped: Shipped) -> str:
    """Markdown, ending with a line break; the same for the same files."""
    return "\n".join(_lines(shipped)) + "\n"


def _lines(shipped: Shipped) -> Iterator[str]:
    yield TOP
    yield "## Processes\n"
    for process in shipped.catalogue.processes.values():
        yield from _process(process, shipped)
    yield "## Object types\n"
    yield (
        "A link path may begin or end with a hub and crosses none. Money and quantity are summed over distinct "
        "objects. Attributes with a history keep their former values.\n"
    )
    yield from _table(
        ("object type", "what it is", "hub", "money", "quantity", "history"),
        (
            (f"`{each.id}`", each.about, "hub" if each.hub else "", each.money, each.quantity, ", ".join(each.history))
            for each in shipped.catalogue.objects.values()
        ),
    )
    yield "## Exceptions\n"
    yield from _table(
        ("exception", "what it is", "severity", "object", "processes", "shown now by", "outcome", "dependency"),
        (
            (
                *(f"**{each.title}** `{each.id}`", each.about, each.severity.value, f"`{each.object_type}`"),
                *(", ".join(each.processes), ", ".join(each.shown_by) or "nothing yet"),
                *(each.outcome_owner, each.dependency_owner),
            )
            for each in shipped.exceptions.values()
        ),
    )
    yield "## Owners\n"
    yield from _table(
        ("owner", "title", "answers for the interfaces", "calendar", "then told"),
        (
            (
                *(f"`{each.id}`", each.title, ", ".join(scope.interface for scope in each.depends)),
                *(each.calendar or "", ", ".join(f"{step.to} after {step.after}" for step in each.escalation)),
            )
            for each in shipped.owners.values()
        ),
    )
    yield "## Calendars\n"
    yield from _table(
        ("calendar", "time zone", "hours"),
        (
            (f"`{each.id}`", each.timezone, "; ".join(f"{day} {', '.join(at)}" for day, at in each.hours.items()))
            for each in shipped.catalogue.calendars.values()
        ),
    )
    yield "## Fields\n"
    for title, model in FIELDS:
        yield f"### {title}\n"
        fields = model.model_fields.items()
        yield from _table(
            ("field", "needed", "what it says"),
            (
                (f"`{field.alias or name}`", "yes" if field.is_required() else "", field.description or "")
                for name, field in fields
            ),
        )


def _process(process: ProcessDefinition, shipped: Shipped) -> Iterator[str]:
    yield f"### {process.title} (`{process.id}`)\n"
    yield f"- A case is one `{process.object_type}`: {shipped.catalogue.objects[process.object_type].about}"
    if process.links:
        yield f"- Linked: {', '.join(f'`{written(path)}`' for path in process.links)}"
    yield f"- Starts with {_or(process.start)}; ends with {_or(process.end)}."
    yield f"- Owner `{process.owner}`, calendar `{process.calendar}`."
    if process.store:
        yield f"- Its store is the case attribute `{process.store}`."
    if process.value is not None:
        yield f"- At stake: `{process.value.attribute}`."
    if process.excluded:
        yield f"- Left out: {', '.join(population.name for population in process.excluded)}."
    yield f"- Case attributes: {', '.join(f'`{each.name}`' for each in process.case_attributes)}."
    yield ""
    team = {step: owner for owner, steps in process.depends.items() for step in steps}
    names = (f"{name} (`{team[name]}`)" if name in team else name for name in process.activities)
    yield f"Activities in their normal order, with who answers for a step of others: {', '.join(names)}.\n"
    yield from _table(
        ("promise", "from", "to", "within", "at risk", "for", "paused", "late"),
        (
            (
                *(promise.name, promise.starts_with or "start of the case", _kept_by(promise, process)),
                _within(promise),
                *(promise.at_risk or "", _cases(promise)),
                "; ".join(f"{pause.begins_with} to {pause.ends_with}" for pause in promise.pauses),
                _cost(promise),
            )
            for promise in process.promises
        ),
    )


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)


def _kept_by(promise: Promise, process: ProcessDefinition) -> str:
    kept_by = promise.kept_by or _or(process.end)
    return f"{kept_by}, the last" if promise.to_take == "last" else kept_by


def _within(promise: Promise) -> str:
    within = promise.within or f"until `{promise.by_attribute}`"
    return f"{within} of `{promise.calendar}`" if promise.calendar else within


def _cases(promise: Promise) -> str:
    parts = [shown(promise.where)] if promise.where else []
    return "; ".join(parts + [f"not {shown(each)}" for each in promise.unless])


def _cost(promise: Promise) -> str:
    cost = promise.late_cost
    if cost is None:
        return ""
    return f"{cost.per_hour} an hour" if cost.per_hour is not None else f"{cost.per_day} a day"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield f"| {' | '.join(re.sub(r'[|]', '/', cell) for cell in row)} |"
    yield ""
