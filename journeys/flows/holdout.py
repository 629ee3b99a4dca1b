"""
Who enters a flow and is only watched: the flow's own share, and the shop's control group, to whom no flow writes.

Both are sticky: a customer is in the same hundredth for good, so that a larger share takes people in and lets none go.
"""

from __future__ import annotations

import hashlib

# Why such a run has ended, as it stands on its row.
OWN, CONTROL = "held out", "control group"
# No flow can be called so.
_EVERY_FLOW = "*"


def is_held_out(flow_slug: str, customer: int, percent: int) -> bool:
    """Whether the customer is in the share that the flow holds out."""
    digest = hashlib.sha256(f"{flow_slug}:{customer}".encode()).digest()
    return int.from_bytes(digest[:4]) % 100 < percent


def in_control_group(customer: int, percent: int) -> bool:
    """Whether the customer is in the shop's control group; nobody made up is, who has a number below zero."""
    return customer > 0 and is_held_out(_EVERY_FLOW, customer, percent)


def why_held_out(flow_slug: str, customer: int, percent: int, *, in_control: bool) -> str:
    """CONTROL, OWN, or "" for somebody who goes through the flow."""
    if in_control:
        return CONTROL
    return OWN if is_held_out(flow_slug, customer, percent) else ""
