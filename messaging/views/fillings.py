"""What can be filled in, as the pages tell whoever writes a text."""

from __future__ import annotations

from crm.extensions import Text
from messaging.texts import variables


def of_everybody() -> list[tuple[str, Text]]:
    """Variables that any message may name, with what they stand for."""
    return [(f"{root}.{name}", words) for root, names in variables.FIXED.items() for name, words in names.items()]


def of_flows() -> list[tuple[str, Text]]:
    """Those, and the roots that a flow brings."""
    return [*of_everybody(), *((f"{root}.…", words) for root, words in variables.OPEN.items())]
