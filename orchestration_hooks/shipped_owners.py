"""The teams that the catalogue names: who usually answers for its processes, and for the systems that they run on.

Files: `owners/ID.yaml`, shipped. Who answers for the outcome of a process, and for its steps, the process says itself;
the owners say for which interfaces they answer, when they work, and who is told next.
"""

from __future__ import annotations

from pathlib import Path

from ingest.catalogue import Catalogue
from kernel.definitions import read_folder
from kernel.errors import DefinitionError
from kernel.owners import Owner, problems_between

SHIPPED = Path(__file__).parent / "owners"


def read_owners(catalogue: Catalogue, folder: Path = SHIPPED) -> dict[str, Owner]:
    """Owners by id, ordered by id.

    Raises
    ------
    DefinitionError
        With the problems of all files, and then with what does not fit between them and the catalogue.
    """
    read = read_folder(folder, Owner, context=frozenset(catalogue.calendars))
    owners = {name: owner for name, (owner, _) in read.items()}
    paths = {name: path for name, (_, path) in read.items()}
    if problems := list(problems_between(owners, paths, catalogue.processes)):
        raise DefinitionError(problems)
    return owners


def needed(owners: dict[str, Owner], names: set[str]) -> list[str]:
    """These owners and those that they escalate to, ordered by id."""
    found: set[str] = set()
    while names:
        found |= names
        names = {step.to for name in names for step in owners[name].escalation} - found
    return sorted(found)
