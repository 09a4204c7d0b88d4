"""The headers that every answer has: what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send


def dressed(send: Send, script_hashes: Iterable[str], *, secure: bool) -> Send:
    """Send answers with them. `secure`: the visitor came over TLS, and shall again."""
    hashes = " ".join(f"'{value.strip(chr(39))}'" for value in script_hashes)
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'"
    )

    async def in_dress(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"  # with none, forms of ours would hide their origin
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            if secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await send(message)

    return in_dress
