"""What messages are about."""

from __future__ import annotations

from django.db import transaction

from crm.models import Topic


@transaction.atomic
def create_topic(*, slug: str, name: str, is_marketing: bool) -> Topic:
    """
    Add a topic. Whether it is marketing is settled for good: people agree, or do not, to what it is.

    Raises:
        django.core.exceptions.ValidationError: the slug is taken, or a value its field cannot hold.
    """
    topic = Topic(slug=slug, name=name, is_marketing=is_marketing)
    topic.full_clean()
    topic.save()
    return topic


def rename_topic(topic: Topic, name: str) -> Topic:
    """
    Call the topic something else.

    Raises:
        django.core.exceptions.ValidationError: an empty or too long name.
    """
    topic.name = name
    topic.full_clean()
    topic.save(update_fields=["name"])
    return topic
