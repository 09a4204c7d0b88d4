"""What is erased of a tenant, as whoever loads asks for it: nothing, as a rule, and then it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ingest.erasing.counting import forget_erased_count
from ingest.erasing.keys import ErasureKeys
from ingest.erasing.room import ROOM
from ingest.erasing.scrub import Scrub, Tombstone
from ingest.erasing.subject import Digests, Subject
from kernel.warehouse import Warehouse, load_query


class Tombstones:
    """The tombstones of one tenant, read when they are first asked for and whenever `changed` was called."""

    def __init__(self, warehouse: Warehouse, tenant: str, keys: ErasureKeys | None = None) -> None:
        self._warehouse, self._tenant = warehouse, tenant
        self.keys = keys or ErasureKeys(warehouse.settings)
        self._scrub: Scrub | None = None

    def scrub(self) -> Scrub | None:
        """What takes out of frames what is erased; None where nothing is.

        Raises
        ------
        SettingsError
            The key of one is not there any more: what is to be taken out is not known, and nothing may be loaded.
        """
        if self._scrub is None:
            found = self._warehouse.read_for_write(load_query(ROOM, "erased_subjects"), {"tenant": self._tenant})
            rows = [_tombstone(row) for row in found.to_dicts()]
            keys = self.keys.known(self._tenant, {one.key for one in rows}) if rows else {}
            self._scrub = Scrub(rows, keys)
        return self._scrub if self._scrub.count else None

    def changed(self) -> None:
        """Read them again when they are next asked for."""
        self._scrub = None

    def add(self, erasure: str, subject: Subject, own: Iterable[str], digests: Digests, at: datetime) -> None:
        """Have a subject be erased from now on. `own`: the texts that its attributes had. Again is the same."""
        row = {
            "tenant": self._tenant,
            "erasure": erasure,
            "key": digests.fingerprint.hex(),
            "digests": [digests.of_object(subject.object_type, one).hex() for one in subject.ids],
            "texts": [digests.of_text(one).hex() for one in subject.ids],
            "own": sorted(digests.of_text(one).hex() for one in set(own)),
            "lengths": sorted({len(one) for one in subject.ids}),
            "everywhere": int(subject.everywhere),
            "erased_at": at,
        }
        try:
            self._warehouse.command(load_query(ROOM, "erase_subject"), row)
        finally:  # also where it is not known whether it was written
            forget_erased_count(self._warehouse, self._tenant)
            self.changed()


def _tombstone(row: dict[str, object]) -> Tombstone:
    def some(name: str) -> frozenset[bytes]:
        found = row[name]
        assert isinstance(found, list)
        return frozenset(bytes.fromhex(one) for one in found)

    lengths = row["lengths"]
    assert isinstance(lengths, list)
    return Tombstone(
        str(row["erasure"]),
        bytes.fromhex(str(row["key"])),
        some("digests"),
        some("texts"),
        some("own"),
        frozenset(lengths),
        bool(row["everywhere"]),
    )
