"""The one source of "now". Code that needs the time is given a clock, so every result can be reproduced."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

from kernel.errors import SettingsError

DEMO_CLOCK_FILE = "demo_clock.json"


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(timezone.utc)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands where it is put: for tests and for replays."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a clock needs an aware instant")

    def now(self) -> datetime:
        return self.at.astimezone(timezone.utc)


class DemoClock:
    """A clock that begins at a given instant, runs while it is used, and resumes where it stopped.

    It keeps in the home an instant that it has not reached yet, at most `save_every` of real time ahead, and never
    shows a later one before that is kept. So a process that is killed loses nothing: the next one goes on from the
    kept instant, which is after all that the killed one showed and by less than that stretch. `close` keeps the exact
    instant. It follows the monotonic clock of the machine alone: setting the machine's date moves nothing. Safe to use
    from several threads; one process holds it at a time, the one that holds the home.
    """

    def __init__(
        self,
        home: Path,
        begin: datetime,
        *,
        factor: float = 1.0,
        save_every: timedelta = timedelta(seconds=5),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`factor`: demo seconds per real second. It resumes at what the home keeps, if that is after `begin`.

        Raises
        ------
        SettingsError
            When the kept file is damaged, with what to do, or cannot be written.
        """
        if begin.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        if not factor > 0 or save_every <= timedelta():
            raise ValueError(f"expected factor and save_every over 0, got {factor} and {save_every}")
        self._path = home / DEMO_CLOCK_FILE
        self._factor = factor
        self._ahead = save_every * factor
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._closed = False
        self._from = max(begin.astimezone(timezone.utc), kept_instant(home) or begin)
        self._from_s = monotonic()
        self._shown = self._kept = self._from
        self._keep(self._from)

    def now(self) -> datetime:
        """The demo's present instant: never before one that was shown, and not moving once the clock is closed.

        Raises SettingsError when the home cannot be written: an instant that is not kept is not shown.
        """
        with self._lock:
            return self._now()

    def not_before(self, instant: datetime) -> None:
        """Move on to `instant` unless the clock is past it: what is stored already happened."""
        if instant.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        with self._lock:
            if instant > self._now():
                self._from, self._from_s = instant.astimezone(timezone.utc), self._monotonic()
                self._keep(self._from if self._closed else self._from + self._ahead)

    def close(self) -> None:
        """Stop, and keep the exact instant. Closing twice changes nothing."""
        with self._lock:
            if not self._closed:
                self._from = self._now()
                self._closed = True
                self._keep(self._from)

    def _now(self) -> datetime:
        if self._closed:
            return self._from
        passed_s = max(0.0, self._monotonic() - self._from_s)
        now = max(self._shown, self._from + timedelta(seconds=passed_s * self._factor))
        if now > self._kept:
            self._keep(now + self._ahead)
        self._shown = now
        return now

    def _keep(self, instant: datetime) -> None:
        """Replace the file: it is the old one or the new one, whatever stops the process or the machine."""
        partial = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                json.dump({"resume_at": instant.isoformat()}, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # without it a power cut may bring the old file back
            finally:
                os.close(folder)
        except OSError as error:
            raise SettingsError(f"{self._path} cannot be written: {error.strerror}") from None
        self._kept = instant


def kept_instant(home: Path) -> datetime | None:
    """Where the demo clock of a home resumes; None if it never ran.

    Raises
    ------
    SettingsError
        When the file is damaged or cannot be read, with what to do.
    """
    path = home / DEMO_CLOCK_FILE
    try:
        content = json.loads(path.read_bytes())
        instant = datetime.fromisoformat(content["resume_at"])
        if instant.tzinfo is None:
            raise ValueError("the instant has no offset")
        return instant.astimezone(timezone.utc)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, OverflowError):
        expected = '{"resume_at": "2026-03-31T18:00:00+00:00"}'
        raise SettingsError(
            f"{path} is damaged: expected {expected}. Write the instant to go on from into it, or remove it: then the "
            "demo goes on after the newest event that is stored."
        ) from None
