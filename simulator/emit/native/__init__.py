"""What each system itself would hand out: a folder per system, in its own shape, a file per day on which it was told.

Every record carries the id that its system gave the event, so that what is told twice can be recognised, and nothing
that the system does not know. What an object has from its beginning is told by whoever tells of it first and can know
it. Mapping packs (`ingest/mappings/shipped/sim-SYSTEM.yaml`) make of it what the exports of the world hold.
"""

from simulator.emit.native.writer import NativeWriter

__all__ = ["NativeWriter"]
