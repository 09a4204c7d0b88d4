"""docs/sources.md: its definitions are right, and it names every kind of source and the folder of each definition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from ingest.mappings.pack import MappingPack
from ingest.sources.definition import Collect, SourceDefinition
from kernel.definitions import read_definition

DOC = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)


@pytest.mark.parametrize(
    ("block", "name", "model"), [(BLOCKS[0], "shop", SourceDefinition), (BLOCKS[1], "my-shop", MappingPack)]
)
def test_its_definitions_are_right(
    block: str, name: str, model: type[SourceDefinition] | type[MappingPack], tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(block)
    assert read_definition(path, model).id == name


def test_it_names_every_kind_of_source() -> None:
    schema = TypeAdapter(get_args(Collect)[0]).json_schema()
    kinds = {
        kind
        for part in schema["$defs"].values()
        if "kind" in part.get("properties", {})
        for kind in part["properties"]["kind"].get("enum", [part["properties"]["kind"].get("const")])
    }
    listed = set(re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE))
    assert listed == kinds
