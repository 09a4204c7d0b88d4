"""Finding the service that holds a home: `service.json` in it, readable by its owner only."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "service.json"


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where it listens, the token that commands on this machine use, and whose data it shows."""

    url: str
    token: str
    pid: int
    tenant: str


def find_service(home: Path) -> Service | None:
    """The service that holds the home and answers, or None. A file left by a killed service is ignored, also when
    the service of another home listens at its address by now."""
    import httpx

    try:
        content = json.loads((home / FILE).read_text(encoding="utf-8"))
        service = Service(str(content["url"]), str(content["token"]), int(content["pid"]), str(content["tenant"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        answer = httpx.get(f"{service.url}/healthz", timeout=2.0, trust_env=False)
        instance = answer.json()["instance"] if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None
    return service if instance == instance_of(service.token) else None


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
