"""Handing a batch to the inlet while the broker's connection is kept alive by somebody else.

While the inlet puts off (its spool is full, its database away) the same batch is offered again for a while, and is
not given back: a broker that counts deliveries (quorum queues of RabbitMQ 4 stop at 20) would otherwise throw away
messages only because we were full for a quarter of an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

from ingest.collectors.backoff import Backoff
from ingest.collectors.notes import Notes
from ingest.sources.delivery import Delivery, Inlet
from kernel.errors import SpoolFull, StateUnavailable

PATIENCE_S = 600.0
"""How long a batch is offered. RabbitMQ closes a channel on which something is unacknowledged for half an hour."""
_SUBJECT = "putting off"


def hand_over(
    inlet: Inlet,
    batch: Sequence[Delivery],
    stopping: Event,
    notes: Notes,
    *,
    patience_s: float = PATIENCE_S,
    backoff: Backoff | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """When this returns the batch is on disk, and may be acknowledged.

    Raises what the inlet raised: at once what no waiting mends, else when `patience_s` is over or `stopping` is set.
    """
    backoff = backoff or Backoff()
    until = monotonic() + patience_s
    while True:
        try:
            inlet.take(batch)
        except (SpoolFull, StateUnavailable) as error:
            pause_s = backoff.next_s()
            if monotonic() + pause_s > until or stopping.is_set():
                raise
            notes.set(_SUBJECT, f"waits with {len(batch)} messages, acknowledging none: {error}")
            if stopping.wait(pause_s):
                raise
        else:
            notes.drop(_SUBJECT)
            return
