"""What a rule says, leaf by leaf, without asking whether it could be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def leaves_of(rule: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """(path, kind, value) of every leaf; of a rule with faults those that can be told."""
    for key, value in rule.items() if isinstance(rule, Mapping) else ():
        here = f"{path}.{key}" if path else str(key)
        if key == "not":
            yield from leaves_of(value, here)
        elif key in {"all", "any"}:
            for index, node in enumerate(value if isinstance(value, list) else ()):
                yield from leaves_of(node, f"{here}[{index}]")
        else:
            yield here, str(key), value
