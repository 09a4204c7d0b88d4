"""Files that are made once: keys of an installation, which several processes may need first."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_once(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Make the file whole or not at all; another process may have been first, and then nothing changes."""
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
