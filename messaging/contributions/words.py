"""How the leaf that messaging adds to the rule grammar reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from crm.models import Channel
from crm.rules.words import how_often, name_of, says


@says("message")
def message(test: Mapping[str, Any]) -> str:
    said = {
        "sent": _("a message was sent"),
        "delivered": _("a message was delivered"),
        "clicked": _("followed a link in a message"),
        "failed": _("a message failed"),
        "withheld": _("a message was withheld"),
    }[test["result"]]
    told = {
        "channel": Channel(test["channel"]).label if test.get("channel") else "",
        "topic": name_of("topic", test["topic"]) if test.get("topic") else "",
        "template": test.get("template"),
    }
    labels = {"channel": _("channel"), "topic": _("topic"), "template": _("template")}
    about = [f"{labels[name]}: {value}" for name, value in told.items() if value]
    return how_often(f"{said} ({', '.join(about)})" if about else said, test)
