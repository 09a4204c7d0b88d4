"""Tables of trouble and remedies for people at a terminal, with what to do when they are empty."""

from __future__ import annotations

from rich.console import Console

from gembascope import render
from mining.answers import Document


def promises(console: Console, rows: list[Document]) -> None:
    """How promises stand."""
    if not rows:
        console.print("No process promises anything. Add `promises` to a process definition.")
        return
    columns: list[render.Column] = [
        ("process", "process", render.name),
        ("promise", "promise", render.name),
        ("late now", "late_now", render.count),
        ("value late", "value_late", render.money),
        ("lost per hour", "lost_per_hour", render.money),
        ("value at risk", "value_at_risk", render.money),
        ("oldest due (UTC)", "oldest_due", render.moment),
    ]
    render.table(console, "promises", columns, rows)


def incidents(console: Console, rows: list[Document]) -> None:
    """Incidents in the order of the document."""
    if not rows:
        console.print("No trouble is known. `gembascope detect` looks for it, by the rules of the tenant.")
        return
    columns: list[render.Column] = [
        ("incident", "id", str),
        ("severity", "severity", str),
        ("state", "state", str),
        ("what", "title", render.name),
        ("suspect", "suspect", render.name),
        ("owner", "owner", lambda owner: render.name(owner or "nobody")),
        ("cases", "cases", render.count),
        ("value", "value", render.money),
        ("lost per hour", "lost_per_hour", render.money),
        ("since (UTC)", "since", render.moment),
    ]
    render.table(console, "incidents, the severest and dearest first", columns, rows)


def decisions(console: Console, rows: list[Document]) -> None:
    """Decisions that wait, in the order of the document."""
    if not rows:
        console.print("Nothing waits for a decision.")
        return
    flat = [
        row | {"id": row["run"]["run_id"], "cases": row["stake"]["count"], "money": row["stake"]["totals"]}
        for row in rows
    ]
    columns: list[render.Column] = [
        ("run", "id", str),
        ("step", "step", str),
        ("what is asked", "ask", render.name),
        ("cases", "cases", render.count),
        ("at stake", "money", render.money),
        ("until (UTC)", "deadline", render.moment),
    ]
    render.table(console, "decisions that wait, the greatest value first", columns, flat)


def runs(console: Console, rows: list[Document]) -> None:
    """Runs, the newest first."""
    if not rows:
        console.print("No playbook has run. `gembascope playbooks` lists them; `gembascope propose` asks for one.")
        return
    columns: list[render.Column] = [
        ("run", "run_id", str),
        ("playbook", "playbook", str),
        ("mode", "mode", str),
        ("status", "status", str),
        ("reason", "reason", lambda reason: reason or "–"),
        ("step", "step", str),
        ("what", "title", render.name),
        ("cases", "cases", render.count),
        ("at stake", "totals", render.money),
        ("opened (UTC)", "opened_at", render.moment),
    ]
    render.table(console, "runs, the newest first", columns, rows)


def run(console: Console, found: Document) -> None:
    """One run: where it stands, and everything that happened."""
    render.facts(
        console,
        f"run {found['run_id']}",
        [
            ("playbook", f"{found['playbook']} ({found['mode']})"),
            ("about", f"{render.name(found['title'])}; incident {found['incident_id'] or 'none'}"),
            ("status", found["status"] + (f": {found['reason']}" if found["reason"] else "")),
            ("step", found["step"]),
            ("at stake", f"{render.count(found['cases'])} cases, {render.money(found['totals'])}"),
            ("asked for by", render.name(found["requested_by"])),
        ],
    )
    columns: list[render.Column] = [
        ("at (UTC)", "at", render.moment),
        ("what happened", "activity", str),
        ("by", "actor", render.name),
    ]
    render.table(console, "history", columns, found["history"])
    if found["in_doubt"]:
        console.print("It is in doubt whether a deed was done: `gembascope runs settle` says so, and it goes on.")


def mutes(console: Console, rows: list[Document]) -> None:
    """Mutes that last, in the order of the document."""
    if not rows:
        console.print("Nothing is muted.")
        return
    columns: list[render.Column] = [
        ("mute", "mute_id", str),
        ("process", "process", render.name),
        ("playbook", "playbook", lambda playbook: playbook or "every one"),
        ("key", "key", lambda key: render.name(key or "any")),
        ("until (UTC)", "until", render.moment),
        ("by", "muted_by", render.name),
        ("why", "reason", render.name),
    ]
    render.table(console, "muted: no runs are opened", columns, rows)


def messages(console: Console, found: Document) -> None:
    """Messages that were given up, and how many are on their way."""
    if found["waiting"]:
        since = render.moment(found["waiting_since"])
        console.print(f"{found['waiting']:,} wait to be delivered, the oldest since {since} UTC.")
    if not found["messages"]:
        console.print("No message was given up.")
        return
    columns: list[render.Column] = [
        ("message", "message", str),
        ("to", "destination", str),
        ("about", "about", render.name),
        ("written (UTC)", "created_at", render.moment),
        ("attempts", "attempts", render.count),
        ("given up (UTC)", "dead_at", render.moment),
        ("why", "why", render.name),
    ]
    rows = [
        row | {"about": about(row), "why": f"{row['code']}: {row['detail']}".rstrip(": ")} for row in found["messages"]
    ]
    render.table(console, "messages that did not arrive, the newest first", columns, rows)
    if found["dead"] > len(rows):
        console.print(f"and {found['dead'] - len(rows):,} older ones")


def about(message: Document) -> str:
    """What a message is about, in a few words."""
    more = message["incidents"] - 1
    return (message["title"] or message["incident"] or "–") + (f" and {more:,} more" if more > 0 else "")
