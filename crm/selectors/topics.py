"""Topics, which several parts of a page ask for."""

from crm.lib.memo import once
from crm.models import Topic, User


def topics_for(user: User) -> list[Topic]:
    """All topics, service ones first; one query for as long as `user` lives."""
    return once(user, "topics", lambda: list(Topic.objects.all()))
