"""What an OCEL reader gives, as whole frames."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ingest.formats.base import Reader, Rejected
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME


@dataclass(frozen=True)
class Content:
    """All batches of one file, joined."""

    events: pl.DataFrame
    objects: pl.DataFrame
    links: pl.DataFrame
    rejected: list[Rejected]

    @property
    def existing(self) -> pl.DataFrame:
        """The rows that record that an object exists."""
        return self.objects.filter(pl.col("attribute") == "")

    @property
    def values(self) -> pl.DataFrame:
        """The rows with attribute values."""
        return self.objects.filter(pl.col("attribute") != "")

    @property
    def reasons(self) -> list[str]:
        return [piece.reason for piece in self.rejected]


def content(reader: Reader) -> Content:
    """Reads the whole file and checks that every frame has the agreed schema."""
    batches = list(reader.batches())
    for batch in batches:
        assert batch.events.schema == EVENT_FRAME
        assert batch.objects.schema == OBJECT_FRAME
        assert batch.links.schema == LINK_FRAME
    return Content(
        pl.concat([batch.events for batch in batches]),
        pl.concat([batch.objects for batch in batches]),
        pl.concat([batch.links for batch in batches]),
        [piece for batch in batches for piece in batch.rejected],
    )
