"""A process that collects over a `FileInlet` until all is there, or it is killed: settings as JSON, the inlet's
file, how many are expected, when to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from inlets import FileInlet

from ingest.collectors.making import COLLECTOR_SETTINGS, make_collector
from kernel.secrets import Secrets


def main(settings: str, kept: str, expected: str, kill: str, at: str) -> None:
    inlet = FileInlet(Path(kept), kill, int(at))
    inlet.expected = int(expected)
    collector = make_collector(COLLECTOR_SETTINGS.validate_json(settings), Secrets(Path("."), {"GUEST": "guest"}))
    collector.run(inlet, inlet.stopping)


if __name__ == "__main__":
    main(*sys.argv[1:])
