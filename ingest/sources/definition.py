"""What a source is: `sources/*.yaml` of a tenant, one file per source. Its id is the `source` of its events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingest.collectors.broker_settings import KafkaSettings, NatsSettings, RabbitMqSettings
from ingest.collectors.engine_settings import CamundaSettings, N8nSettings, TemporalSettings
from ingest.collectors.polled_settings import FolderSettings, SqlSettings
from ingest.mappings.pack import MappingPacks, Personal
from ingest.webhooks.settings import WebhookSettings
from kernel.definitions import line_of, read_definition, read_folder, suggestion
from kernel.errors import DefinitionError, NotFound, Problem


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Pushed(_Model):
    """Senders with a key of Gembascope: CloudEvents, or traces and logs of OpenTelemetry."""

    kind: Literal["cloudevents", "otlp"] = Field(description="cloudevents or otlp.")


Collect = Annotated[
    Pushed
    | WebhookSettings
    | RabbitMqSettings
    | KafkaSettings
    | NatsSettings
    | SqlSettings
    | FolderSettings
    | N8nSettings
    | CamundaSettings
    | TemporalSettings,
    Field(discriminator="kind"),
]
PUSHED = frozenset({"webhook", "cloudevents", "otlp"})
"""Kinds whose senders come by themselves. They are not stopped where too much is bad: what a sender is not allowed to
deliver it gives up in the end, while in quarantine nothing is lost."""


class Limits(_Model):
    """How much is taken of a source."""

    requests_per_minute: int = Field(default=120_000, ge=1, description="Requests that are taken per minute.")
    max_bad_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of bad records among the latest ones beyond which it is stopped."
    )


class SourceDefinition(_Model):
    """A system that tells of events."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,119}$", description="Name of the source, as the file is called.")
    title: str = Field(default="", description="What people call it.")
    pack: str = Field(description="The mapping pack that makes its events.")
    collect: Collect = Field(description="How its deliveries come.")
    limits: Limits = Field(default=Limits(), description="How much is taken of it.")
    personal: tuple[Personal, ...] = Field(
        default=(), description="What is known of persons, besides what its pack says."
    )
    owner: str = Field(default="", description="Team that mends it.")
    off: bool = Field(default=False, description="Nothing is taken of it.")


class SourceDefinitions:
    """The sources of one tenant: a folder in the home, read anew when asked."""

    def __init__(self, home: Path, tenant: str) -> None:
        self.folder = home / "tenants" / tenant / "sources"
        self.packs = MappingPacks(home, tenant)

    def all(self) -> dict[str, SourceDefinition]:
        """Definitions by id, ordered by id; `DefinitionError` lists the problems of all files, packs that are not there
        among them."""
        found = read_folder(self.folder, SourceDefinition)
        problems: list[Problem] = []
        names = self.packs.names()
        for definition, path in found.values():
            if definition.pack not in names:
                hint = suggestion(definition.pack, names)
                problems.append(
                    Problem(str(path), line_of(path, ("pack",)), f"pack: no mapping pack {definition.pack!r}{hint}")
                )
        if problems:
            raise DefinitionError(problems)
        return {name: definition for name, (definition, _) in found.items()}

    def each(self) -> tuple[dict[str, SourceDefinition], dict[str, str]]:
        """Those definitions that are right, by id, and what is wrong with the others: one wrong file stops no other
        source."""
        right: dict[str, SourceDefinition] = {}
        wrong: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.yaml")):
            try:
                found = read_definition(path, SourceDefinition)
                self.packs.get(found.pack)
                right[path.stem] = found
            except (DefinitionError, NotFound) as error:
                wrong[path.stem] = str(error)
        return right, wrong

    def get(self, name: str) -> SourceDefinition:
        """One definition.

        Raises
        ------
        NotFound
            With the sources that are defined.
        DefinitionError
            With the problems of its file.
        """
        path = self.folder / f"{name}.yaml"
        if "/" in name or "\0" in name or not path.is_file():
            known = sorted(found.stem for found in self.folder.glob("*.yaml"))
            have = f"; there are: {', '.join(known[:20])}" if known else "; none is defined yet"
            raise NotFound(f"no source {name!r}{suggestion(name, known)}{have}")
        return read_definition(path, SourceDefinition)
