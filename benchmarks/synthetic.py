"""The logs that are measured: made by a seeded generator, so every machine measures the same events.

About ten events per case (1 + Poisson(9)), 25 activities, 200 resources, an hour between events on average, cases
spread over 90 days. Case ids are numbered in the order in which the cases start. Times are whole microseconds and
grow strictly within a case, so every engine sees the same order. The share of distinct variants (a third of the
cases and more) is far above that of real logs: figures about variants are pessimistic.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

SEED = 7
EPOCH_US = 1_735_689_600_000_000
"""2025-01-01, in microseconds since 1970."""
SPREAD_US = 90 * 86_400_000_000
COPY_SHIFT_US = 2 * SPREAD_US
"""How far one copy of a log lies behind the one before: every case of a log ends well within it."""
ACTIVITIES = 25
RESOURCES = 200
COPIES = 5


def log(events: int) -> pl.DataFrame:
    """About `events` events in order of time: `case_id`, `activity`, `timestamp` (UTC without its zone), `resource`."""
    random = np.random.default_rng(SEED)
    cases = max(events // 10, 1)
    lengths = random.poisson(9, cases) + 1
    first = np.cumsum(lengths) - lengths
    total = int(lengths.sum())
    position = np.arange(total) - np.repeat(first, lengths)
    activity = np.clip(position + random.choice([0, 0, 0, 0, 0, 0, 0, 1, -1, 2], total), 0, ACTIVITIES - 1)
    elapsed = np.cumsum(random.exponential(3_600e6, total).astype(np.int64) + 1)
    begins = np.sort(random.integers(0, SPREAD_US, cases))
    stamps = EPOCH_US + np.repeat(begins, lengths) + elapsed - np.repeat(elapsed[first], lengths)
    frame = pl.DataFrame(
        {
            "case_id": np.repeat(np.arange(cases), lengths),
            "activity": activity,
            "timestamp": stamps,
            "resource": random.integers(0, RESOURCES, total),
        }
    )
    return _named(frame.sort("timestamp", maintain_order=True))


def copy_of(original: pl.DataFrame, number: int) -> pl.DataFrame:
    """The log again, as other cases at a later time: `number` 0 is the log itself. Ids stay in order of time."""
    numbers = pl.col("case_id").str.slice(1).cast(pl.Int64) + number * original["case_id"].n_unique()
    shift = pl.duration(microseconds=number * COPY_SHIFT_US)
    return original.with_columns(_case_id(numbers).alias("case_id"), pl.col("timestamp") + shift)


def new_events(cases: int, touched: int, *, scattered: bool, copies: int, seed: int) -> pl.DataFrame:
    """Two further events for each of `touched` cases of a log with `cases` cases, later than all of its events:
    cases drawn from the whole log, or those with the highest ids."""
    random = np.random.default_rng([SEED, seed, scattered])
    chosen = np.sort(random.choice(cases, touched, replace=False)) if scattered else np.arange(cases - touched, cases)
    after = EPOCH_US + copies * COPY_SHIFT_US + (2 * seed + scattered) * 86_400_000_000
    stamps = after + np.sort(random.integers(0, 80_000_000_000, 2 * touched)) + np.arange(2 * touched)
    frame = pl.DataFrame(
        {
            "case_id": random.permutation(np.repeat(chosen, 2)),
            "activity": random.integers(0, ACTIVITIES, 2 * touched),
            "timestamp": stamps,
            "resource": random.integers(0, RESOURCES, 2 * touched),
        }
    )
    return _named(frame)


def write_csv(events: pl.DataFrame, path: Path) -> None:
    """The events as CSV, times as `2025-01-31 08:00:00.000000`."""
    events.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S%.6f")).write_csv(path)


def write_xes(events: pl.DataFrame, path: Path) -> None:
    """The events as XES, one trace per case, four attributes per event."""
    stamp = pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").alias("timestamp")
    last = None
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n')
        for case, activity, when, resource in events.sort("case_id", "timestamp").with_columns(stamp).iter_rows():
            if case != last:
                file.write("</trace>\n" if last else "")
                file.write(f'<trace>\n<string key="concept:name" value="{case}"/>\n')
                last = case
            file.write(
                f'<event>\n<string key="concept:name" value="{activity}"/>\n'
                f'<string key="org:resource" value="{resource}"/>\n'
                f'<date key="time:timestamp" value="{when}"/>\n'
                '<string key="lifecycle:transition" value="complete"/>\n</event>\n'
            )
        file.write("</trace>\n</log>\n")


def _case_id(number: pl.Expr) -> pl.Expr:
    return pl.format("C{}", number.cast(pl.String).str.zfill(9))


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        _case_id(pl.col("case_id")).alias("case_id"),
        pl.format("Activity {}", pl.col("activity")).alias("activity"),
        pl.col("timestamp").cast(pl.Datetime("us")),
        pl.format("user{}", pl.col("resource")).alias("resource"),
    )
