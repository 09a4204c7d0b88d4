"""Definitions of sources that come over the API: checked as a file would be, and written as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from ingest.sources.definition import SourceDefinition, SourceDefinitions
from kernel.definitions import suggestion
from kernel.errors import InputError, NotFound


def write_source(definitions: SourceDefinitions, content: Mapping[str, Any]) -> SourceDefinition:
    """Define a source, or define it anew.

    Raises
    ------
    InputError
        With every mistake, one line each. Values are not repeated: one may be a secret in the wrong place.
    """
    try:
        definition = SourceDefinition.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise InputError("\n".join(lines)) from None
    names = definitions.packs.names()
    if definition.pack not in names:
        raise InputError(f"pack: no mapping pack {definition.pack!r}{suggestion(definition.pack, names)}")
    definitions.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = definitions.folder / f"{definition.id}.yaml"
    partial = path.with_suffix(".tmp")
    written = definition.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    written = {"id": definition.id, **written}
    with partial.open("w", encoding="utf-8") as sink:
        yaml.safe_dump(written, sink, sort_keys=False, allow_unicode=True, width=110)
        sink.flush()
        os.fsync(sink.fileno())
    partial.replace(path)
    return definition


def remove_source(definitions: SourceDefinitions, source: str) -> None:
    """Define a source no more; its events and its account stay. NotFound where it is not defined."""
    definitions.get(source)
    try:
        (definitions.folder / f"{source}.yaml").unlink()
    except FileNotFoundError:
        raise NotFound(f"no source {source!r} is defined") from None
