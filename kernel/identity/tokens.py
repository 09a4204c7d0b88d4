"""Random secrets, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from uuid import uuid4

from kernel.once import write_once
from kernel.settings import Settings

PEPPER_FILE = "secret"


def new_id() -> str:
    """The id of a person or a key: 32 hex digits."""
    return uuid4().hex


def new_secret() -> str:
    """256 random bits as 43 characters that fit into a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a random secret. A fast hash is right for these: they cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def pepper(settings: Settings) -> bytes:
    """The key of this installation: from the settings, or from a file of the home that is made when first needed."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.home.expanduser().resolve() / PEPPER_FILE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_once(path, new_secret())
    return path.read_bytes()


def mac(pepper: bytes, secret: str) -> str:
    """What is kept of an API key: without the pepper a copy of the database is of no use."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256).hex()


def same(one: str, other: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())
