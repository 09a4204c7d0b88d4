"""The retailer's definitions fit the log, and installing them never overwrites what somebody wrote."""

from __future__ import annotations

from pathlib import Path

from kernel.process import Processes
from simulator.retailer import RETURN_TO_REFUND, RETURNS_CENTER, SHIPPED, install, returns_center
from simulator.returns_day import TRAITS
from simulator.returns_numbers import ENDS, PROMISED_DAYS, RETURN_STEPS, STARTS


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_definitions_are_right_and_fit_the_log(tmp_path: Path) -> None:
    install(tmp_path, "local")
    processes = Processes(tmp_path, "local")
    definition = processes.all()[RETURN_TO_REFUND]
    assert definition.object_type == "return"
    assert definition.activities == definition.order == tuple(RETURN_STEPS)
    assert (definition.start, definition.end) == (STARTS, ENDS)
    assert {item.name for item in definition.case_attributes} == {*TRAITS, "refund_amount", "currency"}
    promise = next(each for each in definition.promises if each.starts_with == "Return received")
    assert (promise.kept_by, promise.within) == ("Payment confirmed", f"{PROMISED_DAYS} working days")
    assert definition.calendar_of(promise) == returns_center()
    assert RETURNS_CENTER in processes.calendars()


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
