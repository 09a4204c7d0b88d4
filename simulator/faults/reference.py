"""`python -m simulator.faults.reference`: docs/faults.md, made of the kinds and of the fields of a scenario file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from kernel.definitions import read_definition
from simulator.faults.kinds import KINDS, FaultKind
from simulator.faults.scenario import SHIPPED, Fault, Scenario
from simulator.world.retailer import NAMES
from simulator.world.times import WEEKDAYS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "faults.md"
FEW = 30
"""Names up to so many are all listed."""
INTRODUCTION = """\
# What can go wrong in the simulated retailer

This page is made by `python -m simulator.faults.reference` of what the simulator itself reads; a test says whether it
is current.

A scenario is a YAML file that says what goes wrong, when and where. Without one everything works. `gembascope simulate
--scenario FILE` lets it happen, `gembascope check --scenario FILE` says what is wrong with the file itself.

```yaml
id: my-night                # the file is my-night.yaml
title: The shop's orders do not reach the ERP for a night
faults:
  - kind: webhook_dead
    from: day 3 20:00       # by the clocks of the head office; the first day is day 1
    until: day 4 06:00      # or, instead of until: for: 10h
    where: {interface: shop-to-erp}
```

Faults may overlap, and one kind may come several times. What each of them did, which objects it affected and what it
cost stands in `truth.json` beside what is written. Some kinds are no fault: what is unusual and nothing wrong. Nobody
may be alarmed by them.
"""


def page() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION,
        "## Fields of a scenario\n",
        _fields(Scenario),
        "## Fields of a fault\n",
        _fields(Fault),
        "## Scenarios that are shipped\n",
        "Each can be named instead of a file.\n",
        _shipped(),
        "## What a fault can be narrowed to\n",
        "\n".join(_names()) + "\n",
        "## Kinds\n",
        "`share` and `size` are what counts where the scenario says nothing. What stands in bold has to be given.\n",
        *(_kind(kind) for kind in KINDS.values()),
    ]
    return "\n".join(parts)


def _fields(model: type[BaseModel]) -> str:
    lines = ["| field | | what it is |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        needed = "needed" if field.is_required() else ""
        lines.append(f"| `{field.alias or name}` | {needed} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shipped() -> str:
    lines = ["| name | what it is about |", "| --- | --- |"]
    for path in sorted(SHIPPED.glob("*.yaml")):
        lines.append(f"| `{path.stem}` | {read_definition(path, Scenario).title} |")
    return "\n".join(lines) + "\n"


def _names() -> Iterator[str]:
    there = sorted({named for kind in KINDS.values() for name in kind.where for named in (name, kind.named_by(name))})
    for name in there:
        names = list(WEEKDAYS if name == "weekday" else NAMES[name])
        listed = ", ".join(names) if len(names) <= FEW else f"{names[0]} to {names[-1]}"
        yield f"- `{name}`: {listed}"


def _kind(kind: FaultKind) -> str:
    lines = [f"### {kind.id}\n", f"{kind.title}.{'' if kind.is_fault else ' This is no fault.'}\n"]
    where = ", ".join(_place(kind, name) for name in kind.where)
    if where:
        lines.append(f"- where: {where}")
    lines.append(f"- share: {kind.share:g}")
    if kind.size is not None:
        lines.append(f"- size: {kind.size:g} ({kind.size_is})")
    lines.append(f"- process: {kind.process}")
    return "\n".join(lines) + "\n"


def _place(kind: FaultKind, name: str) -> str:
    named = kind.named_by(name)
    return (f"**{name}**" if name in kind.needs else name) + (f" (a {named})" if named != name else "")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
