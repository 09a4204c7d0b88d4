"""Shipped packs as one changes them where the same records come in another way."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from ingest.mappings.pack import SHIPPED


def of_rows(pack: str) -> dict[str, Any]:
    """Of a table in a file, for the same table in a database: each row is a JSON object by itself."""
    return _shipped(pack) | {"decode": {"format": "json"}}


def of_data(pack: str) -> dict[str, Any]:
    """For records that are the data of CloudEvents."""
    changed: dict[str, Any] = json.loads(re.sub(r"\bbody\b", "body.data", json.dumps(of_rows(pack))))
    return changed


def _shipped(pack: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SHIPPED / f"{pack}.yaml").read_text())
    return found
