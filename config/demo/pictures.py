"""A picture to attach, painted here so that no file of ours needs one."""

from __future__ import annotations

import zlib
from struct import pack

SIZE = 96
_GROUND, _CUP, _CRACK = (238, 233, 222), (126, 168, 150), (60, 60, 60)


def picture() -> bytes:
    """A PNG of a cup with a crack."""
    rows = b"".join(b"\0" + b"".join(bytes(_colour(x, y)) for x in range(SIZE)) for y in range(SIZE))
    header = pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def _colour(x: int, y: int) -> tuple[int, int, int]:
    if not (28 <= y < 76 and 22 + y // 12 <= x < 74 - y // 12):
        return _GROUND
    return _CRACK if abs(x - 44 - (y % 16 - 8) // 2) < 2 else _CUP
