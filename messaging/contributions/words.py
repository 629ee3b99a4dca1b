"""How the leaf that messaging adds to the rule grammar reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from crm.models import Channel
from crm.rules.words import how_often, says


@says("message")
def message(test: Mapping[str, Any]) -> str:
    said = {
        "sent": _("a message was sent"),
        "delivered": _("a message was delivered"),
        "clicked": _("followed a link in a message"),
        "failed": _("a message failed"),
        "withheld": _("a message was withheld"),
    }[test["result"]]
    labels = dict(Channel.choices)
    about = [
        f"{label}: {labels.get(test[name], test[name])}"
        for name, label in (("channel", _("channel")), ("topic", _("topic")), ("template", _("template")))
        if test.get(name)
    ]
    return how_often(f"{said} ({', '.join(about)})" if about else said, test)
