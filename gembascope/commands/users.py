"""`gembascope users`: who may sign in, and what they may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.identity import BY, Roles, directory, password_link, read_grants
from gembascope.commands.options import Home, Json, Tenant, console, print_json
from kernel.identity.users import User

app = typer.Typer(no_args_is_help=True, help="Who may sign in, and what they may do.")

Name = Annotated[str, typer.Argument(help="What they sign in with, such as an e-mail address.")]


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Everybody, with their roles."""
    with directory(home, tenant) as (people, _):
        found = [_shown(user) for user in people.users.all()]
    if json:
        return print_json({"users": found})
    if not found:
        return console().print("Nobody yet. `gembascope serve` shows the link for the first administrator.")
    columns: list[render.Column] = [
        ("name", "name", render.name),
        ("roles", "roles", lambda roles: render.name(", ".join(roles))),
        ("state", "state", str),
        ("since", "created_at", render.moment),
    ]
    return render.table(console(), "users", columns, found)


@app.command("add")
def add(name: Name, role: Roles, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Add a person, and print the link with which they set their password."""
    with directory(home, tenant) as (people, settings):
        user, token = people.users.add(name, read_grants(role), by=BY)
        _tell(user, json, password_link(settings, token))


@app.command("grant")
def grant(name: Name, role: Roles, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Give a person exactly these roles; they count from the next request on."""
    with directory(home, tenant) as (people, _):
        _tell(people.users.set_grants(name, read_grants(role), by=BY), json)


@app.command("disable")
def disable(name: Name, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Sign a person out everywhere and let them in no more."""
    with directory(home, tenant) as (people, _):
        _tell(people.users.set_disabled(name, True, by=BY), json)


@app.command("enable")
def enable(name: Name, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Let a person in again."""
    with directory(home, tenant) as (people, _):
        _tell(people.users.set_disabled(name, False, by=BY), json)


@app.command("link")
def link(name: Name, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Print a link with which a person sets a new password; the old one works until then."""
    with directory(home, tenant) as (people, settings):
        token = people.users.forget_password(name, by=BY)
        _tell(people.users.get(name), json, password_link(settings, token))


def _shown(user: User) -> dict[str, Any]:
    state = "disabled" if user.disabled_at else "invited" if user.invited else "active"
    roles = [str(grant) for grant in sorted(user.grants)]
    return {"name": user.name, "roles": roles, "state": state, "created_at": user.created_at.isoformat()}


def _tell(user: User, json: bool, link: str | None = None) -> None:
    shown = _shown(user)
    if json:
        return print_json(shown | ({"password_link": link} if link else {}))
    out = console()
    out.print(f"{shown['name']}: {', '.join(shown['roles'])}; {shown['state']}", soft_wrap=True)
    if link is not None:
        out.print("They set their password here, once, within three days:")
        out.print(link, soft_wrap=True)
    return None
