"""Bounded streams: plain, gzip, several members, damage, bombs."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pytest

from ingest.formats.base import Limits
from ingest.formats.compression import BoundedStream, open_bounded
from kernel.errors import UnreadableFile

DATA = random.Random(7).randbytes(300_000) + b"the end\n"


def drained(path: Path, size: int = 64 << 10, limits: Limits | None = None) -> bytes:
    with open_bounded(path, limits) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("content", [b"", b"a", b"\x1f", b"plain\ntext\n", DATA])
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_plain_and_gzip_give_the_same_bytes_whatever_the_name(tmp_path: Path, content: bytes, size: int) -> None:
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed.xes"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert drained(plain, size) == content
    assert drained(packed, size) == content


def test_compressed_bytes_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    path.write_bytes(gzip.compress(b"x" * 100_000))
    with open_bounded(path) as stream:
        assert stream.compressed
        while stream.read(1000):
            pass
        assert stream.produced == 100_000
        assert stream.bytes_read == path.stat().st_size


def test_all_members_and_zero_padding(tmp_path: Path) -> None:
    path = tmp_path / "members.gz"
    path.write_bytes(gzip.compress(DATA) + gzip.compress(b"") + gzip.compress(b"second") + b"\0" * 512)
    assert drained(path) == DATA + b"second"


def test_it_serves_as_a_file_object(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree"))
    with open_bounded(path) as stream:
        assert io.BufferedReader(stream).readlines() == [b"one\n", b"two\n", b"three"]


@pytest.mark.parametrize("kept", [2, 3, 9, 10, 100, 200_000, -9, -8, -4, -1])
def test_a_truncated_gzip_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(DATA)[:kept])
    with pytest.raises(UnreadableFile, match="truncated"):
        drained(path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.gz"
    packed = bytearray(gzip.compress(DATA))
    packed[-6] ^= 0xFF  # in the checksum
    path.write_bytes(packed)
    with pytest.raises(UnreadableFile, match="damaged"):
        drained(path)


def test_something_else_after_the_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trailed.gz"
    path.write_bytes(gzip.compress(b"data") + b"<log/>")
    with pytest.raises(UnreadableFile, match="no gzip follow"):
        drained(path)


def test_limits_hold_while_streaming(tmp_path: Path) -> None:
    bomb, long = tmp_path / "bomb.gz", tmp_path / "long"
    bomb.write_bytes(gzip.compress(b"\0" * 4_000_000))
    long.write_bytes(b"x" * 5000)
    limits = Limits(max_bytes=10_000_000, max_ratio=50, ratio_free_bytes=100_000)
    with open_bounded(bomb, limits) as stream:
        with pytest.raises(UnreadableFile, match="beyond 50 to 1"):
            stream.readall()
        assert stream.produced < 1_000_000
    assert len(drained(bomb, limits=Limits(max_ratio=50))) == 4_000_000  # small bombs harm nobody
    with pytest.raises(UnreadableFile, match="more than 4,999 bytes"):
        drained(long, limits=Limits(max_bytes=4999))
    assert len(drained(long, limits=Limits(max_bytes=5000))) == 5000


def test_what_cannot_be_opened_or_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        open_bounded(tmp_path / "absent")
    with pytest.raises(UnreadableFile, match="directory"):
        open_bounded(tmp_path)
    assert issubclass(BoundedStream, io.RawIOBase)
