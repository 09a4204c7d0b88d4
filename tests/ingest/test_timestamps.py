"""Columns of written stamps: the quick way for fractions of one length reads what the general one reads."""

from __future__ import annotations

import polars as pl
import pytest

from ingest.timestamps import detect_format, parse_stamps

PATTERN = "%Y-%m-%d %H:%M:%S%.f"


@pytest.mark.parametrize("digits", [3, 6])
@pytest.mark.parametrize("odd", [None, "2024-02-30 12:00:00.000001", "2024-05-01 12:00:00.12", "", "?"])
def test_fractions_of_one_length_are_read_as_any_others(digits: int, odd: str | None) -> None:
    texts = [f"2024-0{month}-28 23:59:59.{month:0{digits}}" for month in range(1, 10)]
    stamps = pl.Series([*texts, *([odd] if odd is not None else [])])
    read, _ = parse_stamps(stamps + "Z", PATTERN + "Z", None)
    general = stamps.str.to_datetime(PATTERN, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    assert read.to_list() == general.to_list()
    assert detect_format(pl.Series(texts), "time") == PATTERN
