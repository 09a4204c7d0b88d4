"""XML text, written out directly: a name can only become text, and equal input gives equal bytes."""

from __future__ import annotations

import re

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Tabs and line ends would be changed by the reader unless they are written as references.
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_SPECIAL = re.compile("[" + "".join(_REFERENCES) + "]")


def escape(text: str) -> str:
    """The text as XML content or attribute value; characters that XML 1.0 forbids become U+FFFD."""
    return _SPECIAL.sub(lambda found: _REFERENCES[found[0]], _FORBIDDEN.sub("\ufffd", text))


def element(tag: str, attributes: dict[str, str], *content: str) -> str:
    """One element on lines of its own; `content` is markup: elements, or one escaped text that stays on the line."""
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    if not content:
        return f"<{tag}{written}/>"
    if len(content) == 1 and not content[0].startswith("<"):
        return f"<{tag}{written}>{content[0]}</{tag}>"
    inner = "\n".join(content)
    return f"<{tag}{written}>\n{inner}\n</{tag}>"


def number(value: float) -> str:
    """A coordinate: one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
