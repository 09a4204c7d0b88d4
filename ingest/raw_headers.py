"""Headers of an HTTP request as they came, so that what is there twice is seen to be."""

from __future__ import annotations

from collections.abc import Sequence

Headers = Sequence[tuple[bytes, bytes]]
"""Names in small letters; a name may be there several times."""


def media_type(headers: Headers) -> tuple[str, str]:
    """The media type in small letters, without parameters, and its charset ("" where none is named); two empty texts
    where the header is not there, or there twice."""
    values = [value for name, value in headers if name == b"content-type"]
    if len(values) != 1:
        return "", ""
    kind, *parameters = values[0].decode("latin-1").lower().split(";")
    named = dict(part.strip().partition("=")[::2] for part in parameters)
    return kind.strip(), named.get("charset", "").strip('" ')
