"""The retailer's definitions fit the log, and installing them never overwrites what somebody wrote."""

from __future__ import annotations

from pathlib import Path

from ingest.catalogue import read_catalogue
from simulator.retailer import RETURN_TO_REFUND, RETURNS_CENTER, SHIPPED, install, returns_center
from simulator.returns_day import TRAITS
from simulator.returns_numbers import ENDS, PROMISED_DAYS, RETURN_STEPS, STARTS


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_process_of_the_catalogue_fits_the_log() -> None:
    definition = read_catalogue().process(RETURN_TO_REFUND)
    assert definition.object_type == "return"
    assert [name for name in definition.activities if name in RETURN_STEPS] == list(RETURN_STEPS)
    assert (definition.start, definition.end) == (STARTS, ENDS)
    assert {item.name for item in definition.case_attributes} == {*TRAITS, "refund_amount", "currency"}
    promise, *parts = definition.promises
    assert (promise.starts_with, promise.kept_by) == ("Return received", "Payment confirmed")
    assert promise.within == f"{PROMISED_DAYS} working days"
    assert definition.calendar == RETURNS_CENTER
    assert definition.calendar_of(promise) == returns_center()
    assert (parts[0].starts_with, parts[-1].kept_by) == (promise.starts_with, promise.kept_by)
    assert [one.starts_with for one in parts[1:]] == [one.kept_by for one in parts[:-1]]
    days = sum(int((one.within or "").partition(" working day")[0]) for one in parts)
    assert days == PROMISED_DAYS


def test_installing_again_changes_nothing(tmp_path: Path) -> None:
    written = install(tmp_path, "shop-1")
    home = tmp_path / "tenants" / "shop-1"
    assert content(home) == {name: data for name, data in content(SHIPPED).items() if name.endswith(".yaml")}
    assert [str(path.relative_to(home)) for path in written] == sorted(content(home))
    before = content(tmp_path)
    assert install(tmp_path, "shop-1") == []
    assert content(tmp_path) == before


def test_what_somebody_edited_stays_and_what_is_missing_comes(tmp_path: Path) -> None:
    first, *others = install(tmp_path, "local")
    first.write_text("edited")
    for path in others:
        path.unlink()
    assert install(tmp_path, "local") == others
    assert first.read_text() == "edited"
