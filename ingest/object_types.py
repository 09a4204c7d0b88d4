"""Object types: what events of retail happen to, and which of them join too much to be crossed.

Files: `objects/ID.yaml`, shipped. They describe; any other object type can be sent and mined as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kernel.definitions import read_folder
from kernel.link_path import written

SHIPPED = Path(__file__).parent / "objects"


class ObjectType(BaseModel):
    """One object type; the file's name is its id."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,79}$", description="Name that events and processes use.")
    title: str = Field(min_length=1, description="Name shown to people.")
    about: str = Field(min_length=1, description="What one object of it is.")
    hub: bool = Field(
        default=False,
        description="Whether it joins objects that have nothing else to do with each other, as a store joins all its "
        "orders. A link path may begin or end with a hub, and crosses none.",
    )
    money: str = Field(
        default="", description="Attribute that holds its money; sums are over distinct objects, never over events."
    )
    currency: str = Field(default="", description="Attribute that holds the currency of its money.")
    quantity: str = Field(default="", description="Attribute that holds its quantity; sums as for money.")
    history: tuple[str, ...] = Field(
        default=(), description="Attributes that change during its life; their former values are kept."
    )

    @model_validator(mode="after")
    def _money_in_a_currency(self) -> ObjectType:
        if bool(self.money) != bool(self.currency):
            raise ValueError("give money and currency together, or neither")
        if repeated := sorted({name for name in self.history if self.history.count(name) > 1}):
            raise ValueError(f"history names {repeated[0]!r} twice")
        return self


def read_object_types(folder: Path = SHIPPED) -> dict[str, ObjectType]:
    """Object types by id, ordered by id; `DefinitionError` lists the problems of all files."""
    return {name: found for name, (found, _) in read_folder(folder, ObjectType).items()}


def crossed_hub(path: Sequence[str], types: Mapping[str, ObjectType]) -> str | None:
    """What is wrong with a link path that leads through a hub; None where it crosses none.

    A case of such a process would hold the events of all objects that the hub joins. At the end of a path a hub is
    named, and meant: its own events belong to the case.
    """
    hub = next((name for name in path[1:-1] if name in types and types[name].hub), None)
    if hub is None:
        return None
    return (
        f"{written(path)!r} crosses {hub!r}, a hub: every case would hold the events of all that it joins; end the "
        "path with it, or leave it out"
    )
