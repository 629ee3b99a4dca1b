"""Messaging's kind of condition in the rule builder."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from crm.rules.menu import ACTION, Control, Offer, Pairs, offer, suggests
from messaging.models import Template

offer(
    Offer(
        "message", ACTION, _("Message"), {"result": "sent"},
        (
            Control("result", "choice", _("result"), "message_results"),
            Control("channel", "choice", _("channel"), "channels", optional=True),
            Control("topic", "text", _("topic"), "topics", optional=True),
            Control("template", "text", _("template"), "templates", optional=True),
            Control("count", "compare", _("how often"), optional=True),
            Control("within", "span", _("in the last"), optional=True),
        ),
    )
)  # fmt: skip


@suggests("message_results")
def results() -> Pairs:
    return [
        ("sent", _("sent")), ("delivered", _("delivered")), ("clicked", _("clicked")), ("failed", _("failed")),
        ("withheld", _("withheld")),
    ]  # fmt: skip


@suggests("templates")
def templates() -> Pairs:
    return [*dict(Template.objects.order_by("slug").values_list("slug", "name")).items()]
