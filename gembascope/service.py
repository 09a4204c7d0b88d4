"""Finding the service that holds a home: `service.json` in it, readable by its owner only."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from kernel.clock import SystemClock, kept_instant

FILE = "service.json"


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where it listens, the token that commands on this machine use, whose data it shows, and
    whether it runs on the clock of a demo."""

    url: str
    token: str
    pid: int
    tenant: str
    demo: bool = False


def find_service(home: Path) -> Service | None:
    """The service that holds the home and answers, or None. A file left by a killed service is ignored, also when
    the service of another home listens at its address by now."""
    import httpx

    try:
        content = json.loads((home / FILE).read_text(encoding="utf-8"))
        url, token, pid, tenant = (content[name] for name in ("url", "token", "pid", "tenant"))
        service = Service(str(url), str(token), int(pid), str(tenant), content.get("demo") is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        # One that listens is waited for: it may be about to make its pages, or have much to do.
        answer = httpx.get(f"{service.url}/healthz", timeout=httpx.Timeout(2.0, read=20.0), trust_env=False)
        instance = answer.json()["instance"] if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None
    return service if instance == instance_of(service.token) else None


def now_of(home: Path) -> datetime:
    """The present instant of a home for what opens no warehouse: that of the machine, but on the home of a demo where
    its clock stands, unless it is served on the machine's. While the demo runs what it keeps is some seconds ahead.

    Raises
    ------
    SettingsError
        What the demo's clock keeps is damaged.
    """
    service = find_service(home)
    kept = kept_instant(home) if service is None or service.demo else None
    return kept or SystemClock().now()


def instance_of(token: str) -> str:
    """What tells one service from another without telling its token."""
    return hmac.digest(token.encode(), b"gembascope instance", hashlib.sha256).hex()


@contextmanager
def announced(home: Path, service: Service) -> Iterator[None]:
    """Announce the service for as long as the block runs."""
    path = home / FILE
    partial = home / f"{FILE}.{service.pid}"
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as sink:
        json.dump(asdict(service), sink)
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
