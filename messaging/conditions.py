"""The leaf that messaging adds to the rule grammar: what became of messages to a customer."""

from __future__ import annotations

from typing import Literal

from django.db.models import Q

from crm.rules.conditions import Context, register
from crm.rules.leaves.events import EventTest, happened
from crm.rules.schema import Compare, IsoDuration, Shape, Slug, Where

Result = Literal["sent", "delivered", "clicked", "failed", "withheld"]
# Each result is a fact on the log, which remembers channel, topic and template also when these are renamed or gone.
FACTS: dict[str, str] = {
    "sent": "Message Sent",
    "delivered": "Message Delivered",
    "clicked": "Message Clicked",
    "failed": "Message Failed",
    "withheld": "Message Withheld",
}


class MessageTest(Shape):
    """A message came to this `result`, as often as `count` says (default: once or more), in the last `within`."""

    result: Result
    channel: Literal["sms", "email", "line"] | None = None
    topic: Slug | None = None
    template: Slug | None = None
    count: Compare | None = None
    within: IsoDuration | None = None


def message(test: MessageTest, context: Context) -> Q:
    where = [
        Where(property=name, op="eq", value=value)
        for name in ("channel", "topic", "template")
        if (value := getattr(test, name))
    ]
    return happened(EventTest(name=FACTS[test.result], count=test.count, within=test.within, where=where), context)


register("message", MessageTest, message)
