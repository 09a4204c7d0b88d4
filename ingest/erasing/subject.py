"""Who is erased, and by what it is known again when nothing of it is kept.

A subject is an object: a type and an id. Where mapping packs hide its id, the log knows it by a pseudonym, and what was
refused by its id in clear; both are ids of it then. What is kept are keyed digests, so that what comes again is
recognised and nobody without the key finds out who that was.

An id is looked for as a word: between two characters that are no letter or digit, or at the end of a text. `17` is in
`order/17`, and not in `2017`.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DIGEST_BYTES, FINGERPRINT_BYTES = 16, 8
TELLING_CHARACTERS, TELLING_DIGITS = 6, 9
"""An id of so many characters, or of so many where all are digits, is taken to mean nothing else wherever it is."""
ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Subject:
    """`everywhere`: whether its ids mean nothing else, so that they go out of what is told of other objects, too."""

    object_type: str
    ids: tuple[str, ...]
    everywhere: bool

    @classmethod
    def of(cls, object_type: str, id_: str, *, pseudonym: str | None = None, everywhere: bool | None = None) -> Subject:
        """Of an id; `pseudonym` is what the log has in its place. `everywhere`: as `telling` where it is None."""
        ids = (id_,) if pseudonym is None else (pseudonym, id_)
        found = all(map(telling, ids)) if everywhere is None else everywhere
        return cls(object_type, ids, found)


def telling(text: str) -> bool:
    """Whether an id is long enough to mean nothing else."""
    return len(text) >= (TELLING_DIGITS if text.isdigit() else TELLING_CHARACTERS)


class Digests:
    """Digests under the key of one tenant."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.fingerprint = hmac.digest(key, b"fingerprint", "sha256")[:FINGERPRINT_BYTES]

    def of_object(self, object_type: str, id_: str) -> bytes:
        return self._of(b"object", object_type, id_)

    def of_text(self, text: str) -> bytes:
        return self._of(b"text", text)

    def name_for(self, text: str) -> str:
        """What a source's id of an event becomes that held an id: another one, and always the same."""
        return "erased-" + self._of(b"name", text).hex()

    def _of(self, kind: bytes, *parts: str) -> bytes:
        framed = b"\0".join((kind, *(part.encode("utf-8", "surrogatepass") for part in parts)))
        return hmac.digest(self._key, framed, "sha256")[:DIGEST_BYTES]


def words(text: str, lengths: Iterable[int]) -> Iterator[str]:
    """All that a text holds, of these lengths in characters, that could be an id."""
    end = len(text)
    possible = [length for length in lengths if length <= end]
    if not possible:
        return
    inside = [one.isalnum() for one in text]
    edges = [place for place in range(end + 1) if place in (0, end) or not (inside[place - 1] and inside[place])]
    known = set(edges)
    for start in edges:
        for length in possible:
            if start + length in known:
                yield text[start : start + length]


def unescaped(text: str) -> str:
    """A text with what JSON escapes in it as what it means, wherever it is; as it is where nothing is escaped."""
    if "\\" not in text:
        return text
    found = ESCAPE.sub(lambda one: chr(int(one[1], 16)) if one[1] else PLAIN.get(one[2], one[2]), text)
    # Two halves of one character, as JSON writes those beyond U+FFFF.
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def written_forms(text: str) -> list[str]:
    """A text as it is and as JSON writes it, with and without letters beyond ASCII: what to look for in bytes."""
    return sorted({text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]})
