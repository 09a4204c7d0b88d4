"""What the demo keeps in its home: files that are the old ones or the new ones, whatever stops the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kernel.errors import SettingsError


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of what the file holds."""
    partial = path.with_suffix(".tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def remember(path: Path, content: object) -> None:
    """Keep something that JSON can hold."""
    replace_text(path, msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def remembered(path: Path, form: Any) -> Any:
    """What is kept, as an instance of `form`.

    Raises
    ------
    SettingsError
        The file is damaged or cannot be read, with what to do.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError):
        raise SettingsError(
            f"{path} is damaged: remove it and run gembascope demo again, which loads nothing twice"
        ) from None
