"""Counting equal rows of one file, so that two truly equal rows stay two and an overlapping export adds none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kernel.events import EVENT_FRAME

POSITION_COLUMNS = ("sequence", "seen_at", "revision", "source_event_id")
"""What says where or when a row was read, not what it says."""

CONTENT = [name for name in EVENT_FRAME if name not in POSITION_COLUMNS]


TIE = ("objects", "occurred_at", "precision")
"""What events of one case and instant share."""


class Occurrences:
    """How many rows with equal values in some columns came before, per row, over all frames of one file in order.

    Holds 8 bytes per row read: a 64-bit hash in sorted runs that are merged as they grow. Two different rows
    with one hash (chance below 3e-6 in ten million rows) stay two events; only an overlap with another file
    could then count one of them twice.
    """

    def __init__(self, columns: Sequence[str] = CONTENT) -> None:
        self._columns = columns
        self._runs: list[NDArray[np.uint64]] = []

    def of(self, events: pl.DataFrame) -> pl.Series:
        """The occurrence number of each row, 0 for the first of its kind."""
        if events.is_empty():
            return pl.Series("occurrence", [], dtype=pl.UInt64)
        content = [name for name in (*self._columns, "source") if name in events.columns]
        hashes = events.select(*(name for name in content if name != "objects"), *_flat(events)).hash_rows(seed=7)
        values = np.sort(hashes.to_numpy())
        counted = self._counted_here(hashes)
        for run in self._runs:
            found = np.searchsorted(run, values)
            found[found == len(run)] = 0
            if (run[found] == values).any():
                these = hashes.to_numpy()
                before = np.searchsorted(run, these, "right") - np.searchsorted(run, these, "left")
                counted = counted + pl.Series(before.astype(np.uint64))
        self._remember(values)
        return counted.alias("occurrence")

    def _counted_here(self, hashes: pl.Series) -> pl.Series:
        """Equal rows before each row within one frame; most frames have none."""
        frame = pl.DataFrame({"h": hashes, "again": hashes.is_duplicated()}).with_row_index("position")
        again = frame.filter("again")
        if again.is_empty():
            return pl.Series([0], dtype=pl.UInt64).new_from_index(0, hashes.len())
        numbers = again.select("position", pl.int_range(pl.len(), dtype=pl.UInt64).over("h").alias("number"))
        return frame.join(numbers, on="position", how="left", maintain_order="left")["number"].fill_null(0)

    def _remember(self, run: NDArray[np.uint64]) -> None:
        """Keep run sizes falling by halves, so that there are few runs and each row is merged few times."""
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def _flat(events: pl.DataFrame) -> list[pl.Series]:
    """The objects as plain columns, which take a third of the memory to hash: the first one, and whether there are
    more, which then count as a whole."""
    objects = events["objects"]
    first = objects.list.first().struct
    lengths = objects.list.len()
    columns = [first.field(name).alias(f"first {name}") for name in first.fields]
    if (lengths > 1).any():
        more = pl.select(pl.when(lengths > 1).then(objects)).to_series()
        columns.append(more.to_frame().hash_rows(seed=7).set(lengths <= 1, None).alias("all of them"))
    else:
        columns.append(pl.Series("all of them", [None], dtype=pl.UInt64).new_from_index(0, len(objects)))
    return columns
