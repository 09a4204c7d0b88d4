"""Secrets: definitions name where one is; what reads it here is the only place that holds one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from kernel.errors import SettingsError

MOST_BYTES = 64 << 10
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\0\r\n]{1,1024}")


def _reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):  # what was given is not repeated: it may be the secret itself
        raise ValueError("expected env:NAME or file:PATH: a secret is named here and never written")
    return value


Reference = Annotated[str, AfterValidator(_reference)]
"""Where a secret is: `env:NAME`, or `file:PATH` (below the home when relative)."""


class Secrets:
    """Reads secrets when they are needed, so that one that was replaced is used at once. Keeps none."""

    def __init__(self, home: Path, environ: Mapping[str, str] | None = None) -> None:
        self._home, self._environ = home, os.environ if environ is None else environ

    def get(self, reference: str) -> str:
        """The secret.

        Raises
        ------
        SettingsError
            It is not there, or empty, or no text of one line; the message names the reference only.
        """
        kind, _, name = reference.partition(":")
        if kind == "env":
            found = self._environ.get(name, "")
        else:
            try:
                with (self._home / Path(name).expanduser()).open("rb") as file:
                    found = file.read(MOST_BYTES).decode()
            except OSError as error:
                raise SettingsError(f"the secret {reference} cannot be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise SettingsError(f"the secret {reference} is no text") from None
        found = found.strip()
        if not found or not found.isprintable():
            raise SettingsError(f"the secret {reference} is {'not one line of text' if found else 'not set'}")
        return found
