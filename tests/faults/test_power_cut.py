"""The spool when the power goes: every acknowledged receipt is there, whatever of the rest is."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from faults.power_cut import Call, Disk, cut_everywhere, recorded


@pytest.fixture
def tracer() -> None:
    if shutil.which("strace") is None:
        if os.environ.get("CI"):
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")


@pytest.mark.usefixtures("tracer")
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    calls = recorded(tmp_path, count=50, size=60_000)
    folder = tmp_path / "after"
    folder.mkdir()
    assert any(call.file == "spool.sqlite" and call.kind == "sync" for call in calls)  # it was checkpointed meanwhile
    found = cut_everywhere(calls, folder, cuts=60, seed=1)
    assert found.tried == 60
    assert found.lost == []


def test_what_was_not_synced_may_be_lost_or_torn() -> None:
    disk = Disk()
    disk.do(Call("write", "f", b"a" * 1024, 0))
    assert disk.after_a_cut(random.Random(1), 0.0) == b""
    disk.do(Call("sync", "f"))
    disk.do(Call("write", "f", b"b" * 1024, 512))
    assert disk.after_a_cut(random.Random(1), 0.0) == b"a" * 1024
    assert disk.after_a_cut(random.Random(1), 1.0) == b"a" * 512 + b"b" * 1024
    torn = {disk.after_a_cut(random.Random(seed), 0.5) for seed in range(20)}
    assert b"a" * 512 + b"b" * 512 in torn
    assert b"a" * 1024 + b"b" * 512 in torn
    disk.do(Call("cut", "f", at=100))
    disk.do(Call("sync", "f"))
    assert disk.after_a_cut(random.Random(1), 0.0) == b"a" * 100
