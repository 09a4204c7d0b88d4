"""Power cuts of the spool: its writes and syncs are recorded, and its files made again as a disk may have them.

A disk holds what was synced. Of what was written since, any part may be there, in any order, torn at SECTOR bytes.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from faults.pipeline import HERE, ROOT

from ingest.spool_payload import together

SECTOR = 512
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate"
LINE = re.compile(r"(\w+)\(\d+<([^>]*)>(?:, (.*))?\) = (-?\d+)")
WRITTEN = re.compile(r'"((?:\\x[0-9a-f]{2})*)", (\d+)(?:, (\d+))?')


@dataclass(frozen=True, slots=True)
class Call:
    """One of CALLS, in the order in which the process made them. `data` of a write, `at` its offset or a new length."""

    kind: str  # write | cut | sync | ack
    file: str
    data: bytes = b""
    at: int = 0


@dataclass(slots=True)
class Disk:
    """A file as it is on the disk, and what was done to it since it was synced."""

    kept: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)

    def do(self, call: Call) -> None:
        if call.kind != "sync":
            self.pending.append(call)
            return
        for earlier in self.pending:
            _apply(self.kept, earlier)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random, survives: float) -> bytes:
        """The file when the power comes back. `survives`: the part of what was not synced that is there."""
        found = bytearray(self.kept)
        for call in self.pending:
            if call.kind == "cut":
                if chance.random() < survives:
                    _apply(found, call)
                continue
            for start in range(0, len(call.data), SECTOR):
                if chance.random() < survives:
                    piece = call.data[start : start + SECTOR]
                    _apply(found, Call("write", call.file, piece, call.at + start))
        return bytes(found)


def _apply(content: bytearray, call: Call) -> None:
    if call.kind == "cut":
        del content[call.at :]
        content.extend(bytes(call.at - len(content)))
        return
    content.extend(bytes(max(call.at + len(call.data) - len(content), 0)))
    content[call.at : call.at + len(call.data)] = call.data


def recorded(folder: Path, *, count: int, size: int, sabotage: str = "") -> list[Call]:
    """What a process does to the files of its spool while it accepts `count` events of `size` bytes."""
    home, log = folder / "recorded", folder / "calls"
    home.mkdir()
    command = ["strace", "-y", "-xx", "-s", str(1 << 20), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    command += [sys.executable, str(HERE / "power_process.py"), str(home), str(count), str(size), sabotage]
    path = os.pathsep.join([str(HERE.parent), str(ROOT)])
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    calls = []
    with log.open(encoding="ascii") as lines:
        for line in lines:
            calls += _read(line)
    log.unlink()
    acks = [call for call in calls if call.kind == "ack"]
    if len(acks) != count or not any(call.kind == "write" for call in calls):
        raise RuntimeError(f"{len(acks)} acknowledgements of {count} are in the record")
    return calls


def _read(line: str) -> list[Call]:
    found = LINE.match(line)
    if found is None or int(found[4]) < 0:
        return []
    kind, name, rest = found[1], bytes.fromhex(found[2].replace("\\x", "")).decode(errors="replace"), found[3] or ""
    file = Path(name).name
    if kind == "write":
        text = WRITTEN.match(rest)
        data = _bytes(text[1]) if text is not None else b""
        return [Call("ack", "", data[4:].strip())] if data.startswith(b"ACK ") else []
    if file not in ("spool.sqlite", "spool.sqlite-wal"):
        return []
    if kind == "pwrite64":
        text = WRITTEN.match(rest)
        assert text is not None, line[:200]
        data = _bytes(text[1])
        assert len(data) == int(found[4]), line[:200]
        return [Call("write", file, data, int(text[3]))]
    if kind == "ftruncate":
        return [Call("cut", file, at=int(rest))]
    return [Call("sync", file)]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(slots=True)
class Cuts:
    """How many cuts were tried, and what was lost by them."""

    tried: int = 0
    lost: list[str] = field(default_factory=list)


def cut_everywhere(calls: list[Call], folder: Path, *, cuts: int, seed: int) -> Cuts:
    """Cut the power after acknowledgements and at other moments, and open what is left each time."""
    chance, result = random.Random(seed), Cuts()
    acks = [number + 1 for number, call in enumerate(calls) if call.kind == "ack"]
    first = acks[0]
    moments = sorted(chance.choice(acks) if turn % 2 else chance.randint(first, len(calls)) for turn in range(cuts))
    disks: dict[str, Disk] = {}
    receipts: list[str] = []
    done = 0
    for moment in moments:
        for call in calls[done:moment]:
            if call.kind == "ack":
                receipts.append(call.data.decode())
            else:
                disks.setdefault(call.file, Disk()).do(call)
        done = moment
        survives = chance.choice([0.0, 0.5, 0.95, 1.0])
        for file in ("spool.sqlite", "spool.sqlite-wal", "spool.sqlite-shm"):
            (folder / file).unlink(missing_ok=True)
        for file, disk in disks.items():
            (folder / file).write_bytes(disk.after_a_cut(chance, survives))
        result.tried += 1
        problem = _problem(folder / "spool.sqlite", receipts)
        if problem:
            result.lost.append(f"cut after call {moment}, {survives:.0%} of what was not synced: {problem}")
    return result


def _problem(path: Path, receipts: list[str]) -> str:
    """What is wrong with the spool; "" when every acknowledged entry is there and readable."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT receipt, payload, marked_at FROM spool_entries").fetchall()
        held = {receipt: (payload, marked) for receipt, payload, marked in rows}
        missing = [receipt for receipt in receipts if receipt not in held]
        if missing:
            return f"{len(missing)} acknowledged receipts are gone"
        together((receipt, payload) for receipt, (payload, marked) in held.items() if marked is None)
        received, parts = connection.execute(
            "SELECT received, stored + duplicate + quarantined + refused + in_spool FROM spool_totals"
        ).fetchone()
        if received != parts or received != len(held):
            return f"{received} received, {parts} accounted for, {len(held)} entries"
        (well,) = connection.execute("PRAGMA integrity_check").fetchone()
        return "" if well == "ok" else str(well)
    except sqlite3.Error as error:
        return f"it does not open: {error}"
    finally:
        connection.close()
