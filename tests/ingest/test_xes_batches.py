"""Whole XES files in batches: bounded, the same for every size of read, and the counts of public logs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from xes_traces import CASE, NAME, NOON, SEED, joined, read, trace

from ingest.formats import xes_batch
from ingest.formats.base import BATCH_ROWS
from ingest.formats.xes import XesReader


def test_a_case_of_100_000_events_comes_in_bounded_batches(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    count = 150_000
    with path.open("w") as file:
        file.write(f"<log><trace>{CASE}")
        for number in range(count):
            file.write(f'<event>{NAME}{NOON}<int key="n" value="{number}"/></event>')
        file.write("</trace></log>")
    batches = list(XesReader(path, object_type="case").batches())
    assert all(len(batch.events) < 2 * BATCH_ROWS for batch in batches)
    assert [batch.bytes_read for batch in batches] == sorted(batch.bytes_read for batch in batches)
    assert batches[-1].bytes_read == path.stat().st_size
    events = pl.concat(batch.events for batch in batches)
    assert events["sequence"].to_list() == list(range(1, count + 1))
    assert events["attributes"].to_list() == [f'{{"n":{number}}}' for number in range(count)]
    assert events["objects"].explode().struct.field("id").unique().to_list() == ["C1"]


def test_the_result_does_not_depend_on_shapes_or_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether attributes are written as columns or event by event, and wherever chunks are cut."""
    kinds = ['<int key="{}" value="1"/>', '<float key="{}" value="1.50"/>', '<date key="{}" value="2024-05-01Z"/>']
    euro = '<float key="cost:total" value="{}"/><string key="cost:currency" value="EUR"/>'
    traces = []
    for number in range(120):
        bodies = [
            NAME
            + NOON
            + "".join(kinds[place % 3].format(f"k{place}") for place in range(number % 7, 7))
            + (euro.format("1.5" if number % 2 else "0.00000001") if step else "")
            + (f'<string key="own {number}" value="{number}"><id key="n" value="m"/></string>' if step == 2 else "")
            + ('<int key="broken" value="?"/>' if (number, step) == (77, 1) else "")
            for step in range(3)
        ]
        traces.append(trace(*bodies, head=f'<string key="concept:name" value="{number}"/>'))
    usual = read(tmp_path, *traces)
    assert len(usual.events) == 359
    assert [rejected.position for rejected in usual.rejected] == ["trace 78, event 2"]
    for tables, rows in ((0, 32_768), (3, 32_768), (64, 50), (1, 1)):
        monkeypatch.setattr(xes_batch, "MAX_TABLES", tables)
        monkeypatch.setattr(xes_batch, "_CHUNK_ROWS", rows)
        again = read(tmp_path, *traces)
        assert again.events.equals(usual.events)
        assert again.objects.equals(usual.objects)
        assert [rejected.reason for rejected in again.rejected] == [rejected.reason for rejected in usual.rejected]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 4096])
def test_the_result_does_not_depend_on_the_size_of_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    path = tmp_path / "seed.xes"
    path.write_bytes(SEED)
    usual = joined(XesReader(path, object_type="case").batches())
    monkeypatch.setattr("ingest.formats.xes._CHUNK_BYTES", chunk_bytes)
    again = joined(XesReader(path, object_type="case").batches())
    assert again.events.equals(usual.events)
    assert again.objects.equals(usual.objects)
    assert len(usual.events) == 2


@pytest.mark.parametrize(
    ("name", "cases", "events", "activities"),
    [
        ("BPIC12.xes.gz", 13_087, 262_200, 24),
        ("Sepsis.xes.gz", 1_050, 15_214, 16),
        ("Helpdesk.xes.gz", 4_580, 21_348, 14),
        ("Receipt.xes.gz", 1_434, 8_577, 27),
        ("BPIC13_incidents.xes.gz", 7_554, 65_533, 4),
        ("T_BPIC15_1.xes.gz", 1_199, 54_818, 38),
        ("reviewing.xes.gz", 100, 3_730, 14),
        ("running-example.xes", 6, 42, 8),
        ("interval_event_log.xes", 1_266, 8_109, 8),
    ],
)
def test_counts_of_public_logs(data_dir: Path, name: str, cases: int, events: int, activities: int) -> None:
    path = data_dir / "logs" / name
    batch = joined(XesReader(path, object_type="case").batches())
    assert batch.rejected == []
    assert len(batch.events) == events
    assert batch.events["activity"].n_unique() == activities
    assert batch.objects["id"].n_unique() == cases
    assert batch.events["objects"].explode().struct.field("id").n_unique() == cases
    assert batch.bytes_read == path.stat().st_size
    if name == "Sepsis.xes.gz":
        assert "NA" in batch.objects["id"]
    if name == "BPIC12.xes.gz":
        assert batch.events.filter(pl.col("lifecycle") == "COMPLETE").height == 164_506
    if name == "interval_event_log.xes":
        assert (batch.events["started_at"] <= batch.events["occurred_at"]).all()


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("partial_order_example.xes", 25, "its time:timestamp: '?' is not a time stamp"),
        ("xes_20.xes", 1, "its trace has no concept:name before its first event"),
    ],
)
def test_public_logs_that_are_refused_whole(data_dir: Path, name: str, count: int, expected: str) -> None:
    batch = joined(XesReader(data_dir / "logs" / name, object_type="case").batches())
    assert len(batch.events) == 0
    assert [rejected.reason for rejected in batch.rejected] == [expected] * count
