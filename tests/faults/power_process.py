"""Accepts events into a spool and says so: `python power_process.py HOME COUNT BYTES SABOTAGE`.

After each acknowledgement its receipt goes to the standard output, in one write. Every third entry is taken and marked
at once, so that the file is changed in its middle too. It ends without closing anything, as by a power cut.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from faults.sabotages import SABOTAGES

from ingest.events_json import read_events
from ingest.spool import Spool
from kernel.clock import SystemClock
from kernel.settings import load_settings


def main(home: Path, count: int, size: int, sabotage: str) -> None:
    if sabotage:
        SABOTAGES[sabotage].plant()
    clock, chance = SystemClock(), random.Random(1)
    spool = Spool(load_settings(home=home), clock)
    for number in range(count):
        attributes = {"text": chance.randbytes(size // 2).hex()}
        event = {"id": f"e{number}", "activity": "A", "occurred_at": "2026-01-01T00:00:00Z", "attributes": attributes}
        receipt = spool.accept("local", read_events(json.dumps([event]).encode(), "shop", clock.now()))
        os.write(1, f"ACK {receipt}\n".encode())
        if number % 3 == 2 and spool.lead("local", alone=True):
            taken = spool.take("local")
            if taken is not None:
                spool.mark("local", taken, stored=taken.events)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
