"""Points at which a worker can be told to die: by SIGKILL, which nothing can catch or clean up after."""

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

_doom: list[tuple[str, int]] = []


def load() -> None:
    """Load once what every forked worker would load for itself, which takes longer than its work."""
    from django.conf import settings
    from django.urls import get_resolver
    from django.utils.module_loading import import_string

    get_resolver().url_patterns  # noqa: B018 - reading it is what loads the pages' addresses
    for provider in settings.MESSAGING_PROVIDERS.values():
        import_string(provider)


def at(point: str, occurrence: int) -> None:
    """This process dies when it comes to `point` for the `occurrence`th time (from 1)."""
    _doom[:] = [(point, occurrence)]


def perhaps(point: str) -> None:
    """Die here, if it is time."""
    if not _doom or _doom[0][0] != point:
        return
    name, left = _doom[0]
    if left <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _doom[0] = (name, left - 1)


def after(owner: Any, name: str, point: str) -> None:
    """Make the end of `owner.name` such a point."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        perhaps(point)
        return result

    setattr(owner, name, wrapped)


def before(owner: Any, name: str, point: str) -> None:
    """Make the beginning of `owner.name` such a point."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        perhaps(point)
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def fork(work: Callable[[], None], doom: tuple[str, int] | None) -> int:
    """Do `work` in a child that dies where `doom` says; return its process id. It exits with 1 when it raises."""
    child = os.fork()
    if child:
        return child
    if doom:
        at(*doom)
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)
