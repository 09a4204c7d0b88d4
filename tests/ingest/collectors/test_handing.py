"""A batch is offered again while the inlet puts off, and given up when that lasts, or when waiting mends nothing."""

from __future__ import annotations

from threading import Event

import pytest
from inlets import MemoryInlet

from ingest.collectors.backoff import Backoff
from ingest.collectors.handing import hand_over
from ingest.collectors.headers import header_text
from ingest.collectors.notes import MOST, Notes
from ingest.sources.delivery import Delivery, SourceStopped
from kernel.errors import SpoolFull, StateUnavailable

BATCH = [Delivery(b"{}", "k")]


def failing(*errors: Exception) -> MemoryInlet:
    left = list(errors)

    def fail(_: int) -> None:
        if left:
            raise left.pop(0)

    return MemoryInlet(fail)


def offered(inlet: MemoryInlet, notes: Notes, stopping: Event | None = None) -> None:
    ticks = iter(range(99))
    backoff = Backoff(least_s=0.001, most_s=0.001)
    hand_over(
        inlet, BATCH, stopping or Event(), notes, patience_s=3, backoff=backoff, monotonic=lambda: float(next(ticks))
    )


def test_the_same_batch_is_offered_until_it_is_taken() -> None:
    inlet, notes = failing(SpoolFull("full"), StateUnavailable("away")), Notes()
    offered(inlet, notes)
    assert (inlet.takes, inlet.batches, notes.all()) == (3, [BATCH], ())


def test_it_is_given_up_when_that_lasts_and_at_once_when_the_source_is_stopped() -> None:
    inlet, notes = failing(*[SpoolFull("full")] * 9), Notes()
    with pytest.raises(SpoolFull):
        offered(inlet, notes)
    assert inlet.takes == 3
    assert "acknowledging none" in notes.all()[0]
    inlet, stopping = failing(SourceStopped("stopped")), Event()
    with pytest.raises(SourceStopped):
        offered(inlet, notes)
    stopping.set()
    inlet = failing(SpoolFull("full"))
    with pytest.raises(SpoolFull):
        offered(inlet, notes, stopping)
    assert inlet.takes == 1


def test_notes_are_bounded_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes("orders")
    for n in (*range(MOST + 5), MOST + 4):
        notes.set(str(n), f"note {n}")
    assert len(notes.all()) == MOST
    assert len(caplog.records) == MOST + 5
    assert "source orders: note 0" in caplog.text


def test_headers_are_texts() -> None:
    values = ["x" * 3000, b"\xc3\xa4", b"\xff", None, True, 3, {"a": [1, b"b"]}]
    assert [header_text(value) for value in values] == ["x" * 2000, "ä", "/w==", "", "true", "3", '{"a": [1, "b"]}']
