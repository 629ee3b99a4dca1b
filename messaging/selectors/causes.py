"""What caused a message, in words; and where that can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import extensions
from crm.access.roles import may
from crm.models import User

Cause = Mapping[str, Any]
# What may cause a message, as the log's filter offers it.
KINDS: Mapping[str, Promise] = {
    "flow": gettext_lazy("a flow"),
    "broadcast": gettext_lazy("a broadcast"),
    "staff": gettext_lazy("written by staff"),
    "ticket": gettext_lazy("a reply on a ticket"),
    "keyword": gettext_lazy("an answer to a keyword"),
    "api": gettext_lazy("a program"),
    "test": gettext_lazy("a test"),
}
# The records a cause may name by primary key, the nearest first, with who may look at them; their apps say where.
_RECORDS = {"enrolment": "journeys.view", "ticket": "tickets.view"}


def in_words(cause: Cause) -> str:
    """One line; "" when nothing is known."""
    say = _SAYINGS.get(cause.get("kind", ""))
    return say(cause) if say else ""


def url_of(cause: Cause, user: User) -> str:
    """The page of what caused it; "" when there is none, or none that `user` may see."""
    for record, permission in _RECORDS.items():
        pk = cause.get(record)
        if isinstance(pk, int) and may(user, permission) and (url := extensions.urls_of(record, [pk]).get(pk)):
            return url
    broadcast = cause.get("broadcast")
    if isinstance(broadcast, str) and may(user, "broadcasts.view"):
        return reverse("messaging:broadcast_detail", args=[broadcast])
    return ""


def _flow(cause: Cause) -> str:
    if cause.get("step"):
        return _("Flow %(flow)s, step %(step)s") % {"flow": cause.get("flow", ""), "step": cause["step"]}
    return _("Flow %(flow)s") % {"flow": cause.get("flow", "")}


def _staff(cause: Cause) -> str:
    return _("Written by %(name)s") % {"name": cause["name"]} if cause.get("name") else _("Written by staff")


def _test(cause: Cause) -> str:
    return _("Test by %(name)s") % {"name": cause["name"]} if cause.get("name") else _("Test")


def _keyword(cause: Cause) -> str:
    return _("Answer to the word %(word)s") % {"word": str(cause.get("keyword", "")).upper()}


def _ticket(cause: Cause) -> str:
    return _("Reply on ticket %(number)s") % {"number": cause.get("number", "")}


def _api(cause: Cause) -> str:
    return _("Sent by a program")


def _broadcast(cause: Cause) -> str:
    return _("Broadcast %(name)s") % {"name": cause.get("name", "")}


_SAYINGS = {
    "flow": _flow, "broadcast": _broadcast, "staff": _staff, "test": _test, "keyword": _keyword, "ticket": _ticket,
    "api": _api,
}  # fmt: skip
