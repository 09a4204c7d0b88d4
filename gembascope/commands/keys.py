"""`gembascope keys`: keys of programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.identity import BY, Roles, directory, read_grants
from gembascope.commands.options import Home, Json, Tenant, console, print_json
from kernel.clock import SystemClock
from kernel.identity.keys import ApiKey

app = typer.Typer(no_args_is_help=True, help="Keys of programs.")


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Every key, the newest first, without what it consists of."""
    with directory(home, tenant) as (people, _):
        found = [_shown(key) for key in people.keys.all()]
    if json:
        return print_json({"keys": found})
    if not found:
        return console().print("No key yet. `gembascope keys create NAME --role viewer` makes one.")
    columns: list[render.Column] = [
        ("id", "id", str),
        ("name", "name", render.name),
        ("roles", "roles", lambda roles: render.name(", ".join(roles))),
        ("state", "state", str),
        ("until", "expires_at", render.moment),
        ("last used", "used_at", render.moment),
    ]
    return render.table(console(), "keys", columns, found)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Roles,
    days: Annotated[int, typer.Option(help="How long it is good for.", min=1, max=366)] = 90,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Make a key, and show it: the only time that it is known."""
    with directory(home, tenant) as (people, _):
        key, text = people.keys.create(name, read_grants(role), life=timedelta(days=days), by=BY)
    if json:
        return print_json(_shown(key) | {"key": text})
    out = console()
    out.print(f"{key.name}: {', '.join(_shown(key)['roles'])}; until {render.moment(key.expires_at.isoformat())}")
    out.print("Keep it where secrets are kept; it is not shown again:")
    return out.print(text, soft_wrap=True)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, as `gembascope keys list` shows it.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Refuse a key from now on."""
    with directory(home, tenant) as (people, _):
        key = _shown(people.keys.revoke(key_id, by=BY))
    if json:
        return print_json(key)
    return console().print(f"{key['name']}: {key['state']}")


def _shown(key: ApiKey) -> dict[str, Any]:
    expired = key.expires_at <= SystemClock().now()
    return {
        "id": key.key_id,
        "name": key.name,
        "roles": [str(grant) for grant in sorted(key.grants)],
        "state": "revoked" if key.revoked_at else "expired" if expired else "active",
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "used_at": key.used_at.isoformat() if key.used_at else None,
    }
