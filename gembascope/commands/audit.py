"""`gembascope audit`: who did what, and the proof that nobody changed it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gembascope import render
from gembascope.commands.identity import BY
from gembascope.commands.options import Home, Json, Tenant, console, print_json
from kernel.audit import chain as chains
from kernel.audit.reading import AuditReader
from kernel.audit.records import HEAD, KEYS, ExportedAudit, StoredAudit
from kernel.audit.signing import (
    PUBLIC_KEYS,
    PublicKeys,
    head_text,
    key_id,
    keys_text,
    public_keys,
    read_head,
    read_keys,
    rotate_key,
)
from kernel.audit.verify import Verification, verify
from kernel.clock import SystemClock
from kernel.errors import AuditBroken, InputError
from kernel.settings import Settings, load_settings
from kernel.state.database import State

app = typer.Typer(no_args_is_help=True, help="Who did what, and the proof that nobody changed it.")

Out = Annotated[Path | None, typer.Option("--out", help="File to write, in place of standard output.")]


@contextmanager
def opened(home: Path | None, tenant: str | None) -> Iterator[tuple[AuditReader, State, Settings]]:
    settings = load_settings(home=home, tenant=tenant)
    with State(settings) as state:
        yield AuditReader(state, settings, SystemClock()), state, settings


@app.command("verify")
def verify_(
    folder: Annotated[Path | None, typer.Argument(help="Exported audit; without it the one of this home.")] = None,
    head: Annotated[
        list[Path] | None, typer.Option("--head", help="Signed head that was kept elsewhere; again: further ones.")
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="Public keys that may have signed it; by default those of this home."),
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Find what was changed, deleted, inserted or moved. Without a head only what is inconsistent is found."""
    settings = load_settings(home=home, tenant=tenant)
    heads = [read_head(path) for path in head or ()]
    if folder is not None:
        whose = heads[0].tenant if heads else read_head(folder / HEAD).tenant
        found = verify(ExportedAudit(folder), whose, heads, _trusted(key, settings, folder) if heads else None)
    else:
        keys = (read_keys(key) if key else public_keys(settings)) if heads else None
        with State(settings) as state:
            found = verify(StoredAudit(state, settings.tenant), settings.tenant, heads, keys)
    if json:
        print_json(_document(found))
    else:
        _tell(found)
    if not found.intact:
        raise AuditBroken(f"the audit is not what was recorded: {found.found} findings")


@app.command("head")
def head_(out: Out = None, home: Home = None, tenant: Tenant = None) -> None:
    """Anchor what was recorded, and write the signed head as JSON. Keep it where nobody of this system can write."""
    with opened(home, tenant) as (audit, _, _settings):
        _put(out, head_text(audit.head(grown=True)))


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="New folder: entries, anchors, head and public keys.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Write the whole audit into a folder that can be verified anywhere."""
    with opened(home, tenant) as (audit, _, _settings):
        found = audit.export(folder)
    if json:
        return print_json(msgspec.to_builtins(found))
    told = f"{folder}: {found.entries} entries of {found.chains} chains, to anchor {found.anchor}"
    return console().print(told, soft_wrap=True)


@app.command("show")
def show(
    chain: Annotated[str, typer.Argument(help="Such as users, keys, run:ID.")],
    after: Annotated[int, typer.Option(help="Only entries with numbers above this one.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="Most entries.", min=1, max=10_000)] = 100,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """The entries of one chain."""
    with opened(home, tenant) as (audit, _, _settings):
        found = [msgspec.to_builtins(entry) for entry in audit.entries(chain, after=after, limit=limit)]
    if json:
        return print_json({"chain": chain, "entries": found})
    columns: list[render.Column] = [
        ("number", "number", str),
        ("at", "at", render.moment),
        ("who", "actor", render.name),
        ("what", "kind", render.name),
        ("about", "body", lambda body: render.name(msgspec.json.encode(body).decode())),
    ]
    return render.table(console(), chain, columns, found)


@app.command("keys")
def keys_(out: Out = None, home: Home = None) -> None:
    """Write the public keys of this home as PEM: with them heads are verified elsewhere."""
    _put(out, keys_text(public_keys(load_settings(home=home))).encode())


@app.command("rotate-key")
def rotate(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """Sign with a new key from now on. Heads that the old one signed stay verifiable."""
    # No key changes where that cannot be written down.
    with opened(home, tenant) as (audit, state, settings), state.writing() as connection:
        old, new = rotate_key(settings)
        about = {"old_key_id": old, "new_key_id": new}
        at = SystemClock().now()
        chains.append(connection, audit.tenant, "audit", kind="audit_key_changed", actor=BY, body=about, at=at)
    if json:
        return print_json(about)
    return console().print(f"Heads are signed with {new} now. `gembascope audit keys` has both.", soft_wrap=True)


def _trusted(given: list[Path] | None, settings: Settings, folder: Path) -> PublicKeys:
    """The keys that were named, else those of this home, else those of the export: told, as they prove little."""
    if given:
        return read_keys(given)
    if (settings.home.expanduser() / PUBLIC_KEYS).is_dir():
        return public_keys(settings)
    found = read_keys([folder / KEYS])
    names = ", ".join(key_id(one) for one in found.values())
    told = f"Keys are those of the export itself; compare with those that you know (or name them by --key): {names}"
    console(error=True).print(told, soft_wrap=True)
    return found


def _document(found: Verification) -> dict[str, Any]:
    return {
        "intact": found.intact,
        "chains": found.chains,
        "entries": found.entries,
        "anchors": found.anchors,
        "covered_by": found.covered_by,
        "not_covered": found.not_covered,
        "found": found.found,
        "findings": [msgspec.to_builtins(breach) for breach in found.breaches],
    }


def _tell(found: Verification) -> None:
    out = console()
    for breach in found.breaches:
        where = " ".join(str(part) for part in (breach.chain, breach.number) if part)
        out.print(": ".join(part for part in (breach.kind.value, where, breach.message) if part), soft_wrap=True)
    if found.found > len(found.breaches):
        out.print(f"… and {found.found - len(found.breaches)} more")
    out.print(f"Read {found.entries} entries of {found.chains} chains, and {found.anchors} anchors.")
    if found.covered_by is None:
        out.print("No head covers them: who can write the database could have made them all anew.")
    else:
        out.print(
            f"The head covers anchor {found.covered_by}; {found.not_covered} entries are not covered by this head."
        )
    if found.intact:
        out.print("Nothing was changed.")


def _put(out: Path | None, text: bytes) -> None:
    if out is None:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
        return
    try:
        with open(os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644), "wb") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from None
