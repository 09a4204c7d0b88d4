"""SipHash-2-4 with a zero key, as ClickHouse's sipHash64 and sipHash128 compute it
(Aumasson, Bernstein, SipHash: a fast short-input PRF, 2012)."""

from __future__ import annotations

_MASK = (1 << 64) - 1


def sip_hash_64(text: str) -> int:
    v0, v1, v2, v3 = _state(text.encode())
    return v0 ^ v1 ^ v2 ^ v3


def sip_hash_128(data: bytes) -> bytes:
    """The 16 bytes as a FixedString(16) holds them."""
    v0, v1, v2, v3 = _state(data)
    return (v0 ^ v1).to_bytes(8, "little") + (v2 ^ v3).to_bytes(8, "little")


def _state(data: bytes) -> tuple[int, int, int, int]:
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v0, v1, v2, v3 = state
        v0, v1, v2, v3 = _round(_round((v0, v1, v2, v3 ^ word)))
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = state
    state = (v0, v1, v2 ^ 255, v3)
    for _ in range(4):
        state = _round(state)
    return state


def _round(state: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = state
    v0 = (v0 + v1) & _MASK
    v1 = _left(v1, 13) ^ v0
    v0 = _left(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _left(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _left(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _left(v1, 17) ^ v2
    v2 = _left(v2, 32)
    return v0, v1, v2, v3


def _left(word: int, by: int) -> int:
    return ((word << by) | (word >> (64 - by))) & _MASK
