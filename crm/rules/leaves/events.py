"""The leaf about what customers did: events of the log, counted."""

from __future__ import annotations

from django.db.models import Q

from crm.models import Event
from crm.rules import properties
from crm.rules.conditions import Context, register
from crm.rules.schema import Compare, IsoDuration, Name, Shape, WhereList, within_delta
from crm.rules.sets import counted


class EventTest(Shape):
    """Did `name`, as often as `count` says (default: once or more), in the last `within`, with these properties."""

    name: Name
    count: Compare | None = None
    within: IsoDuration | None = None
    where: WhereList = []


def happened(test: EventTest, context: Context) -> Q:
    """Customers for whom `test` holds. What has not happened yet at `now` does not count."""
    events = Event.objects.filter(name=test.name, occurred_at__lte=context.now)
    if test.within:
        events = events.filter(occurred_at__gte=context.now - within_delta(test.within))
    return counted(context.of_batch(events.filter(properties.condition(test.where))), test.count)


register("event", EventTest, happened)
