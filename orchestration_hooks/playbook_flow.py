"""Whether the steps of a playbook hang together: every mistake, with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kernel.definitions import suggestion
from kernel.promise import parse_within
from orchestration_hooks.playbook_steps import WORDS, Step
from orchestration_hooks.situation import SUBJECT_FIELDS
from orchestration_hooks.templates import names, problem

Place = tuple[str | int, ...]
Found = tuple[Place, str]


def problems(key: str, steps: Sequence[Step], calendar: str | None, requires_approval: bool) -> list[Found]:
    """Every mistake as (place, message), in the order of the file."""
    found = [*_key(key), *_ids(steps), *_targets(steps), *_fields(steps), *_times(steps, calendar)]
    if not found:  # ways are only followed where every step of them is there
        found = [*_ways(steps), *(_unapproved(steps) if requires_approval else ())]
    return found


def _key(key: str) -> Iterator[Found]:
    known = [f"subject.{name}" for name in SUBJECT_FIELDS if name != "key"]
    for name in names(key):
        if name not in known:
            yield ("trigger", "key"), f"{name!r} is not a field of a subject{suggestion(name, known)}"


def _ids(steps: Sequence[Step]) -> Iterator[Found]:
    seen: set[str] = set()
    for at, step in enumerate(steps):
        if step.id in seen:
            yield ("steps", at, "id"), f"{step.id!r} is the id of two steps"
        if step.id in WORDS:
            yield ("steps", at, "id"), f"{step.id!r} means something else and cannot be an id"
        seen.add(step.id)
    if steps[0].gather is None:
        yield ("steps", 0), "the first step has to gather: nothing is known before"


def _targets(steps: Sequence[Step]) -> Iterator[Found]:
    ids = [step.id for step in steps]
    for at, step in enumerate(steps):
        for field, words in (("next", ()), ("on_reject", WORDS[1:2]), ("on_timeout", WORDS[1:2]), ("on_failed", WORDS)):
            target = getattr(step, field)
            if target and target not in words and target not in ids:
                yield ("steps", at, field), f"there is no step {target!r}{suggestion(target, [*ids, *words])}"
        for number, route in enumerate(step.branch or ()):
            if route.goto not in ids:
                place = ("steps", at, "branch", number, "goto")
                yield place, f"there is no step {route.goto!r}{suggestion(route.goto, ids)}"
        if step.branch is not None and (
            not step.branch or step.branch[-1].when or not all(r.when for r in step.branch[:-1])
        ):
            yield ("steps", at, "branch"), "the last way, and only that, has no conditions: one has to be left always"
        if (step.branch is not None or step.record is not None) and step.next:
            yield ("steps", at, "next"), f"a {step.kind} has no next step"
        if step.on_reject and step.approval is None:
            yield ("steps", at, "on_reject"), f"a {step.kind} rejects nothing"
        if step.on_timeout and not step.waits:
            yield ("steps", at, "on_timeout"), f"a {step.kind} that waits for nothing does not run out of time"
        if step.waits and step.approval is None and not step.on_timeout:
            yield ("steps", at), "on_timeout is needed: where to go when nothing comes"
        if step.compensate is not None and not step.is_effect:
            yield ("steps", at, "compensate"), f"a {step.kind} that changes nothing cannot be undone"
        if step.effect == "unsafe" and not step.is_effect:
            yield ("steps", at, "effect"), f"a {step.kind} that changes nothing cannot be unsafe"


def _fields(steps: Sequence[Step]) -> Iterator[Found]:
    ids = frozenset(step.id for step in steps)
    for at, step in enumerate(steps):
        for field, template in step.templates.items():
            for name in names(template):
                if wrong := problem(name, ids):
                    yield ("steps", at, step.kind, field), wrong
        if step.compensate is not None:
            undoing = step.compensate.call or step.compensate.trigger
            for name in names(undoing.model_dump() if undoing is not None else {}):
                if wrong := problem(name, ids):
                    yield ("steps", at, "compensate"), wrong
        for number, route in enumerate(step.branch or ()):
            for condition in route.when:
                if wrong := problem(condition.field, ids):
                    yield ("steps", at, "branch", number, "when"), wrong


def _times(steps: Sequence[Step], calendar: str | None) -> Iterator[Found]:
    for at, step in enumerate(steps):
        given: dict[Place, str] = {}
        if step.approval is not None:
            given[("approval", "timeout")] = step.approval.timeout
            given |= {("approval", "escalate", n, "after"): e.after for n, e in enumerate(step.approval.escalate)}
        if step.wait_event is not None:
            given[("wait_event", "timeout")] = step.wait_event.timeout
        if step.trigger is not None and step.trigger.callback is not None:
            given[("trigger", "callback")] = step.trigger.callback
        for place, text in given.items():
            if calendar is None and parse_within(text).unit != "elapsed":
                yield ("steps", at, *place), f"{text!r} needs a calendar, and the playbook names none"


def ways(steps: Sequence[Step]) -> Mapping[str, tuple[str, ...]]:
    """Of each step where the run may go from it."""
    found: dict[str, tuple[str, ...]] = {}
    for at, step in enumerate(steps):
        following = step.next or (steps[at + 1].id if at + 1 < len(steps) else "")
        if step.branch is not None:
            found[step.id] = tuple(route.goto for route in step.branch)
            continue
        targets = [] if step.record is not None else [following]
        targets += [target for target in (step.on_reject, step.on_timeout, step.on_failed) if target not in WORDS]
        found[step.id] = tuple(target for target in targets if target)
    return found


def _ways(steps: Sequence[Step]) -> Iterator[Found]:
    reached = _reached(steps, steps[0].id, past=lambda _: True)
    for at, step in enumerate(steps):
        if step.id not in reached:
            yield ("steps", at, "id"), f"no way leads to the step {step.id!r}"
    last = steps[-1]
    if last.record is None and last.branch is None and not last.next:
        yield ("steps", len(steps) - 1), "nothing comes after the last step: it has to record how the run ended"


def _unapproved(steps: Sequence[Step]) -> Iterator[Found]:
    """Deeds that a way leads to on which nobody agreed; a rejection and a timeout are no agreement either."""
    by_id = {step.id: step for step in steps}
    reached = _reached(steps, steps[0].id, past=lambda step_id: by_id[step_id].approval is None)
    for step in steps:
        if step.approval is not None and step.id in reached:
            for target in (step.on_reject, step.on_timeout, step.on_failed):
                if target in by_id:
                    reached |= _reached(steps, target, past=lambda step_id: by_id[step_id].approval is None)
    for at, step in enumerate(steps):
        if step.is_effect and step.id in reached:
            yield ("steps", at), f"a way leads to the {step.kind} {step.id!r} on which nobody has agreed"


def _reached(steps: Sequence[Step], start: str, *, past: object) -> set[str]:
    onward = ways(steps)
    reached, left = {start}, [start]
    while left:
        step_id = left.pop()
        if callable(past) and past(step_id):
            new = set(onward[step_id]) - reached
            reached |= new
            left += new
    return reached
