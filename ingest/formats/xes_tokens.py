"""The elements of an XES file as a flat list of tokens, from the standard library's expat.

An element is its tag, the list of its XML attributes (name, value, name, value, ...), the tokens of its children,
and its tag once more as the end. So a tag opens an element exactly when a list follows it. Text between elements
means nothing in XES and gives no token. A handler that only appends leaves the work to long loops, which costs
about half of what handlers do that know where they are.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from ingest.formats.base import Limits
from kernel.errors import UnreadableFile

Tokens = list[str | list[str]]

BYTES_PER_ELEMENT = 64
"""Bytes that an element counts at least towards a limit: a shorter one costs more memory than file."""


class TokenStream:
    """Tokens of one file as its bytes come in; the consumer takes them from the front of `tokens`.

    Names of elements lose the namespace prefix that the root has. Raises `UnreadableFile` where the file is not
    well-formed, declares a document type or an entity, is no `<log>`, nests too deeply, or where an element that
    is not complete yet outgrows the limits.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.tokens: Tokens = []
        self._path, self._limits = path, limits
        self._prefix: str | None = None  # None before the root
        self._silent_bytes = self._open_bytes = self._retry_at = self._scanned = self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        append = self.tokens.append

        def start(tag: str, attributes: list[str]) -> None:
            append(tag)
            append(attributes)

        def refuse(*_: object) -> None:
            raise UnreadableFile(f"{path}: a document type or entity declaration is not accepted")

        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = append
        self._parser.StartDoctypeDeclHandler = refuse
        self._parser.EntityDeclHandler = refuse

    def feed(self, data: bytes) -> bool:
        """Parse the next bytes, none for the end of the file. Returns whether it is worth looking for more.

        An element that is still open is looked at again once its tokens have doubled, so that a long one is not
        searched for its end with every read.
        """
        before, tokens = len(self.tokens), self.tokens
        try:
            self._parser.Parse(data, not data)
        except (expat.ExpatError, LookupError, ValueError) as error:
            line = self._parser.CurrentLineNumber
            raise UnreadableFile(f"{self._path}: not well-formed XML at line {line}: {error}") from error
        if self._prefix is None and tokens:
            self._prefix, _, name = str(tokens[0]).rpartition(":")
            if name != "log":
                raise UnreadableFile(f"{self._path}: the root element is <{str(tokens[0])[:60]}>, not <log>")
        if self._prefix:
            tokens[before:] = [each if isinstance(each, list) else each.rpartition(":")[2] for each in tokens[before:]]
        self._silent_bytes = self._silent_bytes + len(data) if len(tokens) == before else 0
        self._open_bytes += len(data)
        if self._silent_bytes > self._limits.max_field_bytes:
            limit = self._limits.max_field_bytes
            raise UnreadableFile(f"{self._path}: a value, comment or gap is longer than {limit:,} bytes")
        return len(tokens) >= self._retry_at or not data

    def drop(self, count: int) -> None:
        """Forget the first tokens; what remains is part of one open element, which the limits bound."""
        tokens, limits = self.tokens, self._limits
        del tokens[:count]
        if count:
            self._open_bytes = self._retry_at = self._scanned = self._depth = 0
        else:
            self._retry_at = 2 * len(tokens)
        max_bytes = limits.max_item_bytes
        if self._open_bytes > max_bytes or len(tokens) > 3 * max_bytes // BYTES_PER_ELEMENT:
            raise UnreadableFile(f"{self._path}: an event or attribute is larger than {max_bytes:,} bytes allow")
        at = self._scanned
        while at < len(tokens):
            opens = self.starts(at)
            self._depth += 1 if opens else -1
            at += 2 if opens else 1
            if self._depth > limits.max_depth + 1:
                raise UnreadableFile(f"{self._path}: elements are nested more than {limits.max_depth} deep")
        self._scanned = at

    def starts(self, at: int) -> bool:
        """Whether the tag at `at` opens an element; otherwise it closes one."""
        tokens = self.tokens
        return at + 1 < len(tokens) and type(tokens[at + 1]) is list

    def end(self, at: int) -> int:
        """Where the element that opens at `at` closes; -1 where it is not complete yet."""
        tokens, depth = self.tokens, 0
        count = len(tokens)
        if at + 2 < count and tokens[at] == tokens[at + 2] and not self.starts(at + 2):
            return at + 2  # without children, as nearly always
        while at < count:
            if at + 1 < count and type(tokens[at + 1]) is list:
                depth += 1
                at += 2
            else:
                depth -= 1
                if depth == 0:
                    return at
                at += 1
        return -1
