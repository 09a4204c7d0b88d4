"""Bodies that are packed by zstd: unpacked, bounded while it is done, and refused when they are not what they say."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from api.bodies import TooLarge, encoding_of, plain, unpacked_zstd

ZSTD = pa.Codec("zstd", compression_level=9)
LIMIT = 1 << 16


def packed(content: bytes) -> bytes:
    return bytes(ZSTD.compress(content, asbytes=True))


def test_all_frames_are_unpacked_and_no_more_than_may_be() -> None:
    for content in (b"", b"x", b"ab" * 20_000, bytes(LIMIT)):
        assert unpacked_zstd(packed(content), LIMIT) == content
    assert unpacked_zstd(packed(b"first") + packed(b" second"), LIMIT) == b"first second"
    with pytest.raises(TooLarge):
        unpacked_zstd(packed(bytes(LIMIT + 1)), LIMIT)
    with pytest.raises(TooLarge):
        unpacked_zstd(packed(bytes(LIMIT)) + packed(b"x"), LIMIT)


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = packed(bytes(64 << 20))
    assert len(bomb) < 1 << 14
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked_zstd(bomb, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 4 * LIMIT


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.data())
def test_what_is_cut_or_changed_is_refused_or_unpacked_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    whole = packed(content)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(ValueError, match="no zstd"):
        unpacked_zstd(cut, LIMIT)
    with pytest.raises(ValueError, match="no zstd"):
        unpacked_zstd(whole + b"x", LIMIT)
    for junk in (data.draw(st.binary(max_size=50)), whole[:4] + data.draw(st.binary(max_size=50))):
        with suppress(ValueError, TooLarge):
            assert len(unpacked_zstd(junk, LIMIT)) <= LIMIT


def test_an_encoding_is_known_or_refused() -> None:
    for given_, found in (("gzip", "gzip"), ("ZSTD ", "zstd"), ("identity", "identity")):
        assert encoding_of(Headers({"content-encoding": given_})) == found
    assert encoding_of(Headers({})) == "identity"
    for other in ("br", "deflate", "gzip, zstd", "", "zstd, zstd"):
        with pytest.raises(HTTPException) as refused:
            encoding_of(Headers({"content-encoding": other}))
        assert refused.value.status_code == 415
    assert plain(packed(b"x"), "zstd", 1) == plain(b"x", "identity", 1) == b"x"
