"""The demo retailer's own definitions, one folder per kind, as a tenant's home holds them. The process of its returns
and what that needs besides are those of the catalogue."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from kernel.calendar import BusinessCalendar
from kernel.calendar_definition import CalendarDefinition
from kernel.definitions import read_definition

SHIPPED = Path(str(files(__name__)))
RETURN_TO_REFUND = "return-to-refund"
RETURNS_CENTER = "returns_center"


def install(home: Path, tenant: str) -> list[Path]:
    """Copy the definitions that the tenant does not have yet; the files written, ordered by path.

    A file that is there stays as it is, edited or not, so installing again changes nothing. Calendars come before the
    processes that name them, and each file appears whole or not at all.
    """
    folder = home / "tenants" / tenant
    written = []
    for shipped in sorted(SHIPPED.glob("*/*.yaml")):
        path = folder / shipped.relative_to(SHIPPED)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".tmp")
        partial.write_bytes(shipped.read_bytes())
        partial.rename(path)
        written.append(path)
    return written


def returns_center() -> BusinessCalendar:
    """The calendar that the returns' promise is counted on, as shipped."""
    path = SHIPPED / "calendars" / f"{RETURNS_CENTER}.yaml"
    return BusinessCalendar(read_definition(path, CalendarDefinition))
