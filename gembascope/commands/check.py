"""`gembascope check` and `gembascope doctor`: definitions, settings, and whether things work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Tenant, console, print_json
from gembascope.service import find_service, now_of
from kernel.errors import DefinitionError, GembascopeError, Problem, exit_code
from kernel.settings import Settings, load_settings

app = typer.Typer()


@app.command("check")
def check_(
    scenario: Annotated[
        list[Path] | None,
        typer.Option("--scenario", help="A scenario of `gembascope simulate` instead; again: that too."),
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Check all definition files."""
    from gembascope.definitions import KINDS, check

    if scenario:
        _check_scenarios(scenario, json=json)
        return
    settings = load_settings(home=home, tenant=tenant)
    where = settings.home.expanduser()
    checked = check(where, settings.tenant, now_of(where))
    wrong = DefinitionError(checked.problems)
    if json:
        problems, notes = _told(checked.problems), _told(checked.notes)
        ids = {kind: checked.ids[kind] for kind in KINDS}
        counts = {kind: len(ids[kind]) for kind in KINDS}
        print_json({"problems": problems, "notes": notes, "counts": counts, **ids})
        if problems:
            raise typer.Exit(exit_code(wrong))
        return
    if checked.problems:
        raise wrong
    for note in checked.notes:
        console().print(f"note: {note}", soft_wrap=True)
    counted = ", ".join(f"{kind} {len(checked.ids[kind])}" for kind in KINDS)
    console().print(f"{where / 'tenants' / settings.tenant}: no problem", soft_wrap=True)
    console().print(counted, soft_wrap=True)


def _check_scenarios(paths: list[Path], *, json: bool) -> None:
    """Every problem of every one of them is told; those of the simulated retailer belong to no tenant."""
    from simulator.faults.scenario import read_scenario

    right, problems = [], []
    for path in paths:
        try:
            right.append(read_scenario(path))
        except DefinitionError as error:
            problems += error.problems
    wrong = DefinitionError(problems)
    if json:
        print_json({"problems": _told(wrong.problems), "scenarios": [one.id for one in right]})
        if problems:
            raise typer.Exit(exit_code(wrong))
        return
    if problems:
        raise wrong
    for one in right:
        console().print(f"{one.id}: no problem, faults {len(one.faults)}", soft_wrap=True)


def _told(found: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"path": one.path, "line": one.line, "message": one.message} for one in found]


@app.command("doctor")
def doctor_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Show the settings and whether everything works."""
    settings = load_settings(home=home, tenant=tenant)
    rows = [_setting(settings, name) for name in Settings.model_fields]
    checks = _checks(settings)
    if json:
        print_json({"settings": rows, "checks": checks})
    else:
        columns: list[render.Column] = [
            ("setting", "setting", str),
            ("value", "value", str),
            ("what it is", "description", str),
        ]
        render.table(console(), "settings", columns, rows)
        state: list[render.Column] = [
            ("check", "check", str),
            ("", "ok", lambda ok: "ok" if ok else "FAILED"),
            ("", "detail", str),
        ]
        render.table(console(), "checks", state, checks)
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def _setting(settings: Settings, name: str) -> dict[str, Any]:
    """A setting as it may be shown: pydantic's secrets print as stars."""
    value = getattr(settings, name)
    field = Settings.model_fields[name]
    shown = "not set" if value is None else str(value)
    return {"setting": f"GEMBASCOPE_{name.upper()}", "value": shown, "description": field.description}


def _checks(settings: Settings) -> list[dict[str, Any]]:
    from gembascope.workspace import open_workspace

    service = find_service(settings.home.expanduser()) if settings.warehouse_url is None else None
    checks = [{"check": "service", "ok": True, "detail": service.url if service else "none runs on this home"}]
    try:
        opened = open_workspace(settings)
        try:
            found = len(opened.processes()["processes"])
        finally:
            opened.close()
        checks.append({"check": "warehouse", "ok": True, "detail": f"opens; {found} processes"})
    except GembascopeError as error:
        checks.append({"check": "warehouse", "ok": False, "detail": str(error)})
    return checks
