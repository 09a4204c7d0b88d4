"""Policies: `alerts/*.yaml` of a tenant, one per file. Every policy that matches an incident tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kernel.definitions import read_folder, suggestion
from kernel.findings import Kind, Severity
from kernel.timeparse import parse_duration
from orchestration_hooks.alerts.news import IncidentNews

LONGEST = timedelta(days=30)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Label = Literal["incident", "process", "kind", "severity", "owner", "suspect"]


def _duration(value: object) -> timedelta:
    found = parse_duration(value)
    if found > LONGEST:
        raise ValueError(f"{value!r} is longer than {LONGEST.days} days")
    return found


def _time_of_day(value: object) -> time:
    text = value if isinstance(value, str) else ""
    if text == "24:00":
        return time.max
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 (a time of day has no zone of its own)
    except ValueError:
        raise ValueError(f'expected a time of day such as "07:30", in quotes, got {value!r}') from None


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone, such as Europe/Berlin") from None
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]


class _Definition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Match(_Definition):
    """Which incidents: all that is given must hold; of each list one word is enough."""

    severity: tuple[Severity, ...] = Field(default=(), description="Severities; none given: any.")
    kind: tuple[Kind, ...] = Field(default=(), description="Kinds of trouble; none given: any.")
    process: tuple[str, ...] = Field(default=(), description="Processes; none given: any.")
    owner: tuple[str, ...] = Field(default=(), description="Owners; none given: any.")

    def holds(self, news: IncidentNews) -> bool:
        """Whether the incident is one of these."""
        return all(
            not wanted or found in wanted
            for wanted, found in (
                (self.severity, news.severity),
                (self.kind, news.kind),
                (self.process, news.process),
                (self.owner, news.owner),
            )
        )


class Mute(_Definition):
    """A weekly time in which nothing is told. What is still so afterwards is told then."""

    weekdays: tuple[Weekday, ...] = Field(default=WEEKDAYS, description="Days on which it begins.")
    start: TimeOfDay = Field(alias="from", description='When it begins, such as "22:00".')
    end: TimeOfDay = Field(alias="to", description='When it ends, such as "06:00" (of the next day) or "24:00".')
    timezone: Annotated[str, AfterValidator(_zone)] = Field(description="Time zone of both, such as Europe/Berlin.")

    @model_validator(mode="after")
    def _not_nothing(self) -> Mute:
        if self.start == self.end:
            raise ValueError("begins and ends at the same time: write two times that differ")
        return self

    def covers(self, at: datetime) -> bool:
        """Whether the instant is in it, by the clock on the wall."""
        local = at.astimezone(ZoneInfo(self.timezone))
        today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
        now = local.time()
        if self.start < self.end:
            return today in self.weekdays and self.start <= now < self.end
        return (today in self.weekdays and now >= self.start) or (yesterday in self.weekdays and now < self.end)


class AlertPolicy(_Definition):
    """Whom incidents are told to, and when: the words and their meaning are Alertmanager's."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of the policy, as the file is called.")
    description: str = Field(default="", description="What it is for, for people.")
    match: Match = Field(default=Match(), description="Which incidents; nothing given: all.")
    channels: tuple[str, ...] = Field(min_length=1, description="Connections of kind webhook or apprise.")
    group_by: tuple[Label, ...] = Field(
        default=("process", "kind"), description="Incidents that agree in these are told of together."
    )
    group_wait: Duration = Field(
        default=timedelta(seconds=30), description="How long to wait for more before a group is first told of."
    )
    group_interval: Duration = Field(
        default=timedelta(minutes=5), description="How long to wait before news of a group that was told of."
    )
    repeat_interval: Duration = Field(
        default=timedelta(hours=4), description="How long until it is told again though there is no news."
    )
    send_resolved: bool = Field(default=True, description="Tell, too, that it is over.")
    mute: tuple[Mute, ...] = Field(default=(), description="When nothing is told.")

    @field_validator("group_interval", "repeat_interval")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError("expected a second or more")
        return value

    @field_validator("channels")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a connection twice")
        if info.context is None:
            return value
        for name in value:
            if name not in info.context:
                have = f"; there are: {', '.join(sorted(info.context))}" if info.context else "; none is defined yet"
                raise ValueError(f"no connection {name!r}{suggestion(name, info.context)}{have}")
            if info.context[name] not in ("webhook", "apprise"):
                raise ValueError(f"{name!r} is of kind {info.context[name]}, and alerts need webhook or apprise")
        return value

    def labels(self, news: IncidentNews) -> dict[str, str]:
        """The values that the incident is grouped by."""
        found = {
            "incident": news.incident_id,
            "process": news.process,
            "kind": str(news.kind),
            "severity": str(news.severity),
            "owner": news.owner,
            "suspect": news.suspect,
        }
        return {label: found[label] for label in self.group_by}

    def muted(self, at: datetime) -> bool:
        return any(window.covers(at) for window in self.mute)


def read_policies(home: Path, tenant: str, kinds: Mapping[str, str] | None = None) -> dict[str, AlertPolicy]:
    """The policies of a tenant by id; `kinds`: of its connections, to be checked against.

    Raises
    ------
    DefinitionError
        With the problems of all files together.
    """
    context: Any = kinds
    folder = home / "tenants" / tenant / "alerts"
    return {name: policy for name, (policy, _) in read_folder(folder, AlertPolicy, context=context).items()}
