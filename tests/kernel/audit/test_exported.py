"""An exported audit proves the same without the database, whatever is done to its files, in bounded memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from audits import NOON, TENANT
from examples import examples

from kernel.audit.chain import FIRST, Head, content_of, entry_hash
from kernel.audit.reading import AuditReader
from kernel.audit.records import ANCHORS, ENTRIES, HEAD, KEYS, ExportedAudit, Record
from kernel.audit.signing import SignedHead, public_keys, read_head, read_keys
from kernel.audit.verify import Kind, verify
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.settings import Settings
from kernel.state.database import State

Add = Callable[..., Head]


@pytest.fixture
def reader(state: State, settings: Settings, clock: FixedClock) -> AuditReader:
    return AuditReader(state, settings, clock)


@pytest.fixture
def exported(reader: AuditReader, add: Add, clock: FixedClock, tmp_path: Path) -> Path:
    """Twelve entries of three chains under three anchors."""
    for step in range(12):
        add(("users", "keys", "run:1")[step % 3], step=step, text="Größe\n")
        clock.at += timedelta(seconds=1)
        if step in (4, 8):
            reader.head(grown=True)
    reader.export(tmp_path / "export")
    return tmp_path / "export"


def test_an_export_is_whole_and_its_owners_alone(exported: Path, tenant: str) -> None:
    head, keys = read_head(exported / HEAD), read_keys([exported / KEYS])
    found = verify(ExportedAudit(exported), tenant, [head], keys)
    assert (found.breaches, found.not_covered) == ([], 0)
    assert (found.chains, found.entries, found.anchors, found.covered_by) == (3, 12, 3, 3)
    assert {path.name for path in exported.iterdir()} == {ENTRIES, ANCHORS, HEAD, KEYS}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in exported.iterdir())
    assert exported.stat().st_mode & 0o777 == 0o700


def edit(lines: list[bytes], seed: random.Random) -> list[bytes]:
    """Lines with one byte changed, one left out, one doubled, two exchanged, or the rest cut off."""
    here, there, how = seed.randrange(len(lines)), seed.randrange(len(lines)), seed.randrange(5)
    line = lines[here]
    if how == 0:
        at = seed.randrange(len(line))
        return [*lines[:here], line[:at] + bytes([seed.randrange(256)]) + line[at + 1 :], *lines[here + 1 :]]
    if how == 1:
        return lines[:here] + lines[here + 1 :]
    if how == 2:
        return [*lines[:there], line, *lines[there:]]
    if how == 3:
        swapped = list(lines)
        swapped[here], swapped[there] = lines[there], line
        return swapped
    whole = b"".join(lines)
    return whole[: seed.randrange(len(whole))].splitlines(keepends=True)


def meant(lines: list[bytes]) -> list[object]:
    """What lines say: a byte that was changed may not change that."""
    said: list[object] = []
    for line in b"".join(lines).split(b"\n"):
        try:
            said.append(msgspec.json.decode(line, type=Record))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said.append(line)
    return said[:-1] if said[-1:] == [b""] else said


def test_whatever_is_done_to_the_files_is_found(exported: Path, tenant: str) -> None:
    seed, head, keys = random.Random(20260303), read_head(exported / HEAD), read_keys([exported / KEYS])
    for name in (ENTRIES, ANCHORS):
        whole = (exported / name).read_bytes().splitlines(keepends=True)
        done = 0
        while done < examples(150):
            lines = edit(whole, seed)
            if meant(lines) == meant(whole):
                continue
            (exported / name).write_bytes(b"".join(lines))
            assert not verify(ExportedAudit(exported), tenant, [head], keys).intact, lines
            done += 1
        (exported / name).write_bytes(b"".join(whole))
    assert verify(ExportedAudit(exported), tenant, [head], keys).intact


def test_chains_that_are_torn_apart_and_lines_without_an_end_are_found(exported: Path, tenant: str) -> None:
    head, keys = read_head(exported / HEAD), read_keys([exported / KEYS])
    lines = (exported / ENTRIES).read_bytes().splitlines(keepends=True)
    (exported / ENTRIES).write_bytes(b"".join(lines[:2] + lines[4:8] + lines[2:4] + lines[8:]))
    found = verify(ExportedAudit(exported), tenant, [head], keys)
    assert Kind.ORDER in {breach.kind for breach in found.breaches}
    (exported / ENTRIES).write_bytes(b"".join(lines) + b"x" * 40_000_000)
    found = verify(ExportedAudit(exported), tenant, [head], keys)
    assert {breach.kind for breach in found.breaches} == {Kind.UNREADABLE}


def test_nothing_is_exported_over_something_or_from_nothing(reader: AuditReader, add: Add, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing was recorded"):
        reader.export(tmp_path / "export")
    add("users")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="new or empty folder"):
        reader.export(tmp_path)
    with pytest.raises(InputError, match="file"):
        reader.export(tmp_path / "file")
    with pytest.raises(NotFound, match=r"no entries\.ndjson"):
        ExportedAudit(tmp_path)


def test_entries_are_read_chain_by_chain_and_page_by_page(
    reader: AuditReader, add: Add, clock: FixedClock, tenant: str
) -> None:
    for step in range(5):
        add("users", step=step)
    found = reader.entries("users", after=1, limit=3)
    assert [(entry.number, entry.body, entry.actor, entry.kind) for entry in found] == [
        (number, {"step": number - 1}, "ana", "step") for number in (2, 3, 4)
    ]
    assert found[0].at == clock.now()
    assert reader.entries("users", after=5) == []
    with pytest.raises(NotFound, match="no chain 'keys'"):
        reader.entries("keys")
    with pytest.raises(NotFound, match="nothing was anchored"):
        reader.head(grown=False)
    assert reader.head(grown=True).entries == 5
    add("users")
    assert reader.head(grown=False).entries == 5


class Endless:
    """So many entries, made as they are read: a chain each ten."""

    def __init__(self, entries: int) -> None:
        self._entries = entries

    def anchors(self) -> Iterator[Record]:
        return iter(())

    def ends(self) -> Iterator[tuple[str, int, str]]:
        return ((entry.chain, 10, entry.hash) for entry in self.entries() if entry.number == 10)

    def entries(self) -> Iterator[Record]:
        for run in range(self._entries // 10):
            before, name = FIRST, f"run:{run:08}"
            for number in range(1, 11):
                content = content_of(TENANT, name, number, kind="step", actor="ana", body={"text": "x" * 500}, at=NOON)
                hash_ = entry_hash(before, content)
                yield Record(name, number, before, hash_, content.decode(), NOON)
                before = hash_


def test_memory_does_not_grow_with_the_audit() -> None:
    peaks = []
    for entries in (1_000, 10_000):
        tracemalloc.start()
        found = verify(Endless(entries), TENANT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (found.intact, found.entries, found.not_covered) == (True, entries, entries)
    assert peaks[1] < peaks[0] + 100_000


def test_the_public_keys_of_the_home_verify_the_export(exported: Path, settings: Settings, tenant: str) -> None:
    head: SignedHead = read_head(exported / HEAD)
    assert verify(ExportedAudit(exported), tenant, [head], public_keys(settings)).intact
