"""What a page says: what, since when, how many orders, money, deadline, suspect, owner, and where to look."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from kernel.findings import SEVERITIES, Kind
from kernel.timeparse import format_duration
from orchestration_hooks.alerts.grouping import Reason
from orchestration_hooks.alerts.news import IncidentNews, NewsState
from orchestration_hooks.effects import Message

MOST_SHOWN = 10
MOST_CHARACTERS = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def page(told: Sequence[IncidentNews], *, reason: Reason, public_url: str | None, now: datetime) -> Message:
    """The message about these incidents (one or more), the worst first, those that are over last. Without a public
    address it holds no link: none is guessed."""
    if not told:
        raise ValueError("a page is about one incident or more")
    ordered = worst_first(told)
    first, more = ordered[0], len(ordered) - 1
    title = f"{_mark(first, reason)}{plain(first.title)}{f' and {more} more' if more else ''}"
    parts = [_part(news, public_url, now) for news in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        parts.append(f"… and {len(ordered) - MOST_SHOWN} more incidents.")
    fields = {name: text for name, text in _facts(first, now) if text} if not more else {}
    link = _link(first, public_url) if not more else (f"{public_url}/incidents" if public_url else "")
    return Message(title, "\n\n".join(parts), first.severity.value, link, fields)


def worst_first(told: Sequence[IncidentNews]) -> list[IncidentNews]:
    """In the order of a page: the first one gives it its title."""
    return sorted(told, key=_worst_first)


def plain(text: str) -> str:
    """A text that others wrote, on one line and not endless: nothing in it can look like a line of ours."""
    found = _CONTROL.sub(" ", text).strip()
    return found if len(found) <= MOST_CHARACTERS else f"{found[: MOST_CHARACTERS - 1]}…"


def money(value: Mapping[str, Decimal], unpriced: int) -> str:
    """Money per currency, the largest number first, and how many are not priced."""
    known = sorted(value.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{amount:,.2f} {plain(currency)}" for currency, amount in known]
    if unpriced:
        parts.append(f"{unpriced:,} not priced" if parts else "not priced")
    return "; ".join(parts) or "not priced"


def _part(news: IncidentNews, public_url: str | None, now: datetime) -> str:
    over = "Over: " if news.state is NewsState.RESOLVED else ""
    lines = [f"{over}{plain(news.title)}", *(f"{name}: {text}" for name, text in _facts(news, now) if text)]
    link = _link(news, public_url)
    return "\n".join([*lines, link] if link else lines)


def _facts(news: IncidentNews, now: datetime) -> list[tuple[str, str]]:
    lasted = format_duration(max((now - news.since).total_seconds(), 0.0))
    owner = plain(news.owner) or "nobody"
    return [
        ("Process", plain(news.process)),
        ("Severity", news.severity.value),
        ("Since", f"{_instant(news.since)} ({lasted})"),
        ("Orders", f"{news.cases:,}" if news.cases else ""),
        ("Money", money(news.value, news.unpriced) if news.cases else ""),
        ("Deadline", _deadline(news, now)),
        ("Suspect", plain(news.suspect)),
        ("Owner", owner),
        ("Owner of the suspect", plain(news.dependency_owner)),
    ]


def _deadline(news: IncidentNews, now: datetime) -> str:
    if news.state is NewsState.RESOLVED or (news.deadline is None and news.kind != Kind.SLA_BREACH):
        return ""
    return "passed" if news.deadline is None or news.deadline <= now else _instant(news.deadline)


def _mark(news: IncidentNews, reason: Reason) -> str:
    if news.state is NewsState.RESOLVED:
        return "Over: "
    return {Reason.WORSE: "Worse: ", Reason.REPEAT: "Still: "}.get(reason, "")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _link(news: IncidentNews, public_url: str | None) -> str:
    return f"{public_url}/incident?incident={news.incident_id}" if public_url else ""


def _worst_first(news: IncidentNews) -> tuple[bool, int, Decimal, int, str]:
    priced = max(news.value.values(), default=Decimal(0))
    over = news.state is NewsState.RESOLVED
    return over, -SEVERITIES.index(news.severity), -priced, -news.cases, news.incident_id
