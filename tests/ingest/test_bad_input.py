"""Bad files: a clear error or a quarantine entry, never a wrong answer, a hang or a traceback."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ingest.formats.base import Limits
from ingest.load import Load, LoadReport, LoadRequest
from ingest.mapping import Mapping
from ingest.quarantine import quarantined
from kernel.clock import FixedClock
from kernel.errors import InputError, MappingError, TooManyBad, UnreadableFile
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.cases import case
from mining.directly_follows import activities
from mining.projection import refresh
from mining.summary import log_summary
from mining.view import ProcessView

Loader = Callable[..., LoadReport]
HEADER = "case,activity,time\n"
UTC = {"case": "case", "activity": "activity", "time": "time", "timezone": "UTC"}


@pytest.fixture
def load(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> Loader:
    def run(content: str | bytes, name: str = "log.csv", **options: object) -> LoadReport:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        mapping = Mapping.model_validate(options.pop("mapping", UTC))
        request = LoadRequest(path=path, process="p", tenant=tenant, mapping=mapping, **options)  # type: ignore[arg-type]
        return Load(warehouse, clock, request).run()

    return run


@pytest.fixture
def view(warehouse: Warehouse, clock: FixedClock, tenant: str) -> Callable[[], ProcessView]:
    def projected() -> ProcessView:
        definition = ProcessDefinition(id="p", object_type="case:p")
        refresh(warehouse, clock, tenant, definition)
        return ProcessView(warehouse, tenant, definition)

    return projected


def reasons(warehouse: Warehouse, tenant: str) -> dict[str, str]:
    return {row["position"]: row["reason"] for row in quarantined(warehouse, tenant=tenant).to_dicts()}


def test_an_empty_file_is_refused(load: Loader) -> None:
    with pytest.raises(UnreadableFile, match=r"log\.csv: the file is empty"):
        load("")


def test_a_file_that_is_not_there_is_named(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    request = LoadRequest(path=Path("nowhere.csv"), process="p", tenant=tenant)
    with pytest.raises(UnreadableFile, match=r"nowhere\.csv: there is no such file"):
        Load(warehouse, clock, request).run()


@pytest.mark.parametrize("content", [HEADER, HEADER.strip()])
def test_a_header_alone_loads_nothing(load: Loader, content: str) -> None:
    report = load(content)
    assert (report.received, report.stored, report.quarantined) == (0, 0, 0)


def test_a_missing_column_is_named_with_those_that_exist(load: Loader) -> None:
    with pytest.raises(MappingError, match=r"no column 'activty' for activity \(did you mean activity\?\).*'case'"):
        load(HEADER + "1,A,2026-01-01 00:00:00\n", mapping=UTC | {"activity": "activty"})


def test_a_guess_is_offered_and_not_taken(load: Loader) -> None:
    content = "case_id,activity,timestamp\n1,A,2026-01-01T00:00:00Z\n"
    with pytest.raises(MappingError, match="--case case_id --activity activity --time timestamp"):
        load(content, mapping={})
    report = load(content, mapping={}, accept_guess=True)
    assert report.stored == 1
    assert report.guessed == {"case": "case_id", "activity": "activity", "time": "timestamp"}


def test_an_unreadable_time_goes_to_quarantine_with_its_row(load: Loader, warehouse: Warehouse, tenant: str) -> None:
    report = load(HEADER + "1,A,2026-01-01 00:00:00\n1,B,soon\n1,C,\n1,D,2026-02-31 00:00:00\n,E,2026-01-01 00:00:00\n")
    assert (report.received, report.stored, report.quarantined) == (5, 1, 4)
    assert reasons(warehouse, tenant) == {
        "row 2": "time: 'soon' is not a time in the form %Y-%m-%d %H:%M:%S",
        "row 3": "time: is empty",
        "row 4": "time: '2026-02-31 00:00:00' is not a time in the form %Y-%m-%d %H:%M:%S",
        "row 5": "case: is empty",
    }


def test_naive_times_need_a_zone(load: Loader) -> None:
    named = {name: value for name, value in UTC.items() if name != "timezone"}
    with pytest.raises(MappingError, match=r"'2026-01-01 00:00:00' carry no time zone; give --timezone"):
        load(HEADER + "1,A,2026-01-01 00:00:00\n", mapping=named)


def test_mixed_zones_are_one_time_line(load: Loader, view: Callable[[], ProcessView]) -> None:
    load(
        HEADER + "1,second,2026-01-01T01:00:00+00:00\n1,first,2026-01-01T01:30:00+01:00\n1,third,2026-01-01T01:30:00Z\n"
    )
    assert case(view(), "1").events["activity"].to_list() == ["first", "second", "third"]


def test_ambiguous_day_and_month_must_be_said(load: Loader, view: Callable[[], ProcessView]) -> None:
    content = HEADER + "1,A,03/04/2026 10:00\n1,B,05/06/2026 10:00\n"
    with pytest.raises(MappingError, match=r"could be %d/%m/%Y %H:%M or %m/%d/%Y %H:%M"):
        load(content)
    load(content, mapping=UTC | {"time_format": "%d/%m/%Y %H:%M"})
    assert case(view(), "1").events["occurred_at"].dt.month().to_list() == [4, 6]


def test_an_hour_that_clocks_skip_or_repeat_is_not_guessed(load: Loader, warehouse: Warehouse, tenant: str) -> None:
    report = load(
        HEADER + "1,skipped,2026-03-29 02:30:00\n1,repeated,2026-10-25 02:30:00\n1,fine,2026-10-25 12:00:00\n",
        mapping=UTC | {"timezone": "Europe/Berlin"},
    )
    assert (report.stored, report.quarantined) == (1, 2)


def test_one_id_with_two_contents_is_a_conflict_settled_the_same_way(
    load: Loader, view: Callable[[], ProcessView]
) -> None:
    mapping = UTC | {"event_id": "id"}
    one = "id,case,activity,time\n7,1,A,2026-01-01 00:00:00\n"
    other = "id,case,activity,time\n7,1,B,2026-01-01 00:00:00\n"
    first = load(one, name="one.csv", mapping=mapping)
    second = load(other, name="other.csv", mapping=mapping)
    assert (first.stored, second.stored, second.conflicts) == (1, 1, 1)
    summary = log_summary(view())
    assert (summary.cases, summary.events) == (1, 1)


def test_broken_records_are_kept_apart_and_the_rest_counts(load: Loader, warehouse: Warehouse, tenant: str) -> None:
    content = (
        HEADER.encode() + b"1,A\n1,B,2026-01-01 00:00:00,x\n1,\xff\xfe,2026-01-01 00:00:00\n1,D,2026-01-01 00:00:00\n"
    )
    report = load(content)
    assert (report.received, report.stored, report.quarantined) == (4, 1, 3)
    assert reasons(warehouse, tenant) == {
        "row 1": "has 2 fields, the header has 3",
        "row 2": "has 4 fields, the header has 3",
        "row 3": "is not UTF-8 text",
    }


def test_a_quote_that_is_never_closed_loses_nothing_silently(load: Loader) -> None:
    with pytest.raises(UnreadableFile, match="a quote opens and is never closed"):
        load(HEADER + '1,A,2026-01-01 00:00:00\n1,"B,2026-01-01 00:00:00\n1,C,2026-01-01 00:00:00\n')


def test_hostile_names_are_names(load: Loader, view: Callable[[], ProcessView]) -> None:
    names = [
        "<script>alert(1)</script>",
        'say "hi"',
        "two\nlines",
        "naïve 🙂",
        "'; DROP TABLE events; --",
        "x" * 10_000,
    ]
    frame = pl.DataFrame(
        {"case": ["NA", "null", "", "007", "a/b", "../x"], "activity": names, "time": ["2026-01-01 00:00:00"] * 6}
    )
    report = load(frame.write_csv())
    assert (report.stored, report.quarantined) == (5, 1)
    found = view()
    assert set(activities(found)["activity"]) == set(names) - {"two\nlines"}
    for case_id, name in (("NA", names[0]), ("null", names[1]), ("007", names[3]), ("../x", names[5])):
        assert case(found, case_id).events["activity"].to_list() == [name]


def test_one_case_with_a_hundred_thousand_events(load: Loader, view: Callable[[], ProcessView]) -> None:
    stamps = pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 1, 2, 3, 46, 39), "1s", eager=True)
    frame = pl.DataFrame({"case": "1", "activity": "A", "time": stamps.dt.strftime("%Y-%m-%d %H:%M:%S")})
    assert load(frame.write_csv()).stored == 100_000
    summary = log_summary(view())
    assert (summary.cases, summary.events, summary.variants) == (1, 100_000, 1)


def test_ten_thousand_activities(load: Loader, view: Callable[[], ProcessView]) -> None:
    frame = pl.DataFrame({"case": "1", "activity": [f"step {i}" for i in range(10_000)], "time": "2026-01-01 00:00:00"})
    assert load(frame.write_csv()).stored == 10_000
    assert log_summary(view()).activities == 10_000


def test_a_truncated_gzip_is_refused(load: Loader) -> None:
    rows = "".join(f"{i},A,2026-01-01 00:00:00\n" for i in range(10_000))
    packed = gzip.compress((HEADER + rows).encode())
    with pytest.raises(UnreadableFile, match="truncated"):
        load(packed[: len(packed) // 2], name="log.csv.gz")


def test_billion_laughs_are_refused(load: Loader) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE log [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><log>&b;</log>'
    with pytest.raises(UnreadableFile, match=r"(?i)doctype|entit"):
        load(bomb, name="log.xes", mapping={})


def test_a_small_file_that_claims_to_be_huge_is_refused(load: Loader) -> None:
    packed = gzip.compress(HEADER.encode() + b"1,A,2026-01-01 00:00:00\n" * 200_000, compresslevel=9)
    with pytest.raises(UnreadableFile, match="inflate"):
        load(packed, name="log.csv.gz", limits=Limits(ratio_free_bytes=1 << 20))


def test_a_zip_is_refused_with_what_to_do(load: Loader, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("log.csv", HEADER)
    with pytest.raises(UnreadableFile, match="is a zip archive; unpack it"):
        load((tmp_path / "made.zip").read_bytes(), name="log.zip")


def test_too_many_bad_rows_stop_the_load_and_say_why(load: Loader) -> None:
    rows = "".join(f"1,A,{'never' if i % 3 else '2026-01-01 00:00:00'}\n" for i in range(600))
    with pytest.raises(
        TooManyBad, match=r"400 of the first 600 rows are bad, more than 5\.0%; for example row 2: time"
    ):
        load(HEADER + rows)


def test_binary_rubbish_is_no_csv(load: Loader) -> None:
    with pytest.raises(InputError):
        load(bytes(range(256)) * 40, name="log.csv", mapping={})


def test_ndjson_lines_that_are_no_objects_are_quarantined(load: Loader, warehouse: Warehouse, tenant: str) -> None:
    content = (
        '{"case":"1","activity":"A","time":"2026-01-01T00:00:00Z","n":{"x":1.5}}\n[1]\nnot json\n'
        '{"case":"1","activity":"B","time":"2026-01-01T00:00:01Z","v":NaN}\n'
        '{"case":"1\\u0000","activity":"B","time":"2026-01-01T00:00:01Z"}\n'
    )
    report = load(content, name="log.ndjson")
    assert (report.received, report.stored, report.quarantined) == (5, 1, 4)
    assert set(reasons(warehouse, tenant)) == {"line 2", "line 3", "line 4", "line 5"}
    kept = warehouse.query(Query("kept", "SELECT attributes FROM events WHERE tenant = {t:String}"), {"t": tenant})
    assert kept.item() == '{"n.x":1.5}'
