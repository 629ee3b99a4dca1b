"""Which variant somebody gets: a lot drawn by their id and the broadcast's, so that it is the same after any crash."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

_WHOLE = 2**32


def draw(broadcast: UUID, customer: UUID, weights: Sequence[int], *, test_share: int = 0) -> int | None:
    """
    The number (from 1) of the variant that `customer` gets; None for whoever is to get the winner of a trial.

    Args:
        weights: of the variants, in their order.
        test_share: percent of the people on whom a trial is made; 0 when there is none, and everybody draws.
    """
    digest = blake2b(broadcast.bytes + customer.bytes, digest_size=8).digest()
    in_trial, lot = int.from_bytes(digest[:4]), int.from_bytes(digest[4:])
    if test_share and in_trial * 100 >= test_share * _WHOLE:
        return None
    place = lot * sum(weights)
    upto = 0
    for number, weight in enumerate(weights, start=1):
        upto += weight
        if place < upto * _WHOLE:
            return number
    raise ValueError("there is nothing to draw from")
