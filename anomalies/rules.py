"""Rules: what makes findings, as YAML files. `rules/ID.yaml` in the folder of the tenant; examples are in
`anomalies/rules` of the product."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from anomalies.rule_models import KINDS, Known, Rule
from kernel.definitions import read_definition, suggestion
from kernel.errors import DefinitionError, NotFound, Problem
from kernel.process import ProcessDefinition

EXAMPLES = Path(__file__).parent / "rules"
"""Rules that the product ships, for the processes of its demo."""


class _AnyRule(BaseModel):
    """As much of a rule as tells its kind."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    kind: Any

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: object) -> object:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of rule{suggestion(str(kind), KINDS)}: {', '.join(KINDS)}")
        return kind


def read_rule(path: Path, processes: Known | None = None) -> Rule:
    """The rule in one file, its names looked up in the process definitions by id; None: not looked up.

    Raises
    ------
    DefinitionError
        With every problem of the file.
    """
    kind = read_definition(path, _AnyRule).kind
    return read_definition(path, KINDS[kind], context=processes)


class Rules:
    """The rules of one tenant: the folder in the home, read anew when asked.

    `processes` gives the process definitions, by id, that they are checked against.
    """

    def __init__(self, home: Path, tenant: str, processes: Callable[[], Mapping[str, ProcessDefinition]]) -> None:
        self.folder = home / "tenants" / tenant / "rules"
        self._processes = processes

    def all(self) -> dict[str, Rule]:
        """Rules by id, ordered by id; no folder, no rules. `DefinitionError` lists the problems of all files, or those
        of the process definitions, without which no rule can be read."""
        known = self._processes()
        found: dict[str, Rule] = {}
        problems: list[Problem] = []
        for path in sorted(self.folder.glob("*.yaml")):
            try:
                found[path.stem] = read_rule(path, known)
            except DefinitionError as error:
                problems += error.problems
        if problems:
            raise DefinitionError(problems)
        return found

    def there(self) -> bool:
        """Whether the folder can be listed: of one that cannot, `all` tells no rules either."""
        try:
            with os.scandir(self.folder):
                return True
        except OSError:
            return False

    def get(self, rule: str) -> Rule:
        """One rule.

        Raises
        ------
        NotFound
            With the rules that there are.
        """
        path = self.folder / f"{rule}.yaml"
        if "/" in rule or "\0" in rule or not path.is_file():
            known = sorted(found.stem for found in self.folder.glob("*.yaml"))
            have = f"; there are: {', '.join(known[:20])}" if known else "; there is none"
            raise NotFound(f"no rule {rule!r}{suggestion(rule, known)}{have}")
        return read_rule(path, self._processes())
