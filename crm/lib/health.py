"""The socket `manage.py doctor` reads: each app adds the checks only it can make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw: `message` says what is so, `remedy` how to mend it."""

    level: Level
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One finding, and the check that made it."""

    check: str
    finding: Finding


Check = Callable[[datetime], Iterable[Finding]]

_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a function (now) -> findings under `name`, which is shown and must be unique."""

    def decorator(function: Check) -> Check:
        _checks[name] = function
        return function

    return decorator


def ok(message: str) -> Finding:
    return Finding(Level.OK, message)


def warning(message: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, message, remedy)


def error(message: str, remedy: str) -> Finding:
    return Finding(Level.ERROR, message, remedy)


def examine(now: datetime) -> list[Report]:
    """Run every check. One that raises is itself a finding, so that a sick part hides no other."""
    return [Report(name, finding) for name, function in _checks.items() for finding in _findings(function, now)]


def _findings(function: Check, now: datetime) -> list[Finding]:
    try:
        return list(function(now))
    except Exception as problem:  # noqa: BLE001 - whatever a check dies of is what the operator must hear
        return [
            error(f"the check could not be made: {type(problem).__name__}: {problem}", "Mend what stands above it.")
        ]
