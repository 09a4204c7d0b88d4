"""Where the SQL of this room lies."""

from __future__ import annotations

from pathlib import Path

ROOM = str(Path(__file__).parent)
"""Beside which `sql` lies, with the files of all modules of ingest."""
