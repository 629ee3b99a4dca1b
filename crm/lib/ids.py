"""Public ids: UUID version 7, so that they say nothing of our row numbers and still sort by time."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return uuid.UUID(int=value)
