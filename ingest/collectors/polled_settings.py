"""What the definition of a source says of a database or a folder that is looked at again and again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ingest.collectors.tls import Tls
from kernel.secrets import Reference

_LOCKS = re.compile(
    r"\b(for\s+(no\s+key\s+)?(update|share|key\s+share)|lock\s+in\s+share\s+mode|into\s+(out|dump)file)\b", re.I
)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, got {name!r}") from None
    return name


Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00\r\n]+$")]
Zone = Annotated[str, AfterValidator(_zone)]


class Watermark(BaseModel):
    """The column by which new and changed rows are found: it grows whenever a row is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    column: Name = Field(description="Column that is set anew when a row is written; indexed, never null.")
    type: Literal["timestamp", "integer"] = Field(description="What the column holds: a date with time, or a number.")
    overlap: float = Field(
        default=300,
        ge=0,
        description="How far below the highest value rows may still appear, in seconds or in units: as long as the "
        "longest transaction, and the clocks of what writes there may be apart.",
    )


class SqlSettings(BaseModel):
    """A table, a view or one SELECT of a database, polled without locking anything."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["sql"] = Field(description="Rows of a database, polled by a watermark.")
    dialect: Literal["postgresql", "mariadb", "mysql"] = Field(description="Which database it is.")
    host: str = Field(min_length=1, max_length=255, pattern=r"^[^\s/@,?#]+$", description="Host of the database.")
    port: int = Field(ge=1, le=65535, description="Its port.")
    database: Name = Field(description="Database (of MariaDB and MySQL: schema) to connect to.")
    user: Name = Field(description="User to sign in as; it needs the right to SELECT, and should have no other.")
    password: Reference | None = Field(default=None, description="Where the user's password is; unset: none is sent.")
    tls: Tls | None = Field(default=None, description="TLS to the database; {} trusts what this machine trusts.")
    table: Name | None = Field(default=None, description="Table or view, by its exact name.")
    table_schema: Name | None = Field(default=None, description="Schema of the table, where it is not the usual one.")
    select: str | None = Field(
        default=None,
        min_length=1,
        max_length=20_000,
        description="One SELECT in place of a table, without a semicolon.",
    )
    key: tuple[Name, ...] = Field(min_length=1, max_length=16, description="Columns that tell rows apart, never null.")
    watermark: Watermark = Field(description="How new and changed rows are found.")
    timezone: Zone | None = Field(default=None, description="Time zone of times that are kept without one.")
    poll_s: float = Field(default=30, ge=0.05, le=86_400, description="Pause between two polls, seconds.")
    batch: int = Field(default=1_000, ge=1, le=10_000, description="Most rows read and handed over at once.")
    statement_timeout_s: float = Field(default=30, ge=1, le=3_600, description="Longest time of one query, seconds.")
    deletes: bool = Field(default=False, description="Compare keys, to find rows that vanished or were never seen.")
    deletes_every_s: float = Field(
        default=3_600, ge=0.05, le=604_800, description="Pause between two comparisons, each of which reads all keys."
    )
    most_keys: int = Field(
        default=2_000_000, ge=1, le=50_000_000, description="Most keys compared; a larger table is refused."
    )

    @model_validator(mode="after")
    def _one(self) -> SqlSettings:
        if (self.table is None) == (self.select is None):
            raise ValueError("expected either a table or a select")
        if self.table_schema is not None and self.table is None:
            raise ValueError("table_schema goes with table")
        if self.select is not None:
            if ";" in self.select or not re.match(r"\s*(select|with)\b", self.select, re.I):
                raise ValueError("expected one SELECT without a semicolon")
            if _LOCKS.search(self.select):
                raise ValueError("expected a SELECT that locks and writes nothing")
        if len(set(self.key)) < len(self.key):
            raise ValueError("a column of the key is named twice")
        return self

    @property
    def name(self) -> str:
        """What rows are said to be of."""
        return self.table or "select"

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to."""
        return (f"{self.host}:{self.port}",)


class FolderSettings(BaseModel):
    """A folder of this machine in which another system puts files."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["folder"] = Field(description="Files that appear in a folder.")
    path: Path = Field(description="The folder. Files in folders below it are not looked at.")
    pattern: str = Field(
        default="*",
        min_length=1,
        max_length=200,
        pattern=r"^[^/\x00]+$",
        description="Names to look at, such as *.csv.gz.",
    )
    per: Literal["line", "row", "file"] = Field(
        default="line", description="What is one message: a line, a row of a CSV with a header, or a whole file."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="What separates the fields of a CSV.")
    encoding: Literal["utf-8", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252"] = Field(
        default="utf-8", description="How the text of a CSV is encoded. Lines and files are handed over as they are."
    )
    stable_s: float = Field(
        default=5, ge=0, le=86_400, description="How long size and time of a file must not change before it is read."
    )
    poll_s: float = Field(default=5, ge=0.01, le=86_400, description="Pause between two looks at the folder, seconds.")
    after: Literal["move", "leave"] = Field(
        default="move", description="What is done with a file that was read: moved to done/ below the folder, or left."
    )
    batch: int = Field(default=1_000, ge=1, le=10_000, description="Most messages handed over at once.")
    batch_bytes: int = Field(default=16 << 20, ge=1, le=256 << 20, description="Most bytes handed over at once.")
    most_message_bytes: int = Field(
        default=8 << 20,
        ge=1,
        le=64 << 20,
        description="Longest line, row or whole file; beyond it the file is refused.",
    )
    most_file_bytes: int = Field(
        default=16 << 30, ge=1, description="Largest file, decompressed; beyond it the file is refused."
    )
    most_files: int = Field(default=2_000, ge=1, le=20_000, description="Most files looked at while they are there.")
