"""Answers for people at a terminal: tables of what the documents hold, in units one can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kernel.timeparse import format_duration

Cell = Callable[[Any], str]
Column = tuple[str, str, Cell]
"""Heading, key in the row, and how its value is written."""

MAX_NAME = 60


def name(value: Any) -> str:
    """A name from a log on one line, control characters made visible, cut to a readable length."""
    text = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in str(value))
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"


def count(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def share(value: Any) -> str:
    return "–" if value is None else f"{value:.1%}"


def seconds(value: Any) -> str:
    return "–" if value is None else format_duration(value)


def hours(value: Any) -> str:
    return "–" if value is None else f"{value:,.0f} h"


def moment(value: Any) -> str:
    return "–" if value is None else str(value).replace("T", " ")[:19]


def money(sums: Any) -> str:
    """Sums per currency, as `[{"amount": "12.5", "currency": "EUR"}]` or `{"EUR": "12.5"}`; none: a dash."""
    pairs = sums.items() if isinstance(sums, Mapping) else [(one["currency"], one["amount"]) for one in sums or ()]
    return ", ".join(f"{Decimal(amount):,.2f} {currency}" for currency, amount in pairs) or "–"


NUMERIC = {count, share, seconds, hours}


def table(console: Console, title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table; names from logs are text, never markup."""
    drawn = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading, _, cell in columns:
        drawn.add_column(heading, justify="right" if cell in NUMERIC else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell(row.get(key))) for _, key, cell in columns))
    console.print(drawn)


def facts(console: Console, title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Print name and value pairs."""
    drawn = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, show_header=False)
    drawn.add_column(style="dim")
    drawn.add_column()
    for key, value in pairs:
        drawn.add_row(key, Text(value))
    console.print(drawn)


def path(activities: Sequence[str]) -> str:
    """A variant on one line."""
    return " → ".join(name(activity) for activity in activities)
